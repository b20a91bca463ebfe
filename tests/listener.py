"""A TCP server that ends whole.

asyncio's own loses whom it is just accepting when it is closed and, before Python 3.12, waits for none of its handlers.
What is left of them warns when the rubbish is collected, which fails whatever test runs then.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What is done with every connection. Afterwards it is closed; meanwhile it may break, which is no error."""

TURNS = 10
"""Turns of the loop: asyncio takes two or three from aborting a transport (of TLS) to closing its socket."""


class Listener:
    """A server on one address: every connection is a task from being accepted until its socket is closed."""

    def __init__(self, talk: Talk, tls: ssl.SSLContext | None = None) -> None:
        self._talk = talk
        self._tls = tls
        self._tasks: dict[asyncio.Task[None], socket.socket] = {}
        self._socket: socket.socket | None = None
        self._wrong: list[BaseException] = []

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> int:
        """The port."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server((address, port), family=family)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._accept, self._socket)
        taken: int = self._socket.getsockname()[1]
        return taken

    async def close(self) -> None:
        """Refuse everybody from now on, and cut off whoever is still connected. Raises what went wrong in `talk`."""
        assert self._socket is not None
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        tasks = dict(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(TURNS):
            await asyncio.sleep(0)
        for connection in tasks.values():
            connection.close()  # of whose task had not even begun
        if self._wrong:
            raise self._wrong[0]

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):  # who came is gone again
            connection, _ = listening.accept()
            connection.setblocking(False)
            task = asyncio.get_running_loop().create_task(self._serve(connection))
            self._tasks[task] = connection
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (problem := task.exception()):
            self._wrong.append(problem)

    async def _serve(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._tls)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                await self._talk(reader, writer)
                writer.close()
                await writer.wait_closed()
            finally:
                writer.transport.abort()


@contextlib.asynccontextmanager
async def listening(
    talk: Talk, address: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The port of a Listener that ends with the block."""
    listener = Listener(talk, tls)
    taken = await listener.start(address, port)
    try:
        yield taken
    finally:
        await listener.close()
