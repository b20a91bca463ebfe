"""Where this director is asked by its peer, and by nobody else.

Connections are accepted here, and only then given to aiohttp: so a stranger is turned away before a byte of his is
read, there are never more than MOST of the peer's, and one on which nothing sensible is asked is closed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from ipaddress import ip_address

import structlog
from aiohttp import web

from lvsctl.daemon.peer.wire import NONCE, PARTS, PATH, SEAL, is_question, seal_answer
from lvsctl.errors import LvsctlError
from lvsctl.model import Peer
from lvsctl.model.table import endpoint

MOST = 4
"""Connections of the peer: it has one, and those that it has given up while we did not listen."""

PATIENCE = 10.0
"""Seconds, and a few of its intervals at least, that a connection may go without a question."""

HURRIED = 0.5
"""Seconds of our own delay that are no ground for giving up a question: who asks waits for as long at least."""

_INTERVALS = 3
_BEFORE = 1.0  # seconds before it was let in from which on a delay of ours explains why nothing was asked
_LONGEST = 128  # characters of a nonce
_WAITING = 16  # who may wait to be let in
_TIRED = 0.2  # seconds until the next is let in after the kernel could not give us one
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: no FIN, and no TIME_WAIT for the sake of a stranger


class TurnedAway(StrEnum):
    """Why somebody is. Its members are the names of what is counted."""

    STRANGER = "stranger"  # not the peer's address
    FORGED = "forged"  # not signed with a key that is known here
    GARBAGE = "garbage"  # no question, or none in time


log = structlog.get_logger("lvsctl")


class Door:
    """Answers the peer's questions.

    answer: makes the answer, without the parts whose tokens are given. turned_away: hears of each that is: why, and who
    it was if that is not the peer. lag: the longest delay of this director within so many seconds. What the peer gave
    up while we stood still is not told: it was in order, and we were not.
    """

    def __init__(
        self,
        peer: Peer,
        answer: Callable[[Mapping[str, str]], bytes],
        turned_away: Callable[[TurnedAway, str], None],
        lag: Callable[[float], float],
    ) -> None:
        self._peer = peer
        self._answer = answer
        self._turned_away = turned_away
        self._lag = lag
        self._server = web.Server(
            self._handle, access_log=None, logger=_mute(), lingering_time=0, auto_decompress=False, read_bufsize=2**14
        )
        self._asked: dict[asyncio.Transport, tuple[float, bool]] = {}  # since when, and whether anything was
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._letting_in: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Listen. Raises LvsctlError where that is not possible (yet)."""
        if self._listening is not None:
            return
        where = self._peer.listen, self._peer.listen_port
        family = socket.AF_INET if self._peer.listen.version == 4 else socket.AF_INET6
        try:
            made = socket.create_server((str(where[0]), where[1]), family=family, backlog=_WAITING)
        except OSError as error:
            why = os.strerror(error.errno).lower() if error.errno else str(error)
            raise LvsctlError(f"cannot listen on {endpoint(*where)}: {why}; it is tried again") from error
        made.setblocking(False)
        self._listening = made
        self._letting_in = asyncio.create_task(self._let_in(made), name="peer: door")

    @property
    def port(self) -> int:
        """The one that is listened on; 0 while none is."""
        return int(self._listening.getsockname()[1]) if self._listening is not None else 0

    def sweep(self) -> None:
        """Close connections on which nothing has been asked for too long."""
        patience = max(PATIENCE, _INTERVALS * self._peer.interval)
        for transport, (since, _) in list(self._asked.items()):
            if not transport.is_closing() and self._loop.time() - since < patience:
                continue
            self._hang_up(transport)

    async def close(self) -> None:
        """Listen no more, and hang up."""
        if self._letting_in is not None:
            self._letting_in.cancel()
            await asyncio.wait([self._letting_in])
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for transport in self._asked:
            transport.abort()
        self._asked.clear()
        await self._server.shutdown(timeout=0)

    async def _let_in(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, address = await self._loop.sock_accept(listening)
            except OSError:  # no descriptor left, or who knocked has gone
                await asyncio.sleep(_TIRED)
                continue
            try:
                await self._admit(connection, address[0])
            except OSError:  # it has gone meanwhile
                connection.close()
            except Exception:
                log.exception("a bug in lvsctl: somebody was not let in; report it")
                connection.close()

    async def _admit(self, connection: socket.socket, address: str) -> None:
        if ip_address(address) != self._peer.address:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            connection.close()
            self._turned_away(TurnedAway.STRANGER, address)
            return
        self._make_room()
        transport, _ = await self._loop.connect_accepted_socket(self._server, connection)
        self._asked[transport] = self._loop.time(), False

    def _make_room(self) -> None:
        """For one more; who has asked nothing yet goes first, then who has asked nothing for the longest time."""
        self.sweep()
        while len(self._asked) >= MOST:
            oldest = min(self._asked, key=lambda one: (self._asked[one][1], self._asked[one][0]))
            self._hang_up(oldest)

    def _hang_up(self, transport: asyncio.Transport) -> None:
        """At once: who reads nothing would keep for ever what is still to be sent to him."""
        since, asked = self._asked.pop(transport)
        transport.abort()
        waited = self._loop.time() - since
        if not asked and self._lag(waited + _BEFORE) < HURRIED:
            self._turned_away(TurnedAway.GARBAGE, "")

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return self._answered(request)
        except Exception:
            log.exception("a bug in lvsctl: the peer is not answered; report it")
            return _no(500)

    def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        nonce, seal = request.headers.get(NONCE, ""), request.headers.get(SEAL, "")
        if request.method != "GET" or request.path != PATH or not 0 < len(nonce) <= _LONGEST:
            return self._refused(request, TurnedAway.GARBAGE, 404)
        if not is_question(request.path_qs, nonce, seal, self._peer.keys):
            return self._refused(request, TurnedAway.FORGED, 403)
        if request.transport in self._asked:
            self._asked[request.transport] = self._loop.time(), True
        body = self._answer({name: request.query[name] for name in PARTS if name in request.query})
        sealed = seal_answer(body, nonce, self._peer.keys)
        return web.Response(body=body, headers={SEAL: sealed}, content_type="application/json")

    def _refused(self, request: web.BaseRequest, why: TurnedAway, status: int) -> web.Response:
        if request.transport is not None:
            self._asked.pop(request.transport, None)
        self._turned_away(why, "")
        return _no(status)


def _no(status: int) -> web.Response:
    """Said without a word more, and for the last time."""
    refused = web.Response(status=status)
    refused.force_close()
    return refused


def _mute() -> logging.Logger:
    """For aiohttp, which has something to say of every byte of garbage; what is worth a line is told by us."""
    return logging.Logger("peer", level=logging.CRITICAL + 1)
