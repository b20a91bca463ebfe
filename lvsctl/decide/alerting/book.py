"""What goes on now: records and the standing of things become conditions that begin, end and flap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from lvsctl.decide.alerting import catalogue
from lvsctl.decide.alerting.catalogue import FLAPPING, HOST_DOWN, KINDS, Kind
from lvsctl.decide.alerting.happening import Standing
from lvsctl.decide.alerting.state import Entry, Key
from lvsctl.model import Alert, Alerting, Flapping, Labels, Record, fingerprint, labels

ONCE = 300.0
"""Seconds after which an alert ends that is over as soon as it is told, if it does not happen again."""

DOUBT = 60.0
"""Seconds after the first complete round in which what went on before a restart must be heard of again."""

_SERVER_DOWN, _HOST_DOWN = KINDS["server_down"], KINDS[HOST_DOWN]
_MANY = 2  # servers on an address; one that is down speaks for itself


class Book:
    """The conditions while one step works on them. `now` and `at` are Unix time."""

    def __init__(self, entries: Mapping[Key, Entry], hosts: Mapping[str, int], alerting: Alerting, now: float) -> None:
        self.entries = dict(entries)
        self.hosts = dict(hosts)
        self.begun: set[Key] = set()
        self._site = alerting.labels
        self._flapping = alerting.flapping
        self._now = now
        self._servers_changed = False

    # --- what is heard --------------------------------------------------------------------------------------------

    def hear(self, record: Record, at: float) -> None:
        """Take one record in."""
        for kind in catalogue.ended_by(record.event):
            self._end(fingerprint(catalogue.identity(kind, record)), at, catalogue.ended(record))
        if (begins := KINDS.get(record.event)) is not None:
            self._hear_of(begins, record, at)

    def _hear_of(self, kind: Kind, record: Record, at: float) -> None:
        until = at + ONCE if kind.once else None
        self._begin(catalogue.identity(kind, record), kind.event, catalogue.facts(record), at, until)

    def compare(self, standing: Standing) -> None:
        """Put right what was missed."""
        self.hosts = dict(standing.hosts)
        self._servers_changed = True
        holding = {}
        for record in standing.holds:
            kind = KINDS[record.event]
            holding[fingerprint(catalogue.identity(kind, record))] = (kind, record)
        for key, (kind, record) in holding.items():
            if (entry := self.entries.get(key)) is None or not entry.firing:
                self._hear_of(kind, record, self._now)
            elif entry.doubted:
                self.entries[key] = replace(entry, doubted=False, doubt_until=None)
        unsure = {fingerprint(catalogue.identity(KINDS[one.event], one)) for one in standing.unsure}
        for key, entry in list(self.entries.items()):
            service = entry.alert.label("service")
            gone = service and service not in standing.services
            if key in unsure and entry.doubt_until is not None:
                self.entries[key] = replace(entry, doubt_until=self._now + DOUBT)
            if entry.firing and key not in holding and key not in unsure and (entry.event in standing.judged or gone):
                self._end(key, self._now, "no longer in conf.d" if gone else "no longer so")

    def settle(self) -> None:
        """Give what is doubted a last chance to be heard of."""
        for key, entry in self.entries.items():
            if entry.doubted and entry.firing and entry.event not in (HOST_DOWN, FLAPPING):
                self.entries[key] = replace(entry, doubt_until=self._now + DOUBT)

    # --- what time does -------------------------------------------------------------------------------------------

    def pass_time(self) -> None:
        """End what ends by itself, then say what follows from the rest."""
        for key, entry in list(self.entries.items()):
            for until in (entry.once_until, entry.doubt_until):
                if until is not None and until <= self._now and entry.firing:
                    self._end(key, until, "not heard of again")
            if entry.flap_until is not None and (self._flapping is None or entry.flap_until <= self._now):
                self._stable(key)
        if self._servers_changed:
            self._judge_hosts()

    def forget(self, needed: frozenset[Key]) -> None:
        """Drop what is over, unless somebody is still to be told of it, or it may prove to flap."""
        memory = self._flapping or Flapping(within=0, longest=0)
        for key, entry in list(self.entries.items()):
            if not entry.firing and entry.flap_until is None and key not in needed:
                until = entry.changed_at + (memory.longest if entry.flaps else memory.within)
                if until <= self._now:
                    del self.entries[key]

    def next_at(self) -> float | None:
        """When `pass_time` has something to do, if nothing else happens before."""
        times = [
            until
            for entry in self.entries.values()
            for until in (
                *((entry.once_until, entry.doubt_until) if entry.firing else ()),
                entry.flap_until,
            )
            if until is not None
        ]
        return min(times, default=None)

    # --- beginnings and ends --------------------------------------------------------------------------------------

    def _begin(
        self,
        identity: Labels,
        event: str,
        annotations: tuple[tuple[str, str], ...],
        at: float,
        once_until: float | None = None,
    ) -> None:
        key = fingerprint(identity)
        entry = self.entries.get(key)
        if entry is not None and entry.firing:  # it goes on: what was told of it stays, but for what is new to say
            alert = replace(entry.alert, annotations=annotations)
            self.entries[key] = replace(entry, alert=alert, once_until=once_until, doubted=False, doubt_until=None)
            return
        known = entry.alert.labels if entry is not None else labels((*self._site, *identity))
        alert = Alert(known, annotations, at)
        entry = replace(
            entry or Entry(alert, event, once_until is not None),
            alert=alert,
            once_until=once_until,
            doubted=False,
            doubt_until=None,
        )
        self._changed(key, entry, at)
        self.begun.add(key)

    def _end(self, key: Key, at: float, how: str) -> None:
        entry = self.entries.get(key)
        if entry is None or not entry.firing:
            return
        alert = entry.alert
        over = replace(alert, ends_at=max(at, alert.starts_at), annotations=(*alert.annotations, ("ended", how)))
        self._changed(key, replace(entry, alert=over, once_until=None, doubted=False, doubt_until=None), at)

    def _changed(self, key: Key, entry: Entry, at: float) -> None:
        self._servers_changed |= entry.event == _SERVER_DOWN.event
        limit = self._flapping
        if limit is None or entry.event == FLAPPING:
            self.entries[key] = replace(entry, changed_at=at, changes=())
            return
        flaps = entry.flaps if at - entry.changed_at < limit.longest else 0
        changes = (*(one for one in entry.changes if at - one < limit.within), at)
        entry = replace(entry, changed_at=at, changes=changes, flaps=flaps)
        if entry.flap_until is not None:
            entry = replace(entry, changes=(), flap_until=at + limit.hold(flaps))
        elif len(changes) >= limit.changes:
            entry = replace(entry, changes=(), flaps=flaps + 1, flap_until=at + limit.hold(flaps + 1))
            self._flaps(entry, at, limit)
        self.entries[key] = entry

    # --- what follows ---------------------------------------------------------------------------------------------

    def _flaps(self, entry: Entry, at: float, limit: Flapping) -> None:
        facts = [pair for pair in entry.alert.annotations if pair[0] == "services"]
        told = f"{_about(entry)} comes and goes: {limit.changes} changes within {limit.within / 60:g} minutes"
        self._begin(_flapping(entry), FLAPPING, (("summary", told), *facts), at)

    def _stable(self, key: Key) -> None:
        entry = self.entries[key]
        state = "it goes on" if entry.firing else "it is over"
        self._end(fingerprint(_flapping(entry)), self._now, f"no change for a while: {state}")
        self.entries[key] = replace(entry, flap_until=None, changes=())

    def _judge_hosts(self) -> None:
        down: dict[str, list[Alert]] = defaultdict(list)
        for entry in self.entries.values():
            if entry.firing and entry.event == _SERVER_DOWN.event:
                down[entry.alert.label("host")].append(entry.alert)
        for host, alerts in down.items():
            if _MANY <= self.hosts.get(host, 0) <= len(alerts):
                self._begin(_of_host(host), HOST_DOWN, _host_facts(host, alerts), self._now)
        for entry in list(self.entries.values()):
            host = entry.alert.label("host")
            if entry.event == HOST_DOWN and entry.firing and not _MANY <= self.hosts.get(host, 0) <= len(down[host]):
                self._end(fingerprint(_of_host(host)), self._now, "a server on it is up, or is no longer in conf.d")


def _about(entry: Entry) -> str:
    alert = entry.alert
    subject = "/".join(value for name in ("service", "server") if (value := alert.label(name))) or alert.label("host")
    return f"{alert.name} of {subject}" if subject else alert.name


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
