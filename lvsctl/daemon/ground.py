"""What a VRRP speaker needs of the kernel, from the kernel room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager

from lvsctl.kernel.addresses import Addresses, find
from lvsctl.kernel.announce import announcement
from lvsctl.kernel.announcer import Announcer
from lvsctl.kernel.hindrances import hindrances
from lvsctl.kernel.macvlan import Macvlans
from lvsctl.kernel.rtnetlink import Rtnetlink
from lvsctl.kernel.watch import Watch
from lvsctl.model import Address, Interface, Interfaces, LinkAnswer, Refusal, Vip, VirtualLink


class KernelGround:
    """Interfaces and addresses of the network namespace in which it is first used (see `lvsctl.pair.ground`)."""

    def __init__(self) -> None:
        self._rtnetlink = Rtnetlink()
        self._addresses = Addresses(self._rtnetlink)
        self._macvlans = Macvlans(self._rtnetlink)
        self._announcers: dict[str, tuple[Interface, Announcer]] = {}

    def watch(self, names: Collection[str]) -> AbstractAsyncContextManager[AsyncIterator[Interfaces]]:
        return Watch(names)

    async def add(self, vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        return await self._addresses.add(vips)

    async def remove(self, vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        return await self._addresses.remove(vips)

    async def added(self) -> Sequence[Vip]:
        return await self._addresses.found()

    async def make(self, links: Sequence[VirtualLink]) -> Sequence[LinkAnswer]:
        return [await self._macvlans.add(link.name, link.parent, link.mac) for link in links]

    async def unmake(self, links: Sequence[VirtualLink]) -> Sequence[LinkAnswer]:
        return [await self._macvlans.remove(link.name) for link in links]

    async def made(self) -> Sequence[VirtualLink]:
        return await self._macvlans.found()

    def hindrances(self, link: VirtualLink) -> Sequence[str]:
        return hindrances(link)

    async def look(self, name: str) -> Interface | None:
        """The interface with its addresses; None if there is none of this name. May raise KernelError."""
        return await self._addresses.look(name)

    async def announce(self, interface: str, addresses: Sequence[Address]) -> Refusal | None:
        """Frames with the MAC that the interface has now."""
        async with self._rtnetlink.conversation() as kernel:
            found = await find(kernel, interface)
        if found is None:
            return None  # the instance is in fault, as its own watch is about to tell it
        frames = (announcement(address, found.mac, router=found.forwards_v6) for address in addresses)
        return await self._announcer(found).send(frames)

    async def close(self) -> None:
        """Release the sockets."""
        for _, announcer in self._announcers.values():
            announcer.close()
        await self._addresses.close()

    def _announcer(self, interface: Interface) -> Announcer:
        before, announcer = self._announcers.get(interface.name, (None, None))
        if announcer is None or before is None or before.index != interface.index:
            if announcer is not None:
                announcer.close()
            announcer = Announcer(interface.name)
            self._announcers[interface.name] = interface, announcer
        return announcer
