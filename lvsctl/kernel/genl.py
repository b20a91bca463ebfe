"""One generic netlink socket on the asyncio loop: ask, dump, and many orders to a datagram.

The kernel does what it is asked within `send`, so its answers are there when `send` returns: receiving is tried
first, and the loop is only waited for where there is nothing yet.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections.abc import Sequence
from typing import Final, Protocol

from lvsctl.errors import KernelError
from lvsctl.kernel import wire

NETLINK_GENERIC: Final = 16
SOL_NETLINK: Final = 270
NETLINK_CAP_ACK: Final = 10
BATCH: Final = 50  # orders in a datagram; more gains nothing, and their answers must fit the receive buffer
BUFFER: Final = 65536  # the kernel fills at most 32 KiB
PATIENCE: Final = 10.0  # seconds for an answer that was not there when `send` returned
BREATH: Final = 4  # datagrams of a listing, some hundred servers, that are read in one go


class Interrupted(KernelError):
    """A listing went wrong in a way that asking again may mend."""


class Refused(Exception):
    """The kernel answered with an errno; caught within this room."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Reader(Protocol):
    """What a listing is told to."""

    def bulk(self, datagram: memoryview) -> bool:
        """Read a whole datagram of data messages at once; False, with nothing done, where that cannot be."""

    def one(self, attributes: bytes) -> None:
        """Read the attributes of one message."""


class GenericSocket:
    """A socket that speaks to one generic netlink family. Not for two conversations at once: the caller has a lock.

    A conversation that does not come to its end leaves answers behind that nobody wants: close the socket then.
    """

    def __init__(self, family: int, connection: socket.socket | None = None) -> None:
        """connection: to something that speaks for the kernel (default: to the kernel). Raises KernelError."""
        self._family = family
        self._sequence = 0
        self._buffer = memoryview(bytearray(BUFFER))
        self._socket = _connect() if connection is None else connection
        self._socket.setblocking(False)

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

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
                    _expect_success(message)
                    return
                _expect(message, sequence, self._family)
                reader.one(message.body[wire.GENERIC.size :])

    async def order(self, orders: Sequence[tuple[int, bytes]]) -> list[int]:
        """Carry out (command, attributes), in order, a batch to a datagram; the errno of each, 0 for done."""
        answers: list[int] = []
        for start in range(0, len(orders), BATCH):
            answers += await self._order_batch(orders[start : start + BATCH])
            await asyncio.sleep(0)  # thousands of orders must not keep the loop from its probes
        return answers

    async def _order_batch(self, orders: Sequence[tuple[int, bytes]]) -> list[int]:
        """What fails is answered whether it asks or not, so only the last order asks; by its answer all others are in.

        (Fetching an answer to every order took longer than carrying the orders out. Should the kernel ever be unable
        to leave an answer, it says so: receiving fails with ENOBUFS.)
        """
        first = self._next(len(orders))
        last = first + len(orders) - 1
        parts = [
            self._request(command, body, flags=wire.ACK if sequence == last else 0, sequence=sequence)
            for sequence, (command, body) in enumerate(orders, first)
        ]
        await self._send(b"".join(parts))
        answers: dict[int, int] = {}
        while last not in answers:
            for message in wire.messages(await self._receive()):
                if message.type == wire.ERROR:
                    answers[message.sequence] = wire.error_number(message)
        return [answers.get(sequence, 0) for sequence in range(first, last + 1)]

    def _request(self, command: int, body: bytes, *, flags: int, sequence: int) -> bytes:
        return wire.request(family=self._family, flags=flags, sequence=sequence, command=command, body=body)

    def _next(self, count: int) -> int:
        """The first of `count` sequence numbers; they start again long before 32 bits are full."""
        if self._sequence > 0x7FFFFFFF:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += count
        return first

    async def _send(self, datagram: bytes) -> None:
        while True:
            try:
                self._socket.send(datagram)
            except BlockingIOError:
                await self._wait(writing=True)
                continue
            except OSError as error:
                raise KernelError(f"netlink: {error.strerror}") from error
            return

    async def _receive(self) -> memoryview:
        """The next datagram, in a buffer that the one after it overwrites."""
        while True:
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                await self._wait(writing=False)
                continue
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise Interrupted("netlink: the kernel dropped answers, its receive buffer was full") from error
                raise KernelError(f"netlink: {error.strerror}") from error
            return self._buffer[:size]

    async def _wait(self, *, writing: bool) -> None:
        loop, number = asyncio.get_running_loop(), self._socket.fileno()
        ready = loop.create_future()
        add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
        add(number, _settle, ready)
        try:
            await asyncio.wait([ready], timeout=PATIENCE)
        finally:
            remove(number)
        if not ready.done():
            raise KernelError(f"netlink: no answer from the kernel within {PATIENCE:.0f} s")


def _connect() -> socket.socket:
    """To the kernel alone: connected, the socket takes nothing from other processes, which could pass for answers."""
    try:
        connection = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_GENERIC)
    except OSError as error:
        raise KernelError(f"cannot open a netlink socket: {error.strerror}") from error
    connection.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)  # an answer need not repeat the question
    connection.connect((0, 0))
    return connection


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _expect(message: wire.Message, sequence: int, family: int) -> None:
    if message.sequence != sequence:
        raise KernelError("netlink: an answer to another question")
    if message.type == wire.ERROR:
        _expect_success(message)
    if message.type != family:
        raise KernelError(f"netlink: a message of type {message.type} where {family} was due")
    if message.flags & wire.DUMP_INTERRUPTED:
        raise Interrupted("the table changed while it was read")


def _expect_success(message: wire.Message) -> None:
    number = wire.error_number(message)
    if number == errno.EBUSY:
        raise Interrupted("netlink: another listing is running on this socket")
    if number:
        raise Refused(number)
