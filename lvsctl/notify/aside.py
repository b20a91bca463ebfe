"""What may take its time - name servers, a disk, much to word - in threads of their own, for which nobody waits.

The loop's own threads are few and serve the director, and a process does not end before they do: a name server that is
silent would take them one by one, and hold up the stop.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from aiohttp.abc import AbstractResolver, ResolveResult

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds for the name servers to say what this host is called."""

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


async def aside(job: Callable[[], T]) -> T:
    """What the job returns, or raises. If this is cancelled, the job goes on, and nobody hears of it."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # from now on nobody can cancel it

    def run() -> None:
        try:
            done.set_result(job())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await asyncio.wrap_future(done)


async def looked_up(host: str, port: int, family: int = socket.AF_UNSPEC) -> list[tuple[Any, ...]]:
    """What `socket.getaddrinfo` finds for a TCP connection. Raises socket.gaierror."""
    flags = socket.AI_ADDRCONFIG
    found = await aside(partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, flags))
    return list(found)


async def connected(host: str, port: int) -> socket.socket:
    """A connection to the first of its addresses that takes one. Raises OSError."""
    failed: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for family, kind, protocol, _, address in await looked_up(host, port):
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, address)
        except OSError as error:
            connection.close()
            failed = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failed


async def own_name() -> str:
    """What this host is called, with its domain if that can be found out soon."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await aside(socket.getfqdn)
    except TimeoutError:
        return socket.gethostname()


class Resolver(AbstractResolver):
    """`looked_up` for aiohttp."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError."""
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=int(address[1]), family=kind, proto=protocol, flags=_NUMERIC
            )
            for kind, _, protocol, _, address in await looked_up(host, port, family)
        ]

    async def close(self) -> None:
        """There is nothing to release."""
