"""Links and addresses remembered, for a speaker without a kernel; test_ground holds it to what the kernel does."""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_interface

from lvsctl.errors import KernelError
from lvsctl.model import Address, Effect, Interface, Interfaces, LinkAnswer, Refusal, Vip, VirtualLink

ETH0 = Interface("eth0", 2, bytes.fromhex("020000000002"), up=True, carrier=True)


class RememberedGround:
    """log: what was done, in words. vips, links: that were put on and made. hindering: see `hindrances`.

    broken: while it is set, the kernel cannot be asked. held: orders wait for it.
    """

    def __init__(self, *interfaces: Interface) -> None:
        self.interfaces: dict[str, Interface] = {interface.name: interface for interface in interfaces}
        self.log: list[str] = []
        self.vips: list[Vip] = []
        self.links: dict[str, VirtualLink] = {}
        self.hindering: list[str] = []
        self.broken = False
        self.held: asyncio.Event | None = None
        self._changed: list[asyncio.Event] = []
        self._indices = itertools.count(100)

    def put(self, interface: Interface) -> None:
        """As it is from now on."""
        self.interfaces[interface.name] = interface
        self._tell()

    def drop(self, name: str) -> None:
        """There is none of this name any more."""
        del self.interfaces[name]
        self._tell()

    @asynccontextmanager
    async def watch(self, names: Collection[str]) -> AsyncIterator[AsyncIterator[Interfaces]]:
        changed = asyncio.Event()
        self._changed.append(changed)
        try:
            yield self._looks(names, changed)
        finally:
            self._changed.remove(changed)

    async def add(self, vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        await self._ask("add", vips)
        return [self._set(vip, there=True) for vip in vips]

    async def remove(self, vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        await self._ask("remove", vips)
        return [self._set(vip, there=False) for vip in vips]

    async def look(self, name: str) -> Interface | None:
        return self.interfaces.get(name)

    async def close(self) -> None:
        """Nothing is held."""

    async def added(self) -> Sequence[Vip]:
        return list(self.vips)

    async def make(self, links: Sequence[VirtualLink]) -> Sequence[LinkAnswer]:
        await self._ask("make", links)
        return [self._link(link, there=True) for link in links]

    async def unmake(self, links: Sequence[VirtualLink]) -> Sequence[LinkAnswer]:
        await self._ask("unmake", links)
        return [self._link(link, there=False) for link in links]

    async def made(self) -> Sequence[VirtualLink]:
        return list(self.links.values())

    def hindrances(self, link: VirtualLink) -> Sequence[str]:
        return [f"{link.name}: {hindrance}" for hindrance in self.hindering]

    async def announce(self, interface: str, addresses: Sequence[Address]) -> Refusal | None:
        self.log.append(f"announce {' '.join(map(str, addresses))}")
        return None

    async def _ask(self, what: str, which: Sequence[Vip | VirtualLink]) -> None:
        names = [str(one.address) if isinstance(one, Vip) else one.name for one in which]
        self.log.append(f"{what} {' '.join(names)}")
        if self.held is not None:
            await self.held.wait()
        if self.broken:
            raise KernelError("netlink: no answer from the kernel within 10 s")

    def _link(self, link: VirtualLink, *, there: bool) -> LinkAnswer:
        if (link.name in self.interfaces) is there:
            return Effect.NONE
        if not there:
            del self.links[link.name]
            self.drop(link.name)
            return Effect.CHANGED
        if link.parent not in self.interfaces:
            return Refusal(errno.ENODEV, f"there is no interface {link.parent}: create it, or correct the name")
        self.links[link.name] = link
        self.put(Interface(link.name, next(self._indices), link.mac, up=True, carrier=True))
        return Effect.CHANGED

    def _set(self, vip: Vip, *, there: bool) -> LinkAnswer:
        interface = self.interfaces.get(vip.interface)
        if interface is None and not there:
            return Effect.NONE
        if interface is None:
            return Refusal(errno.ENODEV, f"there is no interface {vip.interface}: create it, or correct the name")
        address = ip_interface(vip.address)
        if (address in interface.addresses) is there:
            return Effect.NONE
        if there:
            self.vips.append(vip)
        elif vip in self.vips:
            self.vips.remove(vip)
        rest = tuple(held for held in interface.addresses if held != address)
        self.put(replace(interface, addresses=(*rest, address) if there else rest))
        return Effect.CHANGED

    async def _looks(self, names: Collection[str], changed: asyncio.Event) -> AsyncIterator[Interfaces]:
        told: Interfaces | None = None
        while True:
            now = {name: self.interfaces.get(name) for name in names}
            if now != told:
                told = now
                yield now
            await changed.wait()
            changed.clear()

    def _tell(self) -> None:
        for changed in self._changed:
            changed.set()
