"""A socket to the kernel that is opened when it is first needed, and anew after any failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from lvsctl.errors import KernelError
from lvsctl.kernel.channel import Conversation, Refused

Spoken = TypeVar("Spoken", bound=Conversation)


class Line(Generic[Spoken]):
    """open_socket: raises KernelError. refused: what a KernelError says where the kernel refuses with an errno."""

    def __init__(self, open_socket: Callable[[], Awaitable[Spoken]], refused: Callable[[int], str]) -> None:
        self._open = open_socket
        self._refused = refused
        self._lock = asyncio.Lock()
        self._socket: Spoken | None = None

    @asynccontextmanager
    async def conversation(self) -> AsyncIterator[Spoken]:
        """The socket, for one conversation at a time. One that ends badly takes the socket with it."""
        async with self._lock:
            try:
                if self._socket is None:
                    self._socket = await self._open()
                yield self._socket
            except BaseException as error:
                await self.close()
                if isinstance(error, Refused):
                    raise KernelError(self._refused(error.number)) from error
                raise

    async def close(self) -> None:
        """Release the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
