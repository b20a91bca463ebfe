"""What is shown of the director pair at one moment, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvsctl.model.pair import Provider, Role, Standby, VirtualAddress
from lvsctl.model.peer_view import PeerView
from lvsctl.model.sync import SyncDaemon, SyncRole
from lvsctl.model.table import Address


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The active router that was heard last, if that was a moment ago. priority: as it says."""

    address: Address
    priority: int


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance.

    role: as its machine has it; None: it takes no part (yet). since: Unix time at which that was told, None before.
    why: of the newest transition. priority: what it offers; base: what conf.d says; reasons: what takes how much from
    it, the dearest first. Both are 0 where somebody else decides (the providers `keepalived`, unless it said, and
    `manual`). faults: what keeps it in fault. counts: of adverts, by name; refused, odd: those taken apart by reason.
    """

    name: str
    role: Role | None
    since: float | None = None
    why: str = ""
    priority: int = 0
    base: int = 0
    reasons: tuple[str, ...] = ()
    interface: str = ""
    addresses: tuple[VirtualAddress, ...] = ()
    neighbour: Neighbour | None = None
    faults: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    odd: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SyncView:
    """The connection sync daemons. wanted: which ought to run; running: which do; trouble: why they differ, or ""."""

    interface: str
    sync_id: int
    wanted: tuple[SyncRole, ...] = ()
    running: tuple[SyncDaemon, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class HookView:
    """The newest run of one hook for one instance. at: Unix time of its begin. why: it failed; "" where it did not.

    duration: None while it runs.
    """

    hook: str
    instance: str
    at: float
    duration: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class PairView:
    """The pair as this director sees it.

    role: of the director: active if any instance is, else fault if any is, else standby; None: not known. trouble: why
    it takes no part, or what it waits for before it does; "" where it takes part. resting: it keeps no table while it
    is not active (`standby: idle`). sync, peer: None where none is configured.
    """

    provider: Provider
    standby: Standby
    role: Role | None
    instances: tuple[InstanceView, ...]
    trouble: str = ""
    resting: bool = False
    sync: SyncView | None = None
    hooks: tuple[HookView, ...] = ()
    peer: PeerView | None = None
