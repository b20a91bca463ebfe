"""What /proc says of this network namespace: sysctls, addresses of its own, ways out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from lvsctl.daemon.examine.host import text_of
from lvsctl.daemon.examine.routes import NOT_UNDERSTOOD, RTF_LOCAL, lines_v6, ways
from lvsctl.decide.doctor.facts import Networking
from lvsctl.model import Address

_PATH: Final = str.maketrans("./", "/.")


def networking(root: Path, sysctls: Iterable[str], addresses: Iterable[Address]) -> Networking:
    """sysctls: dotted names to read, with a slash for an interface's own dot.

    addresses: for which to find the interface that leads there.
    """
    values = {name: text_of(root / "proc/sys" / name.translate(_PATH)).strip() for name in sysctls}
    four, six = root / "proc/net/fib_trie", root / "proc/net/ipv6_route"
    return Networking(
        sysctls={name: value for name, value in values.items() if value},
        local=(*_local_v4(four), *_local_v6(six)) if four.exists() else None,
        outward={address: way.interface for address, way in ways(root, addresses).items()},
    )


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


def _local_v6(file: Path) -> Iterator[IPv6Network]:
    for network, flags, _ in lines_v6(file):
        if flags & RTF_LOCAL:
            yield network
