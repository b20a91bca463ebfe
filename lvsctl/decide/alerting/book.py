"""What goes on now: records and the standing of things become conditions that begin, end and flap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lvsctl.decide.alerting import catalogue
from lvsctl.decide.alerting.catalogue import FLAPPING, HOST_DOWN, KINDS, Kind
from lvsctl.decide.alerting.happening import Standing
from lvsctl.decide.alerting.state import Entry, Group, Key
from lvsctl.decide.explain.times import span
from lvsctl.model import Alert, Alerting, Flapping, Labels, Record, fingerprint, labels

ONCE = 300.0
"""Seconds after which an alert ends that is over as soon as it is told, if it does not happen again."""

_SERVER_DOWN, _HOST_DOWN = KINDS["server_down"], KINDS[HOST_DOWN]
_MANY = 2  # servers on an address; one that is down speaks for itself


class Book:
    """The conditions while one step works on them. `now` and `at` are Unix time.

    begun: those whose alert has begun in this step; touched: those that are not as they were before it.
    """

    def __init__(self, entries: Mapping[Key, Entry], hosts: Mapping[str, int], alerting: Alerting, now: float) -> None:
        self.entries = dict(entries)
        self.hosts = dict(hosts)
        self.begun: set[Key] = set()
        self.touched: set[Key] = set()
        self._site = alerting.labels
        self._flapping = alerting.flapping
        self._now = now
        self._servers_changed = False

    # --- what is heard --------------------------------------------------------------------------------------------

    def hear(self, record: Record, at: float) -> None:
        """Take one record in."""
        for kind in catalogue.ended_by(record.event):
            self._end(catalogue.identified(kind, record)[0], at, catalogue.ended(record))
        if (begins := KINDS.get(record.event)) is not None:
            self._hear_of(begins, record, at)

    def _hear_of(self, kind: Kind, record: Record, at: float) -> None:
        until = at + ONCE if kind.once else None
        self._begin(catalogue.identified(kind, record), kind.event, catalogue.facts(record), at, until)

    def compare(self, standing: Standing) -> None:
        """Put right what was missed."""
        if self.hosts != standing.hosts:
            self.hosts = dict(standing.hosts)
            self._servers_changed = True
        holding = {_key(record): record for record in standing.holds}
        for key, record in holding.items():
            if (entry := self.entries.get(key)) is None or not entry.firing:
                self._hear_of(KINDS[record.event], record, self._now)
        unsure = {_key(record) for record in standing.unsure}
        for key, entry in list(self.entries.items()):
            service = entry.alert.label("service")
            gone = service and service not in standing.services
            if entry.firing and key not in holding and key not in unsure and (entry.event in standing.judged or gone):
                self._end(key, self._now, "no longer in conf.d" if gone else "no longer so")

    # --- what time does -------------------------------------------------------------------------------------------

    def pass_time(self) -> None:
        """End what ends by itself, then say what follows from the rest."""
        for key, entry in list(self.entries.items()):
            if entry.once_until is not None and entry.once_until <= self._now and entry.firing:
                self._end(key, entry.once_until, "not heard of again")
            if entry.flap_until is not None and (self._flapping is None or entry.flap_until <= self._now):
                self._stable(key)
        if self._servers_changed:
            self._judge_hosts()

    def forget(self, groups: Iterable[Group]) -> None:
        """Drop what is over, unless somebody is still to be told of it, or it may prove to flap."""
        memory = self._flapping or Flapping(within=0, longest=0)
        old = [
            key
            for key, entry in self.entries.items()
            if not entry.alert.firing
            and entry.flap_until is None
            and entry.changed_at + (memory.longest if entry.flaps else memory.within) <= self._now
        ]
        needed = frozenset(key for group in groups for key in group.members | group.told) if old else frozenset()
        for key in old:
            if key not in needed:
                del self.entries[key]
                self.touched.add(key)

    def next_at(self) -> float | None:
        """When `pass_time` has something to do, if nothing else happens before."""
        times = [
            until
            for entry in self.entries.values()
            for until in (
                entry.once_until if entry.alert.firing else None,
                entry.flap_until,
            )
            if until is not None
        ]
        return min(times, default=None)

    # --- beginnings and ends --------------------------------------------------------------------------------------

    def _put(self, key: Key, entry: Entry) -> None:
        self.entries[key] = entry
        self.touched.add(key)

    def _begin(
        self,
        who: tuple[Key, Labels],
        event: str,
        annotations: tuple[tuple[str, str], ...],
        at: float,
        once_until: float | None = None,
    ) -> None:
        key, identity = who
        entry = self.entries.get(key)
        if entry is not None and entry.firing:  # it goes on: what was told of it stays, but for what is new to say
            if entry.alert.annotations != annotations or entry.once_until != once_until:
                alert = replace(entry.alert, annotations=annotations)
                self._put(key, replace(entry, alert=alert, once_until=once_until))
            return
        known = entry.alert.labels if entry is not None else labels((*self._site, *identity))
        alert = Alert(known, annotations, at)
        made = entry or Entry(alert, event, once_until is not None)
        self._changed(key, replace(made, alert=alert, once_until=once_until), at)
        self.begun.add(key)

    def _end(self, key: Key, at: float, how: str) -> None:
        entry = self.entries.get(key)
        if entry is None or not entry.firing:
            return
        alert = entry.alert
        over = replace(alert, ends_at=max(at, alert.starts_at), annotations=(*alert.annotations, ("ended", how)))
        self._changed(key, replace(entry, alert=over, once_until=None), at)

    def _changed(self, key: Key, entry: Entry, at: float) -> None:
        self._servers_changed |= entry.event == _SERVER_DOWN.event
        limit = self._flapping
        if limit is None or not _may_flap(entry.event):
            self._put(key, replace(entry, changed_at=at, changes=()))
            return
        flaps = entry.flaps if at - entry.changed_at < limit.longest else 0
        changes = (*(one for one in entry.changes if at - one < limit.within), at)
        entry = replace(entry, changed_at=at, changes=changes, flaps=flaps)
        if entry.flap_until is not None:
            entry = replace(entry, changes=(), flap_until=at + limit.hold(flaps))
        elif len(changes) >= limit.changes:
            entry = replace(entry, changes=(), flaps=flaps + 1, flap_until=at + limit.hold(flaps + 1))
            self._flaps(entry, at, limit)
        self._put(key, entry)

    # --- what follows ---------------------------------------------------------------------------------------------

    def _flaps(self, entry: Entry, at: float, limit: Flapping) -> None:
        facts = [pair for pair in entry.alert.annotations if pair[0] == "services"]
        told = f"{_about(entry)} comes and goes: {limit.changes} changes within {span(limit.within)}"
        identity = _flapping(entry)
        self._begin((fingerprint(identity), identity), FLAPPING, (("summary", told), *facts), at)

    def _stable(self, key: Key) -> None:
        entry = self.entries[key]
        state = "it goes on" if entry.firing else "it is over"
        self._end(fingerprint(_flapping(entry)), self._now, f"no change for a while: {state}")
        self._put(key, replace(entry, flap_until=None, changes=()))

    def _judge_hosts(self) -> None:
        down: dict[str, list[Alert]] = defaultdict(list)
        for entry in self.entries.values():
            if entry.firing and entry.event == _SERVER_DOWN.event:
                down[entry.alert.label("host")].append(entry.alert)
        for host, alerts in down.items():
            if _MANY <= self.hosts.get(host, 0) <= len(alerts):
                identity = _of_host(host)
                self._begin((fingerprint(identity), identity), HOST_DOWN, _host_facts(host, alerts), self._now)
        for entry in [entry for entry in self.entries.values() if entry.event == HOST_DOWN and entry.firing]:
            host = entry.alert.label("host")
            if not _MANY <= self.hosts.get(host, 0) <= len(down[host]):
                self._end(fingerprint(_of_host(host)), self._now, "a server on it is up, or is no longer in conf.d")


def _key(record: Record) -> Key:
    return catalogue.identified(KINDS[record.event], record)[0]


def _about(entry: Entry) -> str:
    alert = entry.alert
    subject = "/".join(value for name in ("service", "server") if (value := alert.label(name))) or alert.label("host")
    return f"{alert.name} of {subject}" if subject else alert.name


def _may_flap(event: str) -> bool:
    return event != FLAPPING and KINDS[event].flaps


def _flapping(entry: Entry) -> Labels:
    alert = entry.alert
    subject = {name: alert.label(name) for name in KINDS[entry.event].subject}
    return labels(
        {**subject, "alertname": FLAPPING.capitalize(), "of": alert.name, "severity": alert.label("severity")}
    )


def _of_host(host: str) -> Labels:
    return labels({"alertname": _HOST_DOWN.name, "severity": str(_HOST_DOWN.severity), "host": host})


def _host_facts(host: str, alerts: list[Alert]) -> tuple[tuple[str, str], ...]:
    services = sorted({alert.label("service") for alert in alerts})
    said = f"every server on {host} is down: {len(alerts)} in {len(services)} service{'s' if len(services) > 1 else ''}"
    return (("summary", said), ("services", ", ".join(services)))
