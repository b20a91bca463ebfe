"""Clients of the service: `python -m tests.directors.client VIP PORT HELD RATE` until SIGTERM.

HELD connections are kept, and each asks something twice a second. RATE new ones a second connect, ask once and are
closed. STAYING more a second behave as the held ones do, for STAY seconds: some of them are young whenever something
happens. The first line of output has the local ports of the held ones, once all are there; after SIGTERM each is asked
a last time, and then the last line tells everything, as JSON: {"held": [Held], "young": [Held], "new": [New]}. Times
are CLOCK_MONOTONIC in seconds.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Any

EVERY = 0.5
STAYING = 10
STAY = 5.0
PATIENCE = 30.0
"""Seconds after which a client gives up."""
REQUEST = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


@dataclass
class Held:
    """began: when it was connected. server: who answered first. slowest: of its answers, in seconds. last: when.

    lost: why it is over, else "".
    """

    began: float
    port: int
    server: str
    answers: int = 0
    slowest: float = 0.0
    last: float = 0.0
    lost: str = ""


@dataclass
class New:
    """From connect to its answer. lost: why there was none."""

    began: float
    ended: float = 0.0
    port: int = 0
    server: str = ""
    lost: str = ""


async def ask(reader: StreamReader, writer: StreamWriter) -> str:
    """The server's name. Raises OSError, EOFError, TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        return (await reader.readexactly(length)).decode()


def local(writer: StreamWriter) -> int:
    return int(writer.get_extra_info("sockname")[1])


class Clients:
    def __init__(self, vip: str, port: int) -> None:
        self.held: list[Held] = []
        self.young: list[Held] = []
        self.new: list[New] = []
        self.stopped = asyncio.Event()
        self._where = (vip, port)

    async def hold(self, ready: asyncio.Barrier) -> None:
        reader, writer = await asyncio.open_connection(*self._where)
        one = Held(time.monotonic(), local(writer), await ask(reader, writer))
        self.held.append(one)
        await ready.wait()
        await self._keep(one, reader, writer, float("inf"))

    async def stay(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection(*self._where)
        except OSError:
            return  # it was never there; `new` has enough of these
        one = Held(time.monotonic(), local(writer), "")
        self.young.append(one)
        await self._keep(one, reader, writer, one.began + STAY)

    async def _keep(self, one: Held, reader: StreamReader, writer: StreamWriter, until: float) -> None:
        try:
            while not one.lost:
                last = self.stopped.is_set() or time.monotonic() >= until
                await self._exchange(one, reader, writer)
                if last:
                    break
                await self._pause()
        finally:
            writer.close()

    async def _exchange(self, one: Held, reader: StreamReader, writer: StreamWriter) -> None:
        began = time.monotonic()
        try:
            server = await ask(reader, writer)
            one.server = one.server or server
            if server != one.server:
                one.lost = f"answered by {server}"
            one.answers += 1
            one.last = time.monotonic()
            one.slowest = max(one.slowest, one.last - began)
        except (OSError, EOFError) as error:
            one.lost = repr(error)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(EVERY):
                await self.stopped.wait()
        except TimeoutError:
            pass

    async def arrive(self, rate: float, come: Callable[[], Coroutine[None, None, None]]) -> None:
        began, number = time.monotonic(), 0
        async with asyncio.TaskGroup() as tasks:
            while not self.stopped.is_set():
                tasks.create_task(come())
                number += 1
                await asyncio.sleep(began + number / rate - time.monotonic())

    async def once(self) -> None:
        one = New(time.monotonic())
        self.new.append(one)
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection(*self._where)
            one.port = local(writer)
            try:
                one.server = await ask(reader, writer)
            finally:
                writer.close()
        except (OSError, EOFError) as error:
            one.lost = repr(error)
        one.ended = time.monotonic()


async def main(vip: str, port: str, held: str, rate: str) -> None:
    clients = Clients(vip, int(port))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, clients.stopped.set)
    ready = asyncio.Barrier(int(held) + 1)
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(held)):
            tasks.create_task(clients.hold(ready))
            if number % 10 == 9:
                await asyncio.sleep(0.05)  # they do not all ask in the same instant
        await ready.wait()
        print(json.dumps([one.port for one in clients.held]), flush=True)
        tasks.create_task(clients.arrive(float(rate), clients.once))
        tasks.create_task(clients.arrive(STAYING, clients.stay))
    told: dict[str, list[Any]] = {"held": clients.held, "young": clients.young, "new": clients.new}
    print(json.dumps({kind: [asdict(one) for one in every] for kind, every in told.items()}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
