"""Network interfaces, the virtual addresses on them, and what happens to both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface
from typing import TypeAlias

from lvsctl.model.ops import Refusal
from lvsctl.model.table import Address

MAX_LABEL = 15
"""Bytes of an interface's name, and of an address' label."""


@dataclass(frozen=True, slots=True)
class Vip:
    """An address that moves between directors. label: shown by ip and ifconfig, for IPv4 only, "" for none."""

    address: Address
    interface: str
    label: str = ""

    def __str__(self) -> str:
        return f"{self.address} on {self.interface}"


@dataclass(frozen=True, slots=True)
class VirtualLink:
    """An interface that is made on top of another one (parent), with the MAC of a virtual router."""

    name: str
    parent: str
    mac: bytes


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface as it was when somebody looked.

    up: an operator wants it up. carrier: packets come through as well: it is up, and so is all that it stands on.
    forwards_v6: it takes part in forwarding IPv6 packets, which makes this host a router there. addresses: in the
    kernel's order, each with its prefix length; an IPv6 address that is still tested for duplicates, or was found to be
    one, cannot be used and is not among them.
    """

    name: str
    index: int
    mac: bytes
    up: bool
    carrier: bool
    forwards_v6: bool = False
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()

    def holds(self, address: Address) -> bool:
        """With whatever prefix length."""
        return any(held.ip == address for held in self.addresses)


Interfaces: TypeAlias = Mapping[str, Interface | None]
"""By name; None for one that does not exist."""


class Effect(StrEnum):
    """What came of asking for something that may be so already."""

    CHANGED = "changed"
    NONE = "none"


LinkAnswer: TypeAlias = Effect | Refusal


class LinkChange(StrEnum):
    """What happened to an interface, in the order in which several are told."""

    GONE = "gone"
    APPEARED = "appeared"
    DOWN = "down"
    UP = "up"
    CARRIER_LOST = "carrier-lost"
    CARRIER_BACK = "carrier-back"
    NEW_MAC = "new-mac"
    ADDRESS_LOST = "address-lost"
    ADDRESS_ADDED = "address-added"


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """address: of the two changes that are about one, with its prefix length."""

    interface: str
    change: LinkChange
    address: IPv4Interface | IPv6Interface | None = None
