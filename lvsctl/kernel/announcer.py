"""Frames sent on one interface, many at once, without holding the loop up."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable
from typing import Final

from lvsctl.errors import KernelError
from lvsctl.kernel.refusals import other
from lvsctl.model import Refusal

BREATH: Final = 50  # frames that are sent in one go
PATIENCE: Final = 1.0  # seconds for an interface whose queue is full


class Announcer:
    """A socket on the interface `name`, which takes nothing in. Raises KernelError where there can be none.

    sent: frames so far. An interface that was deleted and made again needs a new one.
    """

    def __init__(self, name: str, connection: socket.socket | None = None) -> None:
        """connection: to something that stands for the interface (default: to the interface)."""
        self.sent = 0
        self._name = name
        self._socket = _bound(name) if connection is None else connection
        self._socket.setblocking(False)

    async def send(self, frames: Iterable[bytes]) -> Refusal | None:
        """All of them, or those before the first that was refused."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE):
                for number, frame in enumerate(frames, 1):
                    await loop.sock_sendall(self._socket, frame)
                    self.sent += 1
                    if number % BREATH == 0:
                        await asyncio.sleep(0)
        except TimeoutError:
            return Refusal(
                errno.ETIMEDOUT, f"{self._name} takes no more packets: its queue was full for {PATIENCE:.0f} s"
            )
        except OSError as error:
            return Refusal(error.errno or 0, _sentence(self._name, error.errno or 0))
        return None

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()


def _bound(name: str) -> socket.socket:
    connection = None
    try:
        connection = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        connection.bind((name, 0))
    except OSError as error:
        if connection is not None:
            connection.close()
        raise KernelError(f"cannot announce addresses on {name}: {_sentence(name, error.errno or 0)}") from error
    return connection


def _sentence(name: str, number: int) -> str:
    match number:
        case errno.EPERM:
            return "not permitted: give lvsctl CAP_NET_RAW in this network namespace"
        case errno.ENODEV | errno.ENXIO:
            return f"there is no interface {name}, or it was made anew"
        case errno.ENETDOWN:
            return f"{name} is down"
        case errno.ENOBUFS:
            return f"the queue of {name} is full"
    return other(number)
