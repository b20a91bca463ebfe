"""What has to be remembered from one step to the next, restarts included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvsctl.model import Alert, Alerting, Labels, Notification, Silence

Key = str
"""Names one condition ("ServerDown of this server"): the fingerprint of its alert's labels, without the site's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One condition, with the alert that it makes or last made.

    event: that begins it. once: it is over as soon as it is told; once_until: when its alert ends. changes: when it
    began or ended lately, oldest first. flaps: how often it has flapped. flap_until: while it flaps, when that ends if
    nothing changes.
    """

    alert: Alert
    event: str
    once: bool = False
    once_until: float | None = None
    changed_at: float = 0.0
    changes: tuple[float, ...] = ()
    flaps: int = 0
    flap_until: float | None = None

    @property
    def firing(self) -> bool:
        return self.alert.firing


@dataclass(frozen=True, slots=True)
class Group:
    """What one receiver is told in one message.

    members: conditions that it is to hear of. told: those that it was told are firing, and not yet that they ended.
    made: when, Unix time. sent_at: of the newest message. news_at: since when there is something to tell. sent:
    messages so far. due: when to look at it again.
    """

    key: str
    route: str
    receiver: str
    labels: Labels
    made: float
    members: frozenset[Key] = frozenset()
    told: frozenset[Key] = frozenset()
    sent_at: float | None = None
    news_at: float | None = None
    sent: int = 0
    due: float | None = None


@dataclass(frozen=True, slots=True)
class Visited:
    """With what the groups were looked at last: what is as it was then needs no other look."""

    alerting: Alerting
    muted: frozenset[Key]


@dataclass(frozen=True, slots=True)
class State:
    """Everything. outbox: made and not known to have been handed over; a restart hands them over again, ids unchanged.
    What a receiver that cannot be used is to hear stays there until it can be.

    hosts: how many checked servers are on each address. routed: the routes by which the groups were made. at: of the
    newest step, Unix time. visited: None after a restart; it is no part of what has to be kept.
    """

    entries: Mapping[Key, Entry] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    outbox: tuple[Notification, ...] = ()
    hosts: Mapping[str, int] = field(default_factory=dict)
    routed: tuple[str, ...] = ()
    at: float = field(default=0.0, compare=False)
    visited: Visited | None = field(default=None, compare=False)
