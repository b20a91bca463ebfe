"""Serves the table of routes on a unix socket."""

from __future__ import annotations

import contextlib
import socket as sockets
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from aiohttp import web

from lvsctl.daemon.api import openapi
from lvsctl.daemon.api.failures import failures
from lvsctl.daemon.api.request import DAEMON, find_peer
from lvsctl.daemon.api.routes import ROUTES, Handler, Route
from lvsctl.daemon.daemon import Daemon
from lvsctl.errors import AlreadyRunning, LvsctlError

LARGEST = 64 * 1024  # bytes of a request's body
SHOWN = 500  # of them, and of the query, in the log

log = structlog.get_logger("lvsctl")


@contextlib.asynccontextmanager
async def serving(daemon: Daemon, path: Path) -> AsyncIterator[None]:
    """Answer on `path` (mode 0660) while the block runs; raises LvsctlError if the path cannot be used."""
    _make_room(path)
    app = web.Application(middlewares=[failures], client_max_size=LARGEST)
    app[DAEMON] = daemon
    app[openapi.DOCUMENT] = openapi.document(ROUTES)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _logged(route) if route.changes else route.handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.UnixSite(runner, str(path)).start()
            path.chmod(0o660)
        except OSError as error:
            raise LvsctlError(
                f"cannot listen on {path}: {error.strerror or error}; name another with --socket"
            ) from error
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


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


def _make_room(path: Path) -> None:
    """Remove a socket that nobody answers on; anything else in the way is an error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LvsctlError(f"cannot make {path.parent}: {error.strerror}; name another with --socket") from error
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise LvsctlError(f"{path} is in the way and is no socket: remove it, or name another with --socket")
        with sockets.socket(sockets.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(path))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
        return
    except OSError as error:
        raise LvsctlError(f"cannot use {path}: {error.strerror or error}; name another with --socket") from error
    raise AlreadyRunning(f"another daemon answers on {path}: stop it first, or name another with --socket")
