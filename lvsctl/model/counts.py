"""What the kernel counts, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from lvsctl.model.table import RealKey, ServiceKey, Table


class Traffic(NamedTuple):  # a round makes ten thousand of them, in a third of the time that a dataclass takes
    """Cumulative since the service or server was added (or zeroed); they lag up to 2 s and lose nothing."""

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class RealCounters(NamedTuple):  # as above
    """Connection entries of one real server at this moment: established, in any other state, persistence templates."""

    active: int = 0
    inactive: int = 0
    persistent: int = 0
    traffic: Traffic = Traffic()

    @property
    def total(self) -> int:
        """What the kernel holds against the thresholds."""
        return self.active + self.inactive


@dataclass(frozen=True, slots=True)
class ServiceCounters:
    traffic: Traffic
    servers: Mapping[RealKey, RealCounters]


Counters: TypeAlias = Mapping[ServiceKey, ServiceCounters]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at IPVS found; table and counters have the same services and servers.

    total: of all services that there were since ip_vs was loaded, or was told to zero all; None where it is not told.
    """

    table: Table
    counters: Counters
    total: Traffic | None = None


class Generation(StrEnum):
    """The code that keeps OVERLOAD was rewritten inside the stable series of Linux (decide/overload.py has the rules).

    OLD: an edit of the thresholds leaves the flag alone, or clears it without looking; it is brought up to date when
    the next connection is bound or unbound. NEW: an edit of the thresholds brings it up to date at once.

    Nothing that the kernel exports tells the two apart but its version, and only where that is the stable series' own:
    see kernel/generation.py.
    """

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Info:
    """What IPVS says of itself. version: e.g. "1.2.1". table_size: buckets of the connection table."""

    version: str
    table_size: int


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that an idle connection entry lives."""

    tcp: int
    tcp_fin: int
    udp: int
