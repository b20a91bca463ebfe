"""Sync daemons remembered: refused and completed as the kernel does it; nothing is copied anywhere."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from lvsctl.kernel import encode
from lvsctl.kernel.sync_refusals import no_sync_refusal, sync_refusal
from lvsctl.model import MAX_LABEL, SYNC_PORT, Refusal, SyncDaemon, SyncRole

ETHERNET_MTU: Final = 1500
ETHERNET: Final = {"eth0": ETHERNET_MTU}
LONGEST_PACKET: Final = 65535
SHORTEST: Final = {SyncRole.MASTER: 1, SyncRole.BACKUP: 1024}
HEADERS: Final = {4: 20 + 8, 6: 40 + 8}


class SyncMemory(ABC):
    """The part of `Ipvs` that is about sync daemons. interfaces: those that this "kernel" has, with their MTU."""

    def __init__(self, interfaces: Mapping[str, int]) -> None:
        self.written = 0
        self._interfaces = interfaces
        self._daemons: dict[SyncRole, SyncDaemon] = {}

    async def sync_daemons(self) -> Sequence[SyncDaemon]:
        """See `Ipvs.sync_daemons`."""
        return [self._daemons[role] for role in SyncRole if role in self._daemons]

    async def start_sync(self, daemon: SyncDaemon) -> Refusal | None:
        """See `Ipvs.start_sync`."""
        try:
            encode.sync_daemon(daemon)
        except encode.NO_BYTES:
            return sync_refusal(daemon, errno.ERANGE)
        self.written += 1
        number = self._judge(daemon)
        if number:
            return sync_refusal(daemon, number)
        self._daemons[daemon.role] = _completed(daemon, self._interfaces[daemon.interface])
        return None

    async def stop_sync(self, role: SyncRole) -> Refusal | None:
        """See `Ipvs.stop_sync`."""
        self.written += 1
        return None if self._daemons.pop(role, None) else no_sync_refusal(role, errno.ESRCH)

    @property
    def _syncs(self) -> bool:
        """Whether any runs."""
        return bool(self._daemons)

    @abstractmethod
    def _mixes_families(self) -> bool:
        """Whether any service has a server of the other family."""

    def _judge(self, daemon: SyncDaemon) -> int:
        if len(daemon.interface.encode()) > MAX_LABEL or not daemon.group.is_multicast or self._mixes_families():
            return errno.EINVAL
        if daemon.interface not in self._interfaces:
            return errno.ENODEV
        return errno.EEXIST if daemon.role in self._daemons else 0


def _completed(daemon: SyncDaemon, mtu: int) -> SyncDaemon:
    """As the kernel fills in what was not given, and puts right what cannot be."""
    headers = HEADERS[daemon.group.version]
    mtu = ETHERNET_MTU if daemon.role is SyncRole.MASTER else min(max(mtu, ETHERNET_MTU), LONGEST_PACKET)
    wanted = daemon.max_length or mtu - headers
    length = min(max(wanted, SHORTEST[daemon.role]), LONGEST_PACKET - headers)
    return replace(daemon, max_length=length, port=daemon.port or SYNC_PORT, ttl=daemon.ttl or 1)
