"""Which alerts nobody needs to hear of now, because another says it all, or an operator said so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lvsctl.decide.alerting.catalogue import FLAPPING, KINDS
from lvsctl.decide.alerting.matching import silenced_by
from lvsctl.decide.alerting.state import Entry, Key
from lvsctl.model import Alert, Silence


@dataclass(frozen=True, slots=True)
class Rule:
    """While an alert `source` fires, alerts `targets` with the same value of the label `same` are not told.

    same: "": whatever their labels.
    """

    source: str
    targets: frozenset[str]
    same: str


_OF_A_SERVICE = frozenset({"ServerDown", "SpillActive", "PoolExhausted", "CapacityHigh"})
RULES = (
    Rule("DirectorSuspected", frozenset({"ServerDown", "HostDown", "ServiceDown", "StepsWithheld"}), ""),
    Rule("HostDown", frozenset({"ServerDown"}), "host"),
    Rule("ServiceDown", _OF_A_SERVICE, "service"),
    Rule("ServiceRefused", _OF_A_SERVICE, "service"),
)
"""An alert that flaps counts as one that fires, on both sides."""

_SOURCES = frozenset(kind.event for kind in KINDS.values() if kind.name in {rule.source for rule in RULES})


@dataclass(frozen=True, slots=True)
class Mute:
    """Why an alert is not told: by which silences' ids, by which alerts' names. flapping: it is told as flapping."""

    silence: str | None = None
    by: str | None = None
    flapping: bool = False


def mutes(entries: Mapping[Key, Entry], silences: Iterable[Silence]) -> dict[Key, Mute]:
    """Of every condition that is muted now."""
    sources = _sources(entries)
    said = tuple(silences)
    found: dict[Key, Mute] = {}
    for key, entry in entries.items():
        silence = silenced_by(said, entry.alert) if said else None
        by = _inhibited(entry.alert, sources) if sources else None
        if silence is not None or by is not None or entry.flap_until is not None:
            found[key] = Mute(silence, by, entry.flap_until is not None)
    return found


def _sources(entries: Mapping[Key, Entry]) -> set[tuple[str, str]]:
    """Name of the alert, and the value of the label that its rule compares, of each that mutes others."""
    return {
        (rule.source, entry.alert.label(rule.same))
        for entry in entries.values()
        if (entry.event == FLAPPING or entry.event in _SOURCES) and entry.alert.firing
        for rule in RULES
        if rule.source == _speaks_of(entry.alert)
    }


def _inhibited(alert: Alert, sources: set[tuple[str, str]]) -> str | None:
    name = _speaks_of(alert)
    for rule in RULES:
        if name in rule.targets and (rule.source, alert.label(rule.same)) in sources:
            return rule.source
    return None


def _speaks_of(alert: Alert) -> str:
    return alert.label("of") if alert.name == FLAPPING.capitalize() else alert.name
