"""Settings of the host that keep a virtual router's macvlan from being of use, in words that say what to do.

IPv4 only: IPv6 answers for an address on the interface that has it alone, and knows no reverse path filter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lvsctl.model import VirtualLink

CONF: Final = Path("/proc/sys/net/ipv4/conf")
IPV4: Final = bytes.fromhex("00005e0001")
STRICT: Final = 1
OWN_ALONE: Final = (1, 2)
"""Values of arp_ignore with which an interface answers for its own addresses alone."""
ASKS_AS_ITSELF: Final = 2
"""The value of arp_announce with which an interface asks from an address of its own, whatever packet it asks for."""


def hindrances(link: VirtualLink, conf: Path = CONF) -> tuple[str, ...]:
    """Of this network namespace. What cannot be read is no hindrance. The link need not be there.

    Two values count of which the greater one is in force, as the kernel has it: that of all and that of the interface.
    The macvlan's own are set when it is made.
    """
    return tuple(_hindrances(link, conf)) if link.mac.startswith(IPV4) else ()


def _hindrances(link: VirtualLink, conf: Path) -> Iterator[str]:
    if _value(conf / "all/rp_filter") == STRICT:
        yield (
            f"net.ipv4.conf.all.rp_filter = 1 drops what is sent to the virtual MAC on {link.name}: "
            "set it to 0 (and to 1 where it is wanted, by interface), or to 2"
        )
    if not (conf / link.parent).exists():
        return
    ours, below = f"the addresses on {link.name}", f"net.ipv4.conf.{link.parent.replace('.', '/')}"
    if _greater(conf, link.parent, "arp_ignore") not in OWN_ALONE:
        yield f"{link.parent} answers ARP for {ours} too, with a MAC of its own: set {below}.arp_ignore = 1"
    if _greater(conf, link.parent, "arp_announce") != ASKS_AS_ITSELF:
        yield f"{link.parent} sends ARP from {ours} too, with a MAC of its own: set {below}.arp_announce = 2"


def _greater(conf: Path, interface: str, setting: str) -> int:
    return max(_value(conf / "all" / setting), _value(conf / interface / setting))


def _value(file: Path) -> int:
    """0 where it cannot be read."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0
