"""Compile `alerts:` of all files: names resolved, defaults filled, what would never be heard of said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from lvsctl.config import alerts as form
from lvsctl.config.alert_receivers import receiver_of
from lvsctl.config.document import Place, shown
from lvsctl.config.wording import did_you_mean
from lvsctl.decide.alerting.catalogue import EVENTS, LABELS
from lvsctl.model import (
    LOUD,
    Alerting,
    AlertSeverity,
    Flapping,
    Grouping,
    Problem,
    Quiet,
    Receiver,
    Route,
    Severity,
    labels,
)

_SECTIONS = {"receivers": "the receiver", "quiet": "the quiet hours", "labels": "the label"}

Parts = Sequence[tuple[Place, form.Alerts]]
"""`alerts:` of each file, with its place."""


def compile_alerting(parts: Parts, services: frozenset[str], *, complete: bool) -> tuple[Alerting, list[Problem]]:
    """What the files say together. services: names of those in conf.d.

    complete: whether everything could be read; if not, names that are not found are not held against a route.
    """
    problems = list(_twice(parts))
    compiled = _Compiler(parts, services, problems, complete=complete).compile()
    return compiled, problems


def _twice(parts: Parts) -> Iterator[Problem]:
    first: dict[tuple[str, str], Place] = {}
    for place, written in parts:
        for key in sorted(written.model_fields_set - {"routes"}):
            section = getattr(written, key)
            names = [*section] if key in _SECTIONS else [""]
            for name in names:
                at = place.at(key, name) if name else place.at(key)
                before = first.setdefault((key, name), at)
                if before is not at:
                    what = f"{_SECTIONS[key]} `{shown(name)}`" if name else f"the setting `{key}`"
                    yield at.problem(f"{what} is already defined at {before}: remove one of the two", key=True)


@dataclass(frozen=True, slots=True)
class _Written:
    """A route as it stands in a file."""

    place: Place
    form: form.Route


class _Compiler:
    def __init__(self, parts: Parts, services: frozenset[str], problems: list[Problem], *, complete: bool) -> None:
        self._parts = parts
        self._services = services
        self._problems = problems
        self._complete = complete
        self._quiet: dict[str, Quiet] = {}
        self._receivers: dict[str, Receiver] = {}
        self._labels = {name: value for _, one in parts for name, value in (one.labels or {}).items()}

    def compile(self) -> Alerting:
        places = {}
        for place, one in self._parts:
            for name, quiet in (one.quiet or {}).items():
                days = quiet.days if quiet.days is not None else frozenset(range(7))
                self._quiet[name] = Quiet(name, days, quiet.start, quiet.end, quiet.zone)
            for name, receiver in (one.receivers or {}).items():
                places[name] = place.at("receivers", name)
                self._receivers[name] = receiver_of(name, receiver, places[name], self._problems)
        for place, one in self._parts:
            for name in one.labels or {}:
                if name in LABELS - {"director"}:
                    self._say(place.at("labels", name), "is a label of lvsctl's own: choose another name", key=True)
        written = [
            _Written(place.at("routes", index), route)
            for place, one in self._parts
            for index, route in enumerate(one.routes or ())
        ]
        routes = self._routes(written)
        named = {name for route in routes for name in route.receivers}
        for name, place in places.items():
            if name not in named and self._complete:
                message = f"no route leads to `{name}`: write `to: {name}` in one under `alerts.routes`"
                self._say(place, message, severity=Severity.WARNING)
        return Alerting(self._receivers, tuple(routes), self._flapping(), labels(self._labels))

    def _flapping(self) -> Flapping | None:
        written = self._setting("flapping")
        if written is None:
            return Flapping()
        if not written.changes:
            return None
        return Flapping(written.changes, written.within, written.stable, written.longest)

    def _setting(self, key: str) -> Any:
        return next((value for _, one in self._parts if (value := getattr(one, key)) is not None), None)

    # --- routes ---------------------------------------------------------------------------------------------------

    def _routes(self, written: Sequence[_Written]) -> list[Route]:
        routes: list[Route] = []
        ids: dict[str, int] = {}
        for one in written:
            route = self._route(one)
            count = ids[route.id] = ids.get(route.id, 0) + 1
            shadow = next((at for at, before in zip(written, routes, strict=False) if _covers(before, route)), None)
            if shadow is not None:
                message = (
                    f"is never reached: the route at {shadow.place} takes everything; move it up, or `continue` there"
                )
                self._say(one.place, message, severity=Severity.WARNING)
            routes.append(route if count == 1 else _renamed(route, count))
        return routes

    def _route(self, one: _Written) -> Route:
        written, place, whole = one.form, one.place, self._complete
        self._known(place, "to", written.to, self._receivers, "receiver", judge=whole)
        self._known(place, "event", written.event or (), EVENTS, "event", that=" that begins an alert")
        self._known(
            place, "quiet", written.quiet or (), self._quiet, "period", that=" of quiet hours", judge=self._complete
        )
        self._service_names(place, written.service or ())
        severities = frozenset(written.severity or (AlertSeverity if written.event else LOUD))
        grouping = self._grouping(one)
        quiet = tuple(self._quiet[name] for name in written.quiet or () if name in self._quiet)
        feeds = [name for name in written.to if name in self._receivers and self._receivers[name].feed]
        if quiet and feeds:
            message = (
                f"`{feeds[0]}` is an Alertmanager, which takes for ended what it is not told of: set the hours there"
            )
            self._say(place.at("quiet"), message)
        by = "each" if grouping.by is None else ",".join(grouping.by)
        said = (written.event, written.service, sorted(severities) if severities != LOUD else None)
        parts = ["+".join(map(str, one)) if one else "*" for one in said]
        return Route(
            f"{'/'.join(parts)} by {by}",
            tuple(dict.fromkeys(written.to)),
            frozenset(written.event or ()),
            written.service or (),
            severities,
            written.continue_,
            grouping,
            quiet,
        )

    def _known(
        self,
        place: Place,
        key: str,
        names: Sequence[str],
        known: Mapping[str, object] | frozenset[str],
        noun: str,
        *,
        that: str = "",
        judge: bool = True,
    ) -> None:
        for index, name in enumerate(names):
            if name not in known and judge:
                meant = did_you_mean(name, sorted(known))
                hint = f"did you mean `{meant}`?" if meant else f"known are {', '.join(sorted(known)) or 'none'}"
                self._say(_item(place.at(key), index), f"there is no {noun} `{shown(name)}`{that}: {hint}")

    def _service_names(self, place: Place, globs: Sequence[str]) -> None:
        for index, glob in enumerate(globs):
            if not self._complete or any(fnmatchcase(name, glob) for name in self._services):
                continue
            meant = did_you_mean(glob, sorted(self._services))
            hint = f"did you mean `{meant}`?" if meant else "define it, or correct this"
            self._say(_item(place.at("service"), index), f"there is no service `{shown(glob)}`: {hint}")

    def _grouping(self, one: _Written) -> Grouping:
        default = Grouping()
        by = self._take(one, "group_by", default.by)
        for index, name in enumerate(by or ()):
            known = sorted({*LABELS, *self._labels})
            if name not in known and by != ("each",):
                meant = did_you_mean(name, known)
                hint = f"did you mean `{meant}`?" if meant else f"known are {', '.join(known)}"
                place = one.place.at("group_by") if one.form.group_by is not None else self._where("group_by")
                self._say(_item(place, index), f"there is no label `{shown(name)}`: {hint}")
        interval = self._take(one, "group_interval", default.interval)
        repeat = self._take(one, "repeat_interval", default.repeat)
        if repeat < interval:
            place = one.place.at("repeat_interval") if one.form.repeat_interval is not None else one.place
            self._say(place, "the `repeat_interval` is shorter than the `group_interval`: make it longer")
        return Grouping(None if by == ("each",) else by, self._take(one, "group_wait", default.wait), interval, repeat)

    def _take(self, one: _Written, key: str, default: Any) -> Any:
        own = getattr(one.form, key)
        common = self._setting(key)
        return own if own is not None else common if common is not None else default

    def _where(self, key: str) -> Place:
        return next(place.at(key) for place, one in self._parts if getattr(one, key) is not None)

    def _say(self, place: Place, message: str, *, key: bool = False, severity: Severity = Severity.ERROR) -> None:
        problem = place.problem(message, key=key, severity=severity)
        if problem not in self._problems:
            self._problems.append(problem)


def _item(place: Place, index: int) -> Place:
    return place.at(index) if isinstance(place.value, list) else place


def _covers(before: Route, after: Route) -> bool:
    everything = not before.events and not before.services and not before.proceed
    return everything and before.severities >= after.severities


def _renamed(route: Route, count: int) -> Route:
    """Two routes for the same alerts are two all the same."""
    return replace(route, id=f"{route.id} #{count}")
