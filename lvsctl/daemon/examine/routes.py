"""The routes of this network namespace, as /proc has them, and the way that an address takes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from lvsctl.daemon.examine.host import text_of
from lvsctl.decide.doctor.facts import Network
from lvsctl.model import Address

RTF_UP = 0x1
RTF_REJECT = 0x200
RTF_LOCAL = 0x80000000
NOT_UNDERSTOOD = contextlib.suppress(ValueError, IndexError, OverflowError)  # a line that says something else


@dataclass(frozen=True, slots=True)
class Way:
    """Out through this interface, to the gateway if there is one."""

    interface: str
    gateway: Address | None = None


def routes(root: Path) -> Iterator[tuple[Network, Way]]:
    """Those of both families that lead out of this host."""
    yield from _routes_v4(root / "proc/net/route")
    for network, flags, way in lines_v6(root / "proc/net/ipv6_route"):
        if flags & RTF_UP and not flags & (RTF_REJECT | RTF_LOCAL):
            yield network, way


def ways(root: Path, addresses: Iterable[Address]) -> dict[Address, Way]:
    """The way of the longest prefix that holds each address; none for those that no route leads to."""
    by_length: dict[tuple[int, int], dict[Network, Way]] = {}
    for network, way in routes(root):
        by_length.setdefault((network.version, network.prefixlen), {}).setdefault(network, way)
    lengths = sorted(by_length, reverse=True)
    found: dict[Address, Way] = {}
    for address in addresses:
        matching = (_in(by_length[one], address, one[1]) for one in lengths if one[0] == address.version)
        nearest = next((way for way in matching if way is not None), None)
        if nearest is not None:
            found[address] = nearest
    return found


def _in(networks: Mapping[Network, Way], address: Address, length: int) -> Way | None:
    network: Network
    if address.version == 4:
        network = IPv4Network((address, length), strict=False)
    else:
        network = IPv6Network((address, length), strict=False)
    return networks.get(network)


def _routes_v4(file: Path) -> Iterator[tuple[IPv4Network, Way]]:
    """Interface, destination, gateway, flags …, mask at the eighth place; addresses as the CPU keeps them, in hex."""
    for line in text_of(file).splitlines()[1:]:
        words = line.split()
        with NOT_UNDERSTOOD:
            flags = int(words[3], 16)
            if flags & RTF_UP and not flags & RTF_REJECT:
                gateway = _v4(words[2])
                way = Way(words[0], None if gateway.is_unspecified else gateway)
                yield IPv4Network((_v4(words[1]), str(_v4(words[7])))), way


def _v4(word: str) -> IPv4Address:
    return IPv4Address(int(word, 16).to_bytes(4, sys.byteorder))


def lines_v6(file: Path) -> Iterator[tuple[IPv6Network, int, Way]]:
    """Destination and its prefix length first, the next hop fifth, flags and interface last, all in hex."""
    for line in text_of(file).splitlines():
        words = line.split()
        with NOT_UNDERSTOOD:
            network = IPv6Network((IPv6Address(int(words[0], 16)), int(words[1], 16)))
            gateway = IPv6Address(int(words[4], 16))
            way = Way(words[-1], None if gateway.is_unspecified else gateway)
            yield network, int(words[-2], 16), way
