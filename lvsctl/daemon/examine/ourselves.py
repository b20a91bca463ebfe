"""What is wrong with this host itself, when most of everything seems to fail: its links, gateways, loop and resources.

Seen on the way to the servers: carrier is asked of the kernel every second, so that it can be said since when it is
gone, and the ways are remembered, because with its link a route may be gone as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import resource
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

from lvsctl.daemon.examine.host import text_of
from lvsctl.daemon.examine.routes import Way, ways
from lvsctl.daemon.lag import Lag
from lvsctl.model import Address

ROOT = Path("/")
TICK = 1.0
"""Seconds between two looks at the links."""

ROUTES = 60.0
"""Seconds between two readings of the routes."""

LATE = 0.5
"""Seconds of the loop's lag that are worth telling: a probe has one or two."""

FEW = 64
"""Descriptors: with fewer left a round or a reload may fail."""

LITTLE = 0.03
"""Share of the memory: with less available the kernel does little but look for more."""

PATIENCE = 2.0
"""Seconds that a look may take; a host in trouble may be slow to say so."""

WELL = "links, gateways, event loop, file descriptors and memory of this host look well"

_SHORT = (OSError, RuntimeError, MemoryError)
"""What a host raises that is short of threads (a RuntimeError), descriptors or memory."""

_SIOCGIFFLAGS = 0x8913
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_ATF_COM = 0x2  # the neighbour's hardware address is known


class Ourselves:
    """Watches the ways to a set of addresses, and says what is wrong. root: where /proc is.

    link: what is wrong with an interface (`has no carrier`), "" for nothing.
    """

    def __init__(self, lag: Lag, *, root: Path = ROOT, link: Callable[[Path, str], str] | None = None) -> None:
        self._lag = lag
        self._root = root
        self._link = link or link_trouble
        self._addresses: frozenset[Address] = frozenset()
        self._ways: dict[Address, Way] = {}
        self._routed = -ROUTES
        self._wrong: dict[str, tuple[str, float]] = {}  # interface -> what is wrong, since when

    def keep(self, addresses: frozenset[Address]) -> None:
        """The ways to these matter from now on."""
        self._addresses = addresses
        self._routed = -ROUTES

    async def watch(self) -> None:
        """Look at the links every TICK, until cancelled."""
        while True:
            with contextlib.suppress(*_SHORT):
                await asyncio.to_thread(self.look)
            await asyncio.sleep(TICK)

    async def seen(self, began: float) -> tuple[str, ...]:
        """What is wrong, or that nothing is. began: seconds ago. Raises nothing, and takes PATIENCE at most."""
        late = self._lag.worst(began)
        found = [f"the event loop was late by {late:.1f} s"] if late >= LATE else []
        try:
            async with asyncio.timeout(PATIENCE):
                found += await asyncio.to_thread(self._all)
        except TimeoutError:
            found.append(f"this host does not tell of itself within {PATIENCE:g} s")
        except _SHORT as error:
            found.append(f"this host cannot look at itself: {error}")
        return tuple(found) or (WELL,)

    def look(self) -> None:
        """Look at the links once."""
        now = monotonic()
        if now - self._routed >= ROUTES:
            self._routed = now
            self._find_ways()
        interfaces = {way.interface for way in self._ways.values()}
        for left in self._wrong.keys() - interfaces:
            self._wrong.pop(left, None)  # another thread may be looking as well
        for interface in interfaces:
            trouble = self._link(self._root, interface)
            if not trouble:
                self._wrong.pop(interface, None)
            elif self._wrong.get(interface, ("", 0.0))[0] != trouble:
                self._wrong[interface] = trouble, now

    def _find_ways(self) -> None:
        known = {address: way for address, way in self._ways.items() if address in self._addresses}
        self._ways = known | ways(self._root, self._addresses)

    def _all(self) -> list[str]:
        self.look()
        return [*self._links(), *self._neighbours(), *_descriptors(self._root), *_memory(self._root)]

    def _links(self) -> Iterator[str]:
        now = monotonic()
        # a copy, as `watch` may be looking in another thread
        for interface, (trouble, since) in sorted(dict(self._wrong).items()):
            seconds = now - since
            yield f"{interface} {trouble}" + (f" since {seconds:.0f} s" if seconds >= 1 else "")
        lost = self._addresses - ways(self._root, self._addresses).keys()
        if lost:
            one = min(map(str, lost))
            yield f"no route leads to {one}" + (f" and {len(lost) - 1} more" if len(lost) > 1 else "")

    def _neighbours(self) -> Iterator[str]:
        """Gateways that do not answer ARP; and interfaces on which most of the servers do not."""
        silent = _silent(self._root)
        gateways = {way.gateway: way.interface for way in self._ways.values() if way.gateway is not None}
        for gateway, interface in gateways.items():
            if gateway in silent:
                yield f"gateway {gateway} on {interface} does not answer ARP"
        direct = {address: way.interface for address, way in self._ways.items() if way.gateway is None}
        all_on = Counter(direct.values())
        silent_on = Counter(interface for address, interface in direct.items() if address in silent)
        for interface, count in sorted(silent_on.items()):
            if 2 * count > all_on[interface]:
                yield f"{count} of {all_on[interface]} addresses on {interface} do not answer ARP"


def link_trouble(root: Path, interface: str) -> str:
    """`is gone`, `is down`, `has no carrier`, or "" if the interface works or cannot be asked."""
    names = {line.partition(":")[0].strip() for line in text_of(root / "proc/net/dev").splitlines()}
    if interface not in names:
        return "is gone" if names else ""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", interface.encode(), 0)
        (flags,) = struct.unpack_from("16xH", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        if not flags & _IFF_UP:
            return "is down"
        if not flags & _IFF_RUNNING:
            return "has no carrier"
    return ""


def _silent(root: Path) -> frozenset[Address]:
    """IPv4 neighbours that were asked for, and whose hardware address is not known: address, type, flags …"""
    found = []
    for line in text_of(root / "proc/net/arp").splitlines()[1:]:
        words = line.split()
        with contextlib.suppress(ValueError, IndexError):
            if not int(words[2], 16) & _ATF_COM:
                found.append(ip_address(words[0]))
    return frozenset(found)


def _descriptors(root: Path) -> Iterator[str]:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        used = sum(1 for _ in (root / "proc/self/fd").iterdir())
    except OSError as error:
        yield f"its own file descriptors cannot be counted: {error.strerror}"
        return
    if limit != resource.RLIM_INFINITY and limit - used < FEW:
        yield f"{used} of {limit} file descriptors in use"


def _memory(root: Path) -> Iterator[str]:
    """`MemAvailable:    123456 kB`."""
    values: dict[str, int] = {}
    for line in text_of(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        with contextlib.suppress(ValueError, IndexError):
            values[name] = int(rest.split()[0])
    total, available = values.get("MemTotal", 0), values.get("MemAvailable")
    if available is not None and available < LITTLE * total:
        yield f"{available // 1024} of {total // 1024} MiB of memory are available"
