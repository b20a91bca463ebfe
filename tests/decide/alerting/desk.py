"""A desk at which alerts are heard: records go in at their time, time passes, messages pile up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from lvsctl.decide.alerting.engine import step
from lvsctl.decide.alerting.happening import Happening, SilenceBegun, Standing
from lvsctl.decide.alerting.matching import matcher
from lvsctl.decide.alerting.state import State
from lvsctl.decide.alerting.written import state_from_json, state_json
from lvsctl.model import (
    Alert,
    Alerting,
    Alertmanager,
    AlertSeverity,
    Flapping,
    Grouping,
    Level,
    Notification,
    Quiet,
    Receiver,
    Record,
    Route,
    Secret,
    Silence,
    Slack,
    Told,
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC).timestamp()  # a Monday morning
EVERY_SEVERITY = frozenset(AlertSeverity)


def receiver(name: str, *, resolved: bool = True) -> Receiver:
    return Receiver(name, Slack(Secret("https://hooks.example/x")), send_resolved=resolved)


def alertmanager(name: str) -> Receiver:
    return Receiver(name, Alertmanager(("http://am.example:9093",)))


def route(
    *to: str,
    events: str = "",
    services: str = "",
    severities: frozenset[AlertSeverity] = EVERY_SEVERITY,
    proceed: bool = False,
    grouping: Grouping | None = None,
    quiet: tuple[Quiet, ...] = (),
    name: str = "",
) -> Route:
    return Route(
        name or f"{events}|{services}|{sorted(severities)}|{' '.join(to)}",
        to,
        frozenset(events.split()),
        tuple(services.split()),
        severities,
        proceed,
        grouping or Grouping(),
        quiet,
    )


def alerting(*routes: Route, flapping: Flapping | None = None, **receivers: Receiver) -> Alerting:
    """With the receivers that the routes name, as they are given or else of any kind."""
    names = {name for one in routes for name in one.receivers}
    return Alerting({name: receivers.get(name, receiver(name)) for name in sorted(names)}, routes, flapping)


OPS = alerting(route("ops"))


def server_down(server: int = 1, service: str = "shop", *, host: int | None = None) -> Record:
    """On a host of its own, or on port number `server` of a host."""
    where = f"10.0.0.{server}:80" if host is None else f"10.0.0.{host}:{server}"
    fields = {"check": "tcp", "code": "L4CON", "detail": "connection refused"}
    return Record("server_down", Level.WARNING, "server is down", service, "web", where, fields)


def server_up(server: int = 1, service: str = "shop", *, host: int | None = None) -> Record:
    where = f"10.0.0.{server}:80" if host is None else f"10.0.0.{host}:{server}"
    return Record("server_up", Level.INFO, "server is up", service, "web", where, {"code": "L4OK"})


def service_down(service: str = "shop") -> Record:
    return Record("service_down", Level.ERROR, "service is down", service, fields={"why": "nobody is alive"})


def service_ok(service: str = "shop") -> Record:
    return Record("service_ok", Level.INFO, "service is ok", service)


def of_director(event: str, message: str = "…", **fields: object) -> Record:
    return Record(event, Level.ERROR, message, fields=fields)


@dataclass
class Desk:
    """Times are seconds after START. restarts: whether everything is read back from text after each step."""

    alerting: Alerting = field(default_factory=lambda: OPS)
    restarts: bool = False
    state: State = field(default_factory=State)
    sent: list[Notification] = field(default_factory=list)
    now: float = START
    next_at: float | None = None

    def at(self, seconds: float, *happenings: Happening | Record) -> Desk:
        """Let time pass until then, and hear what happens at that moment."""
        self.until(seconds)
        self.now = max(self.now, START + seconds)
        self._step(*(Told(0, self.now, one) if isinstance(one, Record) else one for one in happenings))
        return self

    def until(self, seconds: float) -> Desk:
        """Let time pass, with every step when it is due."""
        steps = 0
        while self.next_at is not None and self.next_at <= START + seconds:
            self.now = max(self.now, self.next_at)
            self._step()
            steps += 1
            assert steps < 10_000, "it never comes to rest"
        return self

    def _step(self, *happenings: Happening) -> None:
        done = step(self.state, self.alerting, happenings, self.now)
        assert done.state.outbox == (*self.state.outbox, *done.notifications)
        self.sent += done.notifications
        self.state, self.next_at = replace(done.state, outbox=()), done.next_at
        if self.restarts:
            self.state = state_from_json(json.loads(json.dumps(state_json(self.state))))

    @property
    def story(self) -> list[str]:
        """Each message as "30 first ops: +ServerDown 10.0.0.1:80 -ServiceDown shop"."""
        lines = [
            (one.at, f"{one.at - START:g} {one.reason} {one.receiver}: {' '.join(told(one))}") for one in self.sent
        ]
        return [line for _, line in sorted(lines)]


def told(message: Notification) -> list[str]:
    """The alerts of a message, + for firing and - for ended, with what they are about, sorted."""
    return sorted(("+" if alert.firing else "-") + " ".join(_words(alert)) for alert in message.alerts)


def _words(alert: Alert) -> list[str]:
    about = next((alert.label(name) for name in ("server", "host", "service") if alert.label(name)), "")
    return [word for word in (alert.name, alert.label("of"), about) if word]


def silence(*matchers: str, name: str = "s1", until: float = 3600.0) -> SilenceBegun:
    parsed = tuple(matcher(one) for one in matchers)
    return SilenceBegun(Silence(name, parsed, "alice (uid 1000)", "new disk", START, START + until))


def standing(
    *holds: Record, judged: str = "server_down service_down", services: str = "shop", **hosts: int
) -> Standing:
    named: Mapping[str, int] = {f"10.0.0.{host.removeprefix('h')}": count for host, count in hosts.items()}
    return Standing(frozenset(judged.split()), holds, frozenset(services.split()), named)
