"""Which receivers an alert goes to, and in which of their groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lvsctl.decide.alerting.catalogue import FLAPPING, KINDS
from lvsctl.decide.alerting.state import Entry
from lvsctl.model import Alert, Alerting, Labels, Route, labels

_OF = {kind.name: kind.event for kind in KINDS.values()}


@dataclass(frozen=True, slots=True)
class Address:
    """One group of one receiver. key: names it everywhere, like Alertmanager's groupKey."""

    route: Route
    receiver: str
    labels: Labels

    @property
    def key(self) -> str:
        grouped = ", ".join(f'{name}="{value}"' for name, value in self.labels)
        return f"{self.receiver}/{self.route.id}:{{{grouped}}}"


def addresses(entry: Entry, alerting: Alerting) -> list[Address]:
    """The groups that are to hear of it: of each receiver one, that of the first route that leads to it.

    A receiver is never told that itself cannot be reached.
    """
    found: dict[str, Address] = {}
    unreachable = entry.alert.label("receiver")
    for service in services_of(entry.alert):
        for route in _routes(entry, service, alerting):
            for receiver in route.receivers:
                if receiver != unreachable:
                    found.setdefault(receiver, Address(route, receiver, _grouped(route, entry.alert)))
    return list(found.values())


def services_of(alert: Alert) -> tuple[str, ...]:
    """The services that an alert is about; of a host that is down, each that has servers there. ("",): of none."""
    if service := alert.label("service"):
        return (service,)
    listed = dict(alert.annotations).get("services", "")
    return tuple(listed.split(", "))


def _routes(entry: Entry, service: str, alerting: Alerting) -> Iterator[Route]:
    for route in alerting.routes:
        if _leads(route, entry, service):
            yield route
            if not route.proceed:
                return


def _leads(route: Route, entry: Entry, service: str) -> bool:
    events = {entry.event}
    if entry.event == FLAPPING:  # who wants to hear of a server that is down wants to hear of one that comes and goes
        events.add(_OF.get(entry.alert.label("of"), ""))
    return (
        (not route.events or not route.events.isdisjoint(events))
        and (not route.services or any(service and fnmatchcase(service, glob) for glob in route.services))
        and entry.alert.severity in route.severities
    )


def _grouped(route: Route, alert: Alert) -> Labels:
    by = route.grouping.by
    return alert.labels if by is None else labels({name: alert.label(name) for name in by})
