"""HTTP for Prometheus on the addresses that conf.d names: /metrics, /-/healthy and /-/ready, and nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Collection
from typing import TYPE_CHECKING

import structlog

from lvsctl.errors import LvsctlError
from lvsctl.model import Listener

if TYPE_CHECKING:
    from aiohttp import web

    from lvsctl.daemon.daemon import Daemon

_GOODBYE = 2.0  # seconds that a scrape which has begun may take, after its listener is gone

log = structlog.get_logger("lvsctl")


class Listeners:
    """Listens where conf.d says. missing: where it could not, at the start; it is tried again and again."""

    def __init__(self, daemon: Daemon) -> None:
        self.missing: tuple[Listener, ...] = ()
        self._daemon = daemon
        self._open: dict[Listener, web.AppRunner] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self, wanted: Collection[Listener]) -> None:
        """Listen where that is possible: a port that somebody else has must not keep anybody from balancing."""
        self.missing = tuple(wanted)
        for one in wanted:
            await self._try(one, told=False)

    async def try_again(self) -> None:
        """Where there was no listening before."""
        for one in self.missing:
            await self._try(one, told=True)

    async def take(self, wanted: Collection[Listener]) -> None:
        """Listen there and nowhere else. With an LvsctlError all is as it was before.

        New ones first; only where an old one is in the way of a new one it goes before.
        """
        new = [one for one in wanted if one not in self._open]
        old = [one for one in self._open if one not in wanted]
        in_the_way = [one for one in old if any(one.overlaps(other) for other in new)]
        await self._close(in_the_way)
        opened: list[Listener] = []
        try:
            for one in new:
                await self._listen(one)
                opened.append(one)
        except LvsctlError:
            await self._close(opened)
            self.missing += tuple(in_the_way)
            await self.try_again()
            raise
        await self._close([one for one in old if one in self._open])
        self.missing = ()

    async def close(self) -> None:
        """Stop listening, for good; scrapes that have begun may end."""
        self._closed = True
        await self._close(list(self._open))
        await asyncio.gather(*self._leaving)

    async def _try(self, one: Listener, *, told: bool) -> None:
        try:
            await self._listen(one)
        except LvsctlError as error:
            if not told:
                log.error("no metrics there until that is possible", error=str(error))
            return
        self.missing = tuple(other for other in self.missing if other != one)
        log.info("metrics are served", listen=str(one))

    async def _listen(self, one: Listener) -> None:
        from aiohttp import web  # noqa: PLC0415 - slow to import

        from lvsctl.daemon.api import metrics, readiness  # noqa: PLC0415 - they import aiohttp
        from lvsctl.daemon.api.request import DAEMON  # noqa: PLC0415

        if self._closed:
            raise LvsctlError("the daemon is stopping")
        app = web.Application()
        app[DAEMON] = self._daemon
        metrics.prepare(app)
        app.router.add_get("/metrics", metrics.show)
        app.router.add_get("/-/healthy", readiness.healthy)
        app.router.add_get("/-/ready", readiness.ready)
        bound = _bound(one)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GOODBYE)
        await runner.setup()
        await web.SockSite(runner, bound).start()
        self._open[one] = runner

    async def _close(self, listeners: Collection[Listener]) -> None:
        """The ports are free at once; what has begun is brought to its end by and by."""
        for one in listeners:
            runner = self._open.pop(one)
            for site in runner.sites.copy():
                await site.stop()
            task = asyncio.create_task(runner.cleanup())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


def _bound(one: Listener) -> socket.socket:
    family = socket.AF_INET if one.address.version == 4 else socket.AF_INET6
    try:
        return socket.create_server((str(one.address), one.port), family=family)
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        todo = "change `listen` under `metrics`, or what stands in the way"
        raise LvsctlError(f"cannot serve metrics on {one}: {why}; {todo}") from error
