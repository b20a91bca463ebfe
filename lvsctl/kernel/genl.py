"""Generic netlink on the asyncio loop: ask and dump, with IPVS as the family that is spoken to."""

from __future__ import annotations

import asyncio
import itertools
import socket
from typing import Final, Protocol

from lvsctl.errors import KernelError
from lvsctl.kernel import wire
from lvsctl.kernel.channel import Conversation, Interrupted, connect, expect_success

NETLINK_GENERIC: Final = 16
BREATH: Final = 4  # datagrams of a listing, some hundred servers, that are read in one go


class Reader(Protocol):
    """What a listing is told to."""

    def bulk(self, datagram: memoryview) -> bool:
        """Read a whole datagram of data messages at once; False, with nothing done, where that cannot be."""

    def one(self, attributes: bytes) -> None:
        """Read the attributes of one message."""


class GenericSocket(Conversation):
    """A socket that speaks to one generic netlink family."""

    def __init__(self, family: int, connection: socket.socket | None = None) -> None:
        """connection: to something that speaks for the kernel (default: to the kernel). Raises KernelError."""
        super().__init__(connect(NETLINK_GENERIC) if connection is None else connection)
        self._family = family

    async def ask(self, command: int, body: bytes = b"") -> bytes:
        """The attributes of the one message that answers. Raises Refused."""
        sequence = self._next(1)
        await self._send(self._request(command, body, flags=0, sequence=sequence))
        for message in wire.messages(await self._receive()):
            _expect(message, sequence, self._family)
            return message.body[wire.GENERIC.size :]
        raise KernelError("the kernel sent an empty netlink answer")

    async def dump(self, command: int, body: bytes, reader: Reader) -> None:
        """Have `reader` read every message of a listing. Raises Refused, Interrupted."""
        sequence = self._next(1)
        await self._send(self._request(command, body, flags=wire.DUMP, sequence=sequence))
        plain = wire.MESSAGE.pack(0, self._family, wire.MULTI, sequence, 0)[4:12]
        for count in itertools.count(1):
            datagram = await self._receive()
            if count % BREATH == 0:
                await asyncio.sleep(0)  # thousands of servers must not keep the loop from its probes
            if datagram[4:12] == plain and reader.bulk(datagram):
                continue
            for message in wire.messages(datagram):
                if message.type == wire.DONE and message.sequence == sequence:
                    expect_success(message)
                    return
                _expect(message, sequence, self._family)
                reader.one(message.body[wire.GENERIC.size :])

    def _request(self, command: int, body: bytes, *, flags: int, sequence: int) -> bytes:
        return wire.request(family=self._family, flags=flags, sequence=sequence, command=command, body=body)


def _expect(message: wire.Message, sequence: int, family: int) -> None:
    if message.sequence != sequence:
        raise KernelError("netlink: an answer to another question")
    if message.type == wire.ERROR:
        expect_success(message)
    if message.type != family:
        raise KernelError(f"netlink: a message of type {message.type} where {family} was due")
    if message.flags & wire.DUMP_INTERRUPTED:
        raise Interrupted("the table changed while it was read")
