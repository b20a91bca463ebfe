"""The frames that tell a network where an address is now: gratuitous ARP, unsolicited neighbour advertisement. Pure.

ARP (RFC 826, RFC 5227 section 3): a request by the address for itself. That is what keepalived sends, and every host
that knows the address takes it. The reply form is for what heeds replies alone; its target is the sender, for Linux
takes no other for gratuitous. A neighbour advertisement (RFC 4861, sections 4.4 and 7.2.6) overrides what is known.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Final

from lvsctl.model import Address

BROADCAST: Final = b"\xff" * 6
ALL_NODES: Final = IPv6Address("ff02::1")
ALL_NODES_MAC: Final = bytes.fromhex("333300000001")  # RFC 2464, section 7
MAC_SIZE: Final = 6

_ETHERNET: Final = Struct("!6s6sH")  # to, from, type
_ARP: Final = Struct("!HHBBH 6s4s 6s4s")
_IPV6: Final = Struct("!IHBB 16s16s")
_ADVERTISEMENT: Final = Struct("!BBHI 16s BB6s")

ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_IPV6: Final = 0x86DD
HARDWARE_ETHERNET: Final = 1
ICMPV6: Final = 58
NEIGHBOUR_ADVERTISEMENT: Final = 136
TARGET_LINK_ADDRESS: Final = 2
ROUTER: Final = 0x80000000
OVERRIDE: Final = 0x20000000
HOP_LIMIT: Final = 255


class ArpForm(StrEnum):
    """Which of the two gratuitous ARP packets."""

    REQUEST = "request"
    REPLY = "reply"


def announcement(address: Address, mac: bytes, *, form: ArpForm = ArpForm.REQUEST, router: bool = False) -> bytes:
    """The frame that says that `address` is at `mac`, to everybody.

    mac: 6 bytes, the sender's too. form: for IPv4. router: for IPv6: whether this host forwards; hosts that use it as
    a router and hear that it is none forget their routes.
    """
    if len(mac) != MAC_SIZE:
        raise ValueError(f"a MAC has {MAC_SIZE} bytes, not {len(mac)}")
    if isinstance(address, IPv4Address):
        return _gratuitous_arp(address, mac, form)
    return _neighbour_advertisement(address, mac, router=router)


def _gratuitous_arp(address: IPv4Address, mac: bytes, form: ArpForm) -> bytes:
    operation, target = (1, BROADCAST) if form is ArpForm.REQUEST else (2, mac)
    protocol = (HARDWARE_ETHERNET, ETHERTYPE_IPV4, MAC_SIZE, len(address.packed))
    packet = _ARP.pack(*protocol, operation, mac, address.packed, target, address.packed)
    return _ETHERNET.pack(BROADCAST, mac, ETHERTYPE_ARP) + packet


def _neighbour_advertisement(address: IPv6Address, mac: bytes, *, router: bool) -> bytes:
    flags = OVERRIDE | (ROUTER if router else 0)
    option = (TARGET_LINK_ADDRESS, 1, mac)  # its length in units of 8 bytes
    unsummed = _ADVERTISEMENT.pack(NEIGHBOUR_ADVERTISEMENT, 0, 0, flags, address.packed, *option)
    pseudo = address.packed + ALL_NODES.packed + Struct("!II").pack(len(unsummed), ICMPV6)
    checksum = internet_checksum(pseudo + unsummed)
    message = _ADVERTISEMENT.pack(NEIGHBOUR_ADVERTISEMENT, 0, checksum, flags, address.packed, *option)
    header = _IPV6.pack(6 << 28, len(message), ICMPV6, HOP_LIMIT, address.packed, ALL_NODES.packed)
    return _ETHERNET.pack(ALL_NODES_MAC, mac, ETHERTYPE_IPV6) + header + message


def internet_checksum(data: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total: int = sum(Struct(f"!{len(data) // 2}H").unpack(data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
