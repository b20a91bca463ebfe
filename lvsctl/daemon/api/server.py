"""Serves the table of routes on a unix socket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from lvsctl.daemon.api import metrics, openapi
from lvsctl.daemon.api.failures import failures
from lvsctl.daemon.api.request import DAEMON, find_peer
from lvsctl.daemon.api.routes import ROUTES, Handler, Route
from lvsctl.daemon.daemon import Daemon
from lvsctl.errors import LvsctlError

LARGEST = 64 * 1024  # bytes of a request's body
SHOWN = 500  # of them, and of the query, in the log

log = structlog.get_logger("lvsctl")


@contextlib.asynccontextmanager
async def answering(daemon: Daemon, listener: socket.socket) -> AsyncIterator[None]:
    """Answer whoever connects to the listener while the block runs."""
    app = web.Application(middlewares=[failures], client_max_size=LARGEST)
    app[DAEMON] = daemon
    metrics.prepare(app)
    app[openapi.DOCUMENT] = openapi.document(ROUTES)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _logged(route) if route.changes else route.handler)
    # A body is what was sent: one that says it is compressed is no JSON, and LARGEST is of what arrives.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, auto_decompress=False)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        daemon.stream.close()
        await runner.cleanup()


def _logged(route: Route) -> Handler:
    """The handler of a route that changes something: who asked for what is logged, and what came of it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        who = await find_peer(request)
        said = (await request.read())[:SHOWN].decode(errors="replace")
        told = log.bind(
            by=who, request=f"{request.method} {request.path_qs[:SHOWN]}", **({"body": said} if said else {})
        )
        try:
            answer = await route.handler(request)
        except LvsctlError as error:
            told.warning("a change was asked for, and refused", why=str(error))
            raise
        told.info("a change was asked for", status=answer.status)
        return answer

    return handle
