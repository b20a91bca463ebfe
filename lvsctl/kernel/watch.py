"""Network interfaces watched: what they are like now, and again whenever that has changed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Collection
from types import TracebackType
from typing import Final

from lvsctl.kernel import links, wire
from lvsctl.kernel.addresses import Addresses
from lvsctl.kernel.channel import SOL_NETLINK, Channel, Interrupted, connect
from lvsctl.kernel.links import Rtm
from lvsctl.kernel.rtnetlink import NETLINK_ROUTE
from lvsctl.kernel.wire import Message
from lvsctl.model import Interfaces

NETLINK_ADD_MEMBERSHIP: Final = 1
GROUPS: Final = (1, 5, 9)  # links, IPv4 addresses, IPv6 addresses
AT_ONCE: Final = 1000  # notifications; the kernel has room for some hundreds
ABOUT_LINKS: Final = (Rtm.NEW_LINK, Rtm.DELETE_LINK)


class Watch:
    """`async with Watch(names) as watch`, then `async for interfaces in watch`: first as they are, then after changes.

    A notification only wakes: what is yielded was asked for afterwards, so several changes may be told as one, and
    one that was undone before anybody looked is not told. Should the kernel have had no room for a notification,
    everything is looked at anew. (Of `forwards_v6` there is no notification.)

    Raises KernelError. Whoever got that, or was cancelled, may go on: what he missed is looked at then.
    """

    def __init__(self, names: Collection[str], connection: socket.socket | None = None) -> None:
        """connection: to something that speaks for the kernel (default: to the kernel)."""
        self._names = tuple(names)
        self._connection = connection
        self._told: Interfaces = {}
        self._stale = True

    async def __aenter__(self) -> Watch:
        self._addresses = Addresses()
        self._notifications = Notifications(_listen() if self._connection is None else self._connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._notifications.close()
        await self._addresses.close()

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Interfaces:
        while True:
            if not self._stale:
                await self._woken()
                self._stale = True
            now = {name: await self._addresses.look(name) for name in self._names}
            self._stale = False
            if now != self._told:
                self._told = now
                return now

    async def _woken(self) -> None:
        """Until there is reason to look again."""
        indices = {interface.index for interface in self._told.values() if interface is not None}
        with contextlib.suppress(Interrupted):
            while not any(self._concerns(message, indices) for message in await self._notifications.next()):
                pass
            self._notifications.skip()

    def _concerns(self, message: Message, indices: Collection[int]) -> bool:
        """A link that was told of; or one that has one of the names now, because it is new, or was renamed."""
        if links.index_of(message) in indices:
            return True
        return message.type in ABOUT_LINKS and links.name_of_link(message) in self._names


class Notifications(Channel):
    """What the kernel tells everybody of links and addresses. Both raise Interrupted where some of it was lost."""

    async def next(self) -> list[Message]:
        """What is told next."""
        await asyncio.sleep(0)  # others may have much to tell that is none of ours
        while (datagram := self._take()) is None:
            await self._wait(None)
        return list(wire.messages(datagram))

    def skip(self) -> None:
        """What is there already need not be told: a takeover alone makes hundreds, and one look sees them all."""
        for _ in range(AT_ONCE):
            if self._take() is None:
                return


def _listen() -> socket.socket:
    connection = connect(NETLINK_ROUTE)
    for group in GROUPS:
        connection.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    return connection
