"""rtnetlink on the asyncio loop: links and addresses of the network namespace in which it is first used.

Our own, over the socket that IPVS is spoken to with, and not pyroute2's: a takeover waits for the addresses. Measured
on user-mode-linux (tests/bench/addresses.py), 200 of them took pyroute2 more than 30 times as long, one by one as well
as all at once, which moreover kept the loop from turning for 145 ms and more; one address took twice as long. Importing
it took two to four times as long as importing this.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from lvsctl.errors import KernelError
from lvsctl.kernel import wire
from lvsctl.kernel.channel import SOL_NETLINK, Conversation, Interrupted, connect, expect_success
from lvsctl.kernel.line import Line
from lvsctl.kernel.links import Rtm
from lvsctl.kernel.refusals import NOT_PERMITTED
from lvsctl.kernel.wire import Message

NETLINK_ROUTE: Final = 0
NETLINK_GET_STRICT_CHK: Final = 12
BREATH: Final = 4  # datagrams of a listing, some hundred addresses, that are read in one go
_FLAGS: Final = {Rtm.NEW_LINK: wire.CREATE | wire.EXCLUSIVE, Rtm.NEW_ADDRESS: wire.CREATE | wire.EXCLUSIVE}


class RouteSocket(Conversation):
    """What is new must not be there yet: NEW_LINK and NEW_ADDRESS change nothing that exists (EEXIST)."""

    def __init__(self, connection: socket.socket | None = None) -> None:
        """connection: to something that speaks for the kernel (default: to the kernel). Raises KernelError."""
        super().__init__(_connect() if connection is None else connection)

    async def ask(self, kind: Rtm, body: bytes) -> Message:
        """The one message that answers. Raises Refused."""
        sequence = self._next(1)
        await self._send(self._request(kind, body, flags=0, sequence=sequence))
        for message in wire.messages(await self._receive()):
            _expect(message, sequence)
            return message
        raise KernelError("the kernel sent an empty netlink answer")

    async def dump(self, kind: Rtm, body: bytes) -> list[Message]:
        """Every message of a listing. Raises Refused, Interrupted."""
        sequence = self._next(1)
        await self._send(self._request(kind, body, flags=wire.DUMP, sequence=sequence))
        found: list[Message] = []
        for count in itertools.count(1):
            for message in wire.messages(await self._receive()):
                if message.type == wire.DONE and message.sequence == sequence:
                    expect_success(message)
                    return found
                _expect(message, sequence)
                found.append(message)
            if count % BREATH == 0:
                await asyncio.sleep(0)
        raise AssertionError  # the count has no end

    def _request(self, command: int, body: bytes, *, flags: int, sequence: int) -> bytes:
        return wire.message(command, body, flags=flags | _FLAGS.get(Rtm(command), 0), sequence=sequence)


async def open_route() -> RouteSocket:
    """A socket to this network namespace. Raises KernelError."""
    return RouteSocket()


class Rtnetlink(Line[RouteSocket]):
    """What links and addresses are asked of."""

    def __init__(self, open_socket: Callable[[], Awaitable[RouteSocket]] = open_route) -> None:
        super().__init__(open_socket, _cannot_ask)


def _cannot_ask(number: int) -> str:
    reason = NOT_PERMITTED if number in (errno.EPERM, errno.EACCES) else os.strerror(number)
    return f"cannot ask for links and addresses: {reason}"


def _connect() -> socket.socket:
    connection = connect(NETLINK_ROUTE)
    with contextlib.suppress(OSError):  # before Linux 4.20 a listing was of everything, whatever was asked for
        connection.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    return connection


def _expect(message: Message, sequence: int) -> None:
    if message.sequence != sequence:
        raise KernelError("netlink: an answer to another question")
    if message.type == wire.ERROR:
        expect_success(message)
        raise KernelError("netlink: a confirmation where an answer was due")
    if message.flags & wire.DUMP_INTERRUPTED:
        raise Interrupted("links or addresses changed while they were listed")
