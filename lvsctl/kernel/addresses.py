"""Interfaces as they are now, and virtual addresses put on them and taken off."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from lvsctl.kernel import links
from lvsctl.kernel.channel import Refused, asked_again
from lvsctl.kernel.link_refusals import no_interface, vip_refusal
from lvsctl.kernel.links import Rtm
from lvsctl.kernel.rtnetlink import RouteSocket, Rtnetlink
from lvsctl.kernel.wire import Message
from lvsctl.model import Effect, Interface, LinkAnswer, Vip

_THERE_ALREADY: Final = errno.EEXIST
_NOT_THERE: Final = (errno.EADDRNOTAVAIL, errno.ENODEV, errno.ENXIO)  # the last: the interface has no IPv6 at all


class Addresses:
    """Of the network namespace in which they are first used. Every method raises `KernelError` when it cannot be asked.

    Adding and removing are idempotent: asked for what is so already, they change nothing and say so.
    """

    def __init__(self, rtnetlink: Rtnetlink | None = None) -> None:
        self._rtnetlink = Rtnetlink() if rtnetlink is None else rtnetlink

    @asked_again
    async def look(self, name: str) -> Interface | None:
        """The interface with its addresses; None if there is none of this name."""
        async with self._rtnetlink.conversation() as kernel:
            interface = await find(kernel, name)
            if interface is None:
                return None
            listed = await kernel.dump(Rtm.GET_ADDRESS, links.find_addresses(interface.index))
            found = (links.address(message) for message in listed if links.index_of(message) == interface.index)
            return replace(interface, addresses=tuple(address for address in found if address is not None))

    async def add(self, vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        """Put them on their interfaces, one answer each; a refused one does not stop the others.

        One that the interface has already stays as it is, prefix length, label, lifetimes and all.
        """
        answers = await self._order(Rtm.NEW_ADDRESS, links.new_address, vips)
        return [Effect.NONE if _errno(answer) == _THERE_ALREADY else answer for answer in answers]

    async def remove(self, vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        """Take them off again, one answer each. The same address with another prefix length is not ours, and stays."""
        answers = await self._order(Rtm.DELETE_ADDRESS, links.old_address, vips)
        return [Effect.NONE if _errno(answer) in _NOT_THERE else answer for answer in answers]

    @asked_again
    async def found(self) -> Sequence[Vip]:
        """All that were put on by `add`, in whatever life; none where the kernel does not tell (before Linux 5.18)."""
        async with self._rtnetlink.conversation() as kernel:
            there = await kernel.dump(Rtm.GET_LINK, links.find_links())
            listed = await kernel.dump(Rtm.GET_ADDRESS, links.find_addresses(0))
        names = {links.index_of(link): links.name_of_link(link) for link in there}
        ours = [(links.address(one), names.get(links.index_of(one))) for one in listed if links.is_ours(one)]
        return [Vip(address.ip, name) for address, name in ours if address is not None and name is not None]

    async def close(self) -> None:
        """Release the socket."""
        await self._rtnetlink.close()

    async def _order(self, kind: Rtm, body: Callable[[Vip, int], bytes], vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        async with self._rtnetlink.conversation() as kernel:
            indices = {name: await find(kernel, name) for name in dict.fromkeys(vip.interface for vip in vips)}
            there = [(vip, interface.index) for vip in vips if (interface := indices[vip.interface]) is not None]
            numbers = iter(await kernel.order([(kind, body(vip, index)) for vip, index in there]))
        return [_answer(vip, next(numbers)) if indices[vip.interface] else no_interface(vip.interface) for vip in vips]


async def find(kernel: RouteSocket, name: str) -> Interface | None:
    """The interface of this name, without its addresses. Raises Refused."""
    message = await find_link(kernel, name)
    return None if message is None else links.interface(message)


async def find_link(kernel: RouteSocket, name: str) -> Message | None:
    """What the kernel says of the link of this name. Raises Refused."""
    if not 0 < len(name.encode()) <= links.MAX_NAME:
        return None
    try:
        return await kernel.ask(Rtm.GET_LINK, links.find_link(name))
    except Refused as refused:
        if refused.number == errno.ENODEV:
            return None
        raise


def _answer(vip: Vip, number: int) -> LinkAnswer:
    return vip_refusal(vip, number) if number else Effect.CHANGED


def _errno(answer: LinkAnswer) -> int:
    return 0 if isinstance(answer, Effect) else answer.errno
