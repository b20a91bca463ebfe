"""Instances for the tests, and their datagrams."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

from lvsctl.model import Family, Instance, VrrpVersion
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.packet import Advert

OURS, THEIRS = ip_address("192.0.2.2"), ip_address("192.0.2.1")
OURS6, THEIRS6 = ip_address("2001:db8::2"), ip_address("2001:db8::1")

V3 = Instance(
    name="web",
    interface="eth0",
    vrid=51,
    family=Family.INET,
    addresses=(ip_interface("192.0.2.100/24"), ip_interface("192.0.2.101/24")),
    source=OURS,
)
V2 = replace(V3, version=VrrpVersion.V2)
V6 = replace(
    V3,
    family=Family.INET6,
    addresses=(ip_interface("fe80::100/64"), ip_interface("2001:db8::100/64")),
    source=ip_address("fe80::2"),
)


def me(base: Instance = V3, **changes: Any) -> Instance:
    return replace(base, **changes)


def from_hex(header: str, payload: str) -> Datagram:
    """A captured packet: the bytes of its IP header, and what follows."""
    head = bytes.fromhex(header)
    if head[0] >> 4 == 4:
        return Datagram(bytes.fromhex(payload), head[12:16], head[16:20], head[8])
    return Datagram(bytes.fromhex(payload), head[8:24], head[24:40], head[7])


def advert(priority: int, source: str = "192.0.2.1", interval: float = 1.0) -> Advert:
    return Advert(ip_address(source), priority, interval)
