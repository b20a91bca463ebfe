"""A receiver on loopback that misbehaves as it is told, byte by byte."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.listener import Listener

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Heard:
    """One request as it came."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


class Misbehaving:
    """behaviours: for one request each, in order; after them `otherwise`."""

    def __init__(self, *behaviours: Behaviour, otherwise: Behaviour | None = None) -> None:
        self.heard: list[Heard] = []
        self.behaviours = list(behaviours)
        self.otherwise = otherwise or status(200)
        self.arrived = asyncio.Condition()
        self._listener: Listener | None = None

    async def start(self, trust: ssl.SSLContext | None = None) -> str:
        """Its base URL."""
        self._listener = Listener(self._serve, trust)
        port = await self._listener.start()
        return f"{'https' if trust else 'http'}://127.0.0.1:{port}"

    async def close(self) -> None:
        assert self._listener is not None
        await self._listener.close()

    async def until(self, count: int) -> list[Heard]:
        """All requests so far, as soon as there are that many."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.heard) >= count)
        return self.heard

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._one(reader, writer):
            pass

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.heard.append(Heard(first.split(" ")[1], headers, body))
        async with self.arrived:
            self.arrived.notify_all()
        await (self.behaviours.pop(0) if self.behaviours else self.otherwise)(writer)
        return not writer.is_closing()


def status(code: int, *headers: str, body: bytes = b"ok") -> Behaviour:
    """Answer as an HTTP server does."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


def raw(data: bytes, *, then: Behaviour | None = None) -> Behaviour:
    """Send these bytes, and then close unless there is something else to do."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await (then or close)(writer)

    return answer


async def close(writer: asyncio.StreamWriter) -> None:
    """Hang up."""
    writer.close()


async def hang(writer: asyncio.StreamWriter) -> None:
    """Say nothing more, for ever."""
    await asyncio.Event().wait()


async def flood(writer: asyncio.StreamWriter) -> None:
    """A body without an end."""
    while not writer.is_closing():
        writer.write(b"x" * 65536)
        await writer.drain()
