"""A netlink socket on the asyncio loop, whatever is spoken on it; and orders, many to a datagram.

The kernel does what it is asked within `send`, so its answers are there when `send` returns: receiving is tried
first, and the loop is only waited for where there is nothing yet.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from lvsctl.errors import KernelError
from lvsctl.kernel import wire

SOL_NETLINK: Final = 270
NETLINK_CAP_ACK: Final = 10
BATCH: Final = 50  # orders in a datagram; more gains nothing, and their answers must fit the receive buffer
BUFFER: Final = 65536  # the kernel fills at most 32 KiB
PATIENCE: Final = 10.0  # seconds for an answer that was not there when `send` returned


class Interrupted(KernelError):
    """A listing went wrong in a way that asking again may mend."""


class Refused(Exception):
    """The kernel answered with an errno; caught within this room."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


# Only a listing is asked again: it changes nothing, and the next attempt has a new socket.
asked_again = retry(
    retry=retry_if_exception_type(Interrupted),
    stop=stop_after_attempt(5),
    wait=wait_exponential(multiplier=0.005, max=0.1),
    reraise=True,
)


class Channel:
    """What is sent and what comes."""

    def __init__(self, connection: socket.socket) -> None:
        """connection: to the kernel, or to something that speaks for it."""
        self._buffer = memoryview(bytearray(BUFFER))
        self._socket = connection
        self._socket.setblocking(False)

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

    async def _send(self, datagram: bytes) -> None:
        while True:
            try:
                self._socket.send(datagram)
            except BlockingIOError:
                await self._wait(PATIENCE, writing=True)
                continue
            except OSError as error:
                raise KernelError(f"netlink: {error.strerror}") from error
            return

    async def _receive(self) -> memoryview:
        """The next datagram, in a buffer that the one after it overwrites."""
        while (datagram := self._take()) is None:
            await self._wait(PATIENCE)
        return datagram

    def _take(self) -> memoryview | None:
        """The next datagram if it is there. Raises Interrupted where the kernel had no room for one."""
        try:
            size = self._socket.recv_into(self._buffer)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise Interrupted("netlink: the kernel dropped answers, its receive buffer was full") from error
            raise KernelError(f"netlink: {error.strerror}") from error
        return self._buffer[:size]

    async def _wait(self, patience: float | None, *, writing: bool = False) -> None:
        """Until there is something to be read, or room to write; None: however long that takes."""
        loop, number = asyncio.get_running_loop(), self._socket.fileno()
        ready = loop.create_future()
        add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
        add(number, _settle, ready)
        try:
            await asyncio.wait([ready], timeout=patience)
        finally:
            remove(number)
        if not ready.done():
            raise KernelError(f"netlink: no answer from the kernel within {patience:.0f} s")


class Conversation(Channel, ABC):
    """Questions, orders and answers. Not two conversations at once: the caller has a lock.

    One that does not come to its end leaves answers behind that nobody wants: close the socket then.
    """

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self._sequence = 0

    async def order(self, orders: Sequence[tuple[int, bytes]]) -> list[int]:
        """Carry out (command, body), in order, a batch to a datagram; the errno of each, 0 for done."""
        answers: list[int] = []
        for start in range(0, len(orders), BATCH):
            answers += await self._order_batch(orders[start : start + BATCH])
            await asyncio.sleep(0)  # thousands of orders must not keep the loop from its probes
        return answers

    @abstractmethod
    def _request(self, command: int, body: bytes, *, flags: int, sequence: int) -> bytes:
        """A message to the kernel; the flag REQUEST need not be among `flags`."""

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

    def _next(self, count: int) -> int:
        """The first of `count` sequence numbers; they start again long before 32 bits are full."""
        if self._sequence > 0x7FFFFFFF:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += count
        return first


def connect(protocol: int) -> socket.socket:
    """To the kernel alone: connected, the socket takes nothing from other processes, which could pass for answers.

    Raises KernelError.
    """
    try:
        connection = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        raise KernelError(f"cannot open a netlink socket: {error.strerror}") from error
    connection.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)  # an answer need not repeat the question
    connection.connect((0, 0))
    return connection


def expect_success(message: wire.Message) -> None:
    """Of an ERROR or a DONE. Raises Refused, Interrupted."""
    number = wire.error_number(message)
    if number == errno.EBUSY:
        raise Interrupted("netlink: another listing is running on this socket")
    if number:
        raise Refused(number)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
