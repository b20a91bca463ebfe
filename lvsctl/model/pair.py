"""The director pair: the role of a director, and what a VRRP instance is configured to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from ipaddress import IPv4Interface, IPv6Interface
from typing import TypeAlias

from lvsctl.model.receiver import Secret
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
    is link-local. source: the interface's own address, from which adverts are sent. priority: 1 to 254, or OWNER.
    interval: seconds between adverts; version 3: 0.01 to 40.95 in steps of 0.01, version 2: 1 to 255, whole.
    preempt: take over from an active router of lower priority, preempt_delay seconds after it was first heard.
    peers: adverts go to these addresses, and are taken from them alone; none: multicast. least_hops: with which TTL or
    hop limit a peer's advert is still taken; below 255 it may have come through a router. group: the instances that
    move together have one. password: version 2's, in clear (RFC 2338, type 1): against mistakes, not against attackers.
    keys: adverts are sealed with the first and taken with any of them, so that one can be replaced by another while
    both are accepted; for unicast only. track: further interfaces without which this director cannot serve.
    """

    name: str
    interface: str
    vrid: int
    family: Family
    addresses: tuple[VirtualAddress, ...]
    source: Address
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
