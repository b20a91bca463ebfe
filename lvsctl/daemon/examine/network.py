"""What /proc says of this network namespace: sysctls, addresses of its own, ways out."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from lvsctl.daemon.examine.host import text_of
from lvsctl.decide.doctor.facts import Network, Networking
from lvsctl.model import Address

RTF_UP = 0x1
RTF_REJECT = 0x200
RTF_LOCAL = 0x80000000
NOT_UNDERSTOOD = contextlib.suppress(ValueError, IndexError, OverflowError)  # a line that says something else


def networking(root: Path, sysctls: Iterable[str], addresses: Iterable[Address]) -> Networking:
    """sysctls: dotted names to read. addresses: for which to find the interface that leads there."""
    values = {name: text_of(root / "proc/sys" / name.replace(".", "/")).strip() for name in sysctls}
    four, six = root / "proc/net/fib_trie", root / "proc/net/ipv6_route"
    routes: list[tuple[Network, str]] = [*_routes_v4(root / "proc/net/route"), *_routes_v6(six)]
    return Networking(
        sysctls={name: value for name, value in values.items() if value},
        local=(*_local_v4(four), *_local_v6(six)) if four.exists() else None,
        outward={address: way for address in addresses if (way := _way_out(address, routes)) is not None},
    )


def _way_out(address: Address, routes: Iterable[tuple[Network, str]]) -> str | None:
    """The interface of the longest prefix that holds the address."""
    matching = [(network.prefixlen, interface) for network, interface in routes if address in network]
    return max(matching)[1] if matching else None


def _local_v4(file: Path) -> Iterator[IPv4Network]:
    """Of `|-- 192.0.2.2` and, in a line below it, `/32 host LOCAL`: what is delivered to the host itself."""
    address = ""
    for line in text_of(file).splitlines():
        words = line.split()
        match words:
            case ["|--", leaf]:
                address = leaf
            case [prefix, _, "LOCAL", *_] if prefix.startswith("/"):
                with NOT_UNDERSTOOD:
                    yield IPv4Network(f"{address}{prefix}")


def _routes_v4(file: Path) -> Iterator[tuple[IPv4Network, str]]:
    """Interface, destination, gateway, flags …, mask at the eighth place; addresses as the CPU keeps them, in hex."""
    for line in text_of(file).splitlines()[1:]:
        words = line.split()
        with NOT_UNDERSTOOD:
            flags = int(words[3], 16)
            if flags & RTF_UP and not flags & RTF_REJECT:
                yield IPv4Network((_v4(words[1]), str(_v4(words[7])))), words[0]


def _v4(word: str) -> IPv4Address:
    return IPv4Address(int(word, 16).to_bytes(4, sys.byteorder))


def _local_v6(file: Path) -> Iterator[IPv6Network]:
    for network, flags, _ in _lines_v6(file):
        if flags & RTF_LOCAL:
            yield network


def _routes_v6(file: Path) -> Iterator[tuple[IPv6Network, str]]:
    for network, flags, interface in _lines_v6(file):
        if flags & RTF_UP and not flags & (RTF_REJECT | RTF_LOCAL):
            yield network, interface


def _lines_v6(file: Path) -> Iterator[tuple[IPv6Network, int, str]]:
    """Destination and its prefix length first, flags and interface last, all in hex."""
    for line in text_of(file).splitlines():
        words = line.split()
        with NOT_UNDERSTOOD:
            network = IPv6Network((IPv6Address(int(words[0], 16)), int(words[1], 16)))
            yield network, int(words[-2], 16), words[-1]
