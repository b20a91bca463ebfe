"""Who should hear of which alerts, when, and who said that they need not: routes, quiet periods, silences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum

from lvsctl.model.alert import AlertSeverity, Labels
from lvsctl.model.receiver import Receiver

LOUD = frozenset({AlertSeverity.CRITICAL, AlertSeverity.WARNING})


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours in which a route is held. days: 0 is Monday; that on which it starts. start, end: minutes since midnight.

    An end that is not after the start is on the next day. zone: the place whose clock counts.
    """

    name: str
    days: frozenset[int]
    start: int
    end: int
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Grouping:
    """What goes into one message, and how often. by: names of labels; None: every alert is a group of its own.

    wait: seconds for which news are collected before they are sent. interval: between two messages about one group.
    repeat: after which a group is told again although nothing is new in it.
    """

    by: tuple[str, ...] | None = ("alertname", "service")
    wait: float = 30.0
    interval: float = 300.0
    repeat: float = 14400.0


@dataclass(frozen=True, slots=True)
class Route:
    """Which alerts go to which receivers. id: made of all that follows but the timings, so that it survives a reload.

    events: those that begin an alert ("server_down"); empty: any. services: globs; empty: any, and alerts of none.
    proceed: routes after this one are tried as well.
    """

    id: str
    receivers: tuple[str, ...]
    events: frozenset[str] = frozenset()
    services: tuple[str, ...] = ()
    severities: frozenset[AlertSeverity] = LOUD
    proceed: bool = False
    grouping: Grouping = Grouping()
    quiet: tuple[Quiet, ...] = ()


@dataclass(frozen=True, slots=True)
class Flapping:
    """When a condition that comes and goes is told as one alert instead.

    It flaps when it has begun or ended `changes` times within `within` seconds, until it has not changed for `stable`
    seconds. Each time that it flaps again doubles that, up to `longest`; as long without a change, and it starts anew.
    """

    changes: int = 6
    within: float = 600.0
    stable: float = 300.0
    longest: float = 3600.0

    def hold(self, times: int) -> float:
        """Seconds without a change that end the flapping. times: how often it has flapped, this time included."""
        return min(self.stable * 2.0 ** min(times - 1, 32), self.longest)


@dataclass(frozen=True, slots=True)
class Alerting:
    """The `alerts:` of conf.d. routes: in the order in which they are tried. labels: put on every alert.

    flapping: None where nothing is taken for flapping.
    """

    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    flapping: Flapping | None = Flapping()
    labels: Labels = ()


class MatchOp(StrEnum):
    """IS, IS_NOT: the value itself. LIKE, UNLIKE: a regular expression for the whole value."""

    IS = "="
    IS_NOT = "!="
    LIKE = "=~"
    UNLIKE = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; an alert that lacks the label has "" there."""

    label: str
    op: MatchOp
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.op}{self.value}"


@dataclass(frozen=True, slots=True)
class Silence:
    """What an operator does not want to hear of: alerts to which every matcher applies.

    by: who, e.g. "alice (uid 1000)". since, until: Unix time.
    """

    id: str
    matchers: tuple[Matcher, ...]
    by: str
    reason: str
    since: float
    until: float
