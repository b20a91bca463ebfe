"""The daemons in the kernel that copy connection entries from one director to the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Final

from lvsctl.model.table import Address

SYNC_GROUP: Final = IPv4Address("224.0.0.81")
SYNC_PORT: Final = 8848
MAX_SYNC_ID: Final = 255


class SyncRole(StrEnum):
    """MASTER sends what it knows of its connections, BACKUP takes it in. Both may run at once."""

    MASTER = "master"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class SyncDaemon:
    """One of the two. What is not given is as the kernel has it.

    sync_id: 0 to 255; a backup takes what has its own, one with 0 takes everything. max_length: bytes of a message, of
    which the IP and UDP headers are no part; 0: as much as the interface lets through, 1472 for a master. ttl: 1 to
    255, the hop limit of what is sent.
    """

    role: SyncRole
    interface: str
    sync_id: int = 0
    max_length: int = 0
    group: Address = SYNC_GROUP
    port: int = SYNC_PORT
    ttl: int = 1

    def accepts(self, found: SyncDaemon) -> bool:
        """Whether `found`, which runs, is what this asks for."""
        return found == (self if self.max_length else replace(self, max_length=found.max_length))
