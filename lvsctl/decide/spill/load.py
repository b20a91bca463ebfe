"""What is known of the load of servers, pools and services after a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from lvsctl.model import Generation, Pool, RealAttrs, RealKey, ServiceKey


class ServerLoad(NamedTuple):  # a round may make ten thousand of them
    """A real server as it was seen last.

    total: connections in any state. ever: connections since it was added or zeroed, up to 2 s behind. templates: of
    persistence. flags: OVERLOAD as estimated, for each generation that the kernel may be of; None: not to be told.
    """

    attrs: RealAttrs
    total: int
    ever: int
    templates: int
    flags: tuple[bool | None, ...]

    @property
    def overloaded(self) -> bool | None:
        """None where it cannot be told."""
        first = self.flags[0]
        return first if all(flag is first for flag in self.flags) else None


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """live: servers in the table with a weight; the other numbers are of these alone.

    capacity: the sum of their upper thresholds, None if one has none. full: each of them is overloaded, and there is
    one. weights: the lowest and the highest of them.
    """

    name: str
    live: int = 0
    conns: int = 0
    capacity: int | None = 0
    full: bool = False
    weights: tuple[int, int] = (0, 0)

    @property
    def share(self) -> float:
        """Of its capacity; 0 where that is not limited, or none is there."""
        return self.conns / self.capacity if self.capacity else 0.0


@dataclass(frozen=True, slots=True)
class Spill:
    """Connections that went, or may go, to the pool `to`, as `pool` above it is full, again and again perhaps.

    since: when it was seen to begin. counted: so many went to `to`, by the cumulative counters, which lag; grown: so
    much the table grew there from look to look, which does not lag, but misses what came and went between two looks.
    peak: most at once that a look has seen there. over: when `pool` was seen to have room again, None while it is full.
    """

    pool: str
    to: str
    since: float
    counted: int = 0
    grown: int = 0
    peak: int = 0
    over: float | None = None

    @property
    def connections(self) -> int:
        """At least so many went to `to`, and exactly so many once all are counted; it never falls."""
        return max(self.counted, self.grown)


@dataclass(frozen=True, slots=True)
class Shortage:
    """No server has room, or had none again and again. over: when one was seen to have room; None: none has."""

    since: float
    over: float | None = None


@dataclass(frozen=True, slots=True)
class Crowd:
    """A pool that holds more of its capacity than it should. told: a CapacityHigh was told of it."""

    since: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class ServiceLoad:
    """A service as it was seen last, at `at`; all times on one clock, in seconds.

    configured: its pools in conf.d. servers: of the configuration, those that are not in the table now as they were
    seen last; away: which these are. taking: the pool that takes new connections now, None if none does; since: when
    it began, None if that was before the first look. spills, shortage: what is over, too, until that is told. below:
    pools that get connections only while those above are full. entitled: when each pool was last seen to get
    connections although nothing is full, or with a server whose counters may still tell of a time before it came.
    """

    name: str
    at: float
    configured: tuple[Pool, ...]
    servers: Mapping[RealKey, ServerLoad]
    pools: tuple[PoolLoad, ...]
    taking: str | None
    since: float | None
    spills: tuple[Spill, ...] = ()
    shortage: Shortage | None = None
    crowds: Mapping[str, Crowd] = field(default_factory=dict)
    below: tuple[str, ...] = ()
    entitled: Mapping[str, float] = field(default_factory=dict)
    away: frozenset[RealKey] = frozenset()

    @property
    def spilling(self) -> bool:
        """Whether a pool is full at this moment, and others below it take, or would take, what comes."""
        return any(spill.over is None for spill in self.spills)

    @property
    def exhausted(self) -> bool:
        """Whether no server has room at this moment."""
        return self.shortage is not None and self.shortage.over is None

    @property
    def spilled(self) -> int:
        """Connections that went below the highest pool since that was full, as Spill.connections; 0 without a spill."""
        return sum(spill.connections for spill in self.spills)


Loads: TypeAlias = Mapping[ServiceKey, ServiceLoad]
"""Of the services with thresholds."""


def generations(known: Generation | None) -> tuple[Generation, ...]:
    """Those that a kernel may be of: both, where its version does not say."""
    return tuple(Generation) if known is None else (known,)
