"""Alerts, and what is sent of them to one receiver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, sorted by name; none of the values is empty."""


def labels(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """The pairs as Labels: sorted, those with an empty value left out, as Alertmanager does."""
    return tuple(sorted((name, value) for name, value in dict(pairs).items() if value))


def fingerprint(identity: Labels) -> str:
    """16 hex digits that stand for a set of labels, the same on every host and in every version."""
    return sha256(repr(identity).encode()).hexdigest()[:16]


class AlertSeverity(StrEnum):
    """CRITICAL: somebody should look now. WARNING: in the morning. INFO: nobody needs to."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that is wrong, or was. Its labels are its identity; the rest may change while it goes on.

    labels: always alertname, severity and director; service, pool, server, host and others where they apply.
    annotations: in the order in which they are to be shown: summary (one line), then further facts. starts_at, ends_at:
    Unix time; ends_at None: it is firing.
    """

    labels: Labels
    annotations: tuple[tuple[str, str], ...]
    starts_at: float
    ends_at: float | None = None

    @property
    def name(self) -> str:
        return self.label("alertname")

    @property
    def severity(self) -> AlertSeverity:
        return AlertSeverity(self.label("severity"))

    @property
    def summary(self) -> str:
        return dict(self.annotations).get("summary", self.name)

    @property
    def firing(self) -> bool:
        return self.ends_at is None

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.labels)

    def label(self, name: str) -> str:
        """The value of a label, "" if it has none."""
        for key, value in self.labels:
            if key == name:
                return value
        return ""


class Reason(StrEnum):
    """Why a notification is sent.

    FIRST: of its group. NEW: alerts came to it. RESOLVED: some ended, and none came. REPEAT: nothing is new, the repeat
    interval is over. TEST: an operator asked for it; it is about nothing.
    """

    FIRST = "first"
    NEW = "new"
    RESOLVED = "resolved"
    REPEAT = "repeat"
    TEST = "test"


class Status(StrEnum):
    """RESOLVED: every alert in it has ended."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one receiver about one group of alerts.

    id: the same however often this message is handed over or tried (Standard Webhooks' webhook-id). group_key: names
    the group, the same for every message about it. alerts: every alert of the group that fires and is not muted, then
    those that ended since the last message, each once. at: Unix time at which it was made. begun: fingerprints of those
    of which no message before this one told; one that is among them and has ended is news to the receiver as a whole.
    """

    id: str
    receiver: str
    group_key: str
    group_labels: Labels
    alerts: tuple[Alert, ...]
    at: float
    reason: Reason
    begun: frozenset[str] = frozenset()

    @property
    def status(self) -> Status:
        return Status.FIRING if any(alert.firing for alert in self.alerts) else Status.RESOLVED

    @property
    def common_labels(self) -> Labels:
        """What all of its alerts have in common."""
        return _common([alert.labels for alert in self.alerts])

    @property
    def common_annotations(self) -> Labels:
        return _common([alert.annotations for alert in self.alerts])


def _common(many: list[Labels]) -> Labels:
    if not many:
        return ()
    shared = set(many[0]).intersection(*many[1:])
    return tuple(pair for pair in many[0] if pair in shared)
