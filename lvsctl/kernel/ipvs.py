"""The `Ipvs` protocol: what lvsctl asks of IPVS, whichever implementation stands behind it."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import Protocol

from lvsctl.model import Info, Op, Refusal, Seen, ServiceKey, SyncDaemon, SyncRole, Table, Timeouts


class Ipvs(Protocol):
    """IPVS of one network namespace. Every method raises `KernelError` when IPVS cannot be asked at all.

    written: how many orders that change something were given to it so far.
    """

    @property
    def written(self) -> int: ...

    async def read(self) -> Table:
        """The whole table, servers in the order in which they were added. Counters are not in it."""

    async def look(self) -> Seen:
        """The table with what is counted of every service and server, at the cost of little more than `read`."""

    async def apply(self, ops: Sequence[Op]) -> Sequence[Refusal | None]:
        """Carry out `ops` in order; one answer each: None for done. A refused one does not stop the others."""

    async def info(self) -> Info:
        """IPVS version and connection table size."""

    async def timeouts(self) -> Timeouts:
        """Idle timeouts of connection entries."""

    async def set_timeouts(self, timeouts: Timeouts) -> Refusal | None:
        """Set the idle timeouts; 0 leaves one as it is."""

    async def sync_daemons(self) -> Sequence[SyncDaemon]:
        """The connection sync daemons that run, the master first; at most one of each role."""

    async def start_sync(self, daemon: SyncDaemon) -> Refusal | None:
        """Start one. Its interface must be there; another of this role must not (EEXIST), whatever it does."""

    async def stop_sync(self, role: SyncRole) -> Refusal | None:
        """Stop that of this role; ESRCH if none runs."""

    async def zero(self, service: ServiceKey | None = None) -> Refusal | None:
        """Zero the traffic counters of one service, or of all."""

    async def has_scheduler(self, name: str) -> bool:
        """Whether the kernel has, or can load, this scheduler. Leaves the table as it was (see probe.py for how)."""

    def scheduler_signs(self, names: Collection[str]) -> Hashable | None:
        """What can be seen of these schedulers without asking: as long as it is equal, `has_scheduler` would be too.

        None where nothing can be seen.
        """

    async def close(self) -> None:
        """Release the socket."""
