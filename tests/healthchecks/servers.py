"""Servers on loopback that behave as the test says, and a way to ask them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from ipaddress import ip_address
from typing import Any

from lvsctl.checkapi import AnyKind
from lvsctl.checks.runner import ask
from lvsctl.model import Outcome, Target
from tests.listener import Talk, listening


@asynccontextmanager
async def serving(talk: Talk, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Target]:
    """A server that does `talk` on every connection; what is still going on at the end is cut off."""
    async with listening(talk, host, tls=tls) as port:
        yield Target(ip_address(host), port)


def saying(*pieces: bytes, after: bytes | None = b"\n", stay: bool = False) -> Talk:
    """Wait for `after` (None: speak first), send the pieces one by one; then close, or stay silent for ever."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if after is not None:
            await reader.readuntil(after)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if stay:
            await asyncio.Event().wait()

    return talk


def endless(piece: bytes, *, start: bytes = b"", every: float = 0) -> Talk:
    """Send `start`, then `piece` again and again."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)

    return talk


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request, answer with RST."""
    await reader.read(1)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def closed_port() -> Target:
    """A port of loopback that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return Target(ip_address("127.0.0.1"), probe.getsockname()[1])


async def probe(kind: AnyKind, target: Target, *, timeout: float = 10, **params: Any) -> Outcome:
    return await ask(kind, target, kind.params(**params), timeout)


async def answer(kind: AnyKind, talk: Talk, *, timeout: float = 10, **params: Any) -> tuple[str, str, str]:
    """Ask a server that does `talk`; verdict, code and detail."""
    async with serving(talk) as target:
        outcome = await probe(kind, target, timeout=timeout, **params)
    return outcome.verdict, outcome.code, outcome.detail
