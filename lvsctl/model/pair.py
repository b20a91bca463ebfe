"""The director pair: the role of a director, and what a VRRP instance is configured to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from ipaddress import IPv4Interface, IPv6Interface
from typing import TypeAlias

from lvsctl.model.announcing import Announcing
from lvsctl.model.condition import Penalties, Steadiness
from lvsctl.model.link import Vip
from lvsctl.model.receiver import Secret
from lvsctl.model.sync import SYNC_GROUP, SYNC_PORT, SyncDaemon, SyncRole
from lvsctl.model.table import Address, Family

VirtualAddress: TypeAlias = IPv4Interface | IPv6Interface
"""An address with the length of its prefix."""

OWNER = 255
"""The priority of the router whose own the addresses are: it never waits to take them."""


class Role(StrEnum):
    """What a director is to its pair. FAULT: it cannot serve (a link or an address that it needs is missing)."""

    ACTIVE = "active"
    STANDBY = "standby"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Transition:
    """An instance took another role. None: it takes part no more, or did not before.

    why: in words. priority: the one it has, 0 where nobody knows.
    """

    instance: str
    role: Role | None
    previous: Role | None
    why: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that an operator should know. times: how often it was so since it was last told."""

    instance: str
    what: str
    times: int = 1


class VrrpVersion(IntEnum):
    """V2: RFC 3768, IPv4 only. V3: RFC 9568, which obsoletes RFC 5798."""

    V2 = 2
    V3 = 3


class ChecksumForm(StrEnum):
    """What the checksum of a version 3 advertisement over IPv4 covers; both are accepted, one is sent.

    KEEPALIVED: a pseudo header too, as RFC 5798 was read by keepalived and most others. RFC9568: the message alone.
    """

    KEEPALIVED = "keepalived"
    RFC9568 = "rfc9568"


@dataclass(frozen=True, slots=True)
class Instance:
    """One virtual router as this director runs it.

    vrid: 1 to 255. addresses: what moves with the role, in the order in which they are advertised; with IPv6 the first
    is link-local. source: the interface's own address, from which adverts are sent; None: its first one of the family,
    of IPv6 its link-local one, as the interface is at the time. priority: 1 to 254, or OWNER.
    interval: seconds between adverts; version 3: 0.01 to 40.95 in steps of 0.01, version 2: 1 to 255, whole.
    preempt: take over from an active router of lower priority, preempt_delay seconds after it was first heard.
    peers: adverts go to these addresses, and are taken from them alone; none: multicast. least_hops: with which TTL or
    hop limit a peer's advert is still taken; below 255 it may have come through a router. group: the instances that
    move together have one. password: version 2's, in clear (RFC 2338, type 1): against mistakes, not against attackers.
    keys: adverts are sealed with the first and taken with any of them, so that one can be replaced by another while
    both are accepted; for unicast only. track: further interfaces without which this director cannot serve.
    virtual_mac: the addresses are at the MAC of the virtual router (RFC 9568, 7.3), on an interface made for it.
    """

    name: str
    interface: str
    vrid: int
    family: Family
    addresses: tuple[VirtualAddress, ...]
    source: Address | None = None
    version: VrrpVersion = VrrpVersion.V3
    priority: int = 100
    interval: float = 1.0
    preempt: bool = True
    preempt_delay: float = 0.0
    peers: tuple[Address, ...] = ()
    least_hops: int = 255
    group: str = ""
    checksum: ChecksumForm = ChecksumForm.KEEPALIVED
    password: Secret | None = None
    keys: tuple[Secret, ...] = ()
    track: tuple[str, ...] = ()
    virtual_mac: bool = False


class Provider(StrEnum):
    """Who says what role this director has. KEEPALIVED: one on this host. MANUAL: whoever says `lvsctl role`."""

    VRRP = "vrrp"
    KEEPALIVED = "keepalived"
    MANUAL = "manual"


class Standby(StrEnum):
    """What a director does that is active for no instance. PROGRAM: keep its table as the active one does."""

    PROGRAM = "program"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Hooks:
    """Programs, each with its arguments, () for none, and the seconds that each may take."""

    on_active: tuple[str, ...] = ()
    on_standby: tuple[str, ...] = ()
    on_fault: tuple[str, ...] = ()
    on_stop: tuple[str, ...] = ()
    timeout: float = 30.0

    def of(self, role: Role | None) -> tuple[str, ...]:
        """What runs when an instance takes this role; None: when it takes part no more."""
        match role:
            case Role.ACTIVE:
                return self.on_active
            case Role.STANDBY:
                return self.on_standby
            case Role.FAULT:
                return self.on_fault
            case None:
                return self.on_stop


@dataclass(frozen=True, slots=True)
class HookRun:
    """A program that a transition started. hook: on_active and so on. began: Unix time.

    duration: seconds; None while it runs. failed: why, "" where nothing is wrong.
    """

    hook: str
    instance: str
    began: float
    duration: float | None = None
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Syncing:
    """How connection entries are copied between the directors: a SyncDaemon without its role, which follows ours."""

    interface: str
    sync_id: int = 0
    max_length: int = 0
    group: Address = SYNC_GROUP
    port: int = SYNC_PORT
    ttl: int = 1

    def daemon(self, role: SyncRole) -> SyncDaemon:
        """What runs while it is `role`."""
        return SyncDaemon(role, self.interface, self.sync_id, self.max_length, self.group, self.port, self.ttl)


@dataclass(frozen=True, slots=True)
class Followed:
    """What of a keepalived on this host is followed.

    name: its vrrp_instance, or with `group` its vrrp_sync_group. fifo: its vrrp_notify_fifo, "" where only its script
    tells. vips: where it has its addresses, to know the role before it tells of the first transition.
    """

    name: str
    group: bool = False
    fifo: str = ""
    vips: tuple[Vip, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """The other director, and how the two compare what they see.

    listen: where this director is asked, by the peer alone; address: where it asks the peer. keys: what is said is
    signed with the first and taken with any of them. interval: seconds between two questions. penalty: what this
    director takes from its own priority while it sees less than the peer.
    """

    address: Address
    port: int
    listen: Address
    listen_port: int
    keys: tuple[Secret, ...]
    interval: float = 1.0
    penalty: int = 20


@dataclass(frozen=True, slots=True)
class PairSpec:
    """This director's part in a pair, as conf.d says.

    instances: with the provider VRRP. follows: with KEEPALIVED. name: of the one instance that MANUAL has.
    penalties: by the name of the service. sync, peer: None for none.
    """

    provider: Provider = Provider.VRRP
    standby: Standby = Standby.PROGRAM
    instances: tuple[Instance, ...] = ()
    follows: Followed | None = None
    name: str = "pair"
    announcing: Announcing = Announcing()  # noqa: RUF009 - frozen
    sync: Syncing | None = None
    hooks: Hooks = Hooks()
    penalties: Mapping[str, Penalties] = field(default_factory=dict)
    steadiness: Steadiness = Steadiness()  # noqa: RUF009 - frozen
    peer: Peer | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of its instances, as transitions name them."""
        match self.provider:
            case Provider.VRRP:
                return tuple(instance.name for instance in self.instances)
            case Provider.KEEPALIVED:
                return (self.follows.name,) if self.follows is not None else ()
            case Provider.MANUAL:
                return (self.name,)
