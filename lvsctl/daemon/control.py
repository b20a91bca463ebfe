"""The control socket: status, explanations, reload and metrics as HTTP and JSON over a unix socket."""

from __future__ import annotations

import contextlib
import socket as sockets
import stat
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.explain import explain
from lvsctl.daemon.status import status
from lvsctl.decide.explain.subject import NoSuchSubject
from lvsctl.errors import AlreadyRunning, ConfigError, LvsctlError

DAEMON = web.AppKey("daemon", Daemon)


@contextlib.asynccontextmanager
async def serving(daemon: Daemon, path: Path) -> AsyncIterator[None]:
    """Answer on `path` (mode 0660) while the block runs; raises LvsctlError if the path cannot be used."""
    _make_room(path)
    app = web.Application()
    app[DAEMON] = daemon
    app.router.add_get("/v1/status", _status)
    app.router.add_get("/v1/explain", _explain)
    app.router.add_post("/v1/reload", _reload)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/-/healthy", _healthy)
    app.router.add_get("/-/ready", _ready)
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


async def _status(request: web.Request) -> web.Response:
    try:
        with_table = request.query.get("table") != "no"
        return web.json_response(await status(request.app[DAEMON], with_table=with_table))
    except LvsctlError as error:
        return web.json_response({"error": str(error)}, status=503)


async def _explain(request: web.Request) -> web.Response:
    try:
        return web.json_response(await explain(request.app[DAEMON], request.query.get("subject", "")))
    except NoSuchSubject as error:
        return web.json_response({"error": str(error)}, status=404)
    except LvsctlError as error:
        return web.json_response({"error": str(error)}, status=503)


async def _reload(request: web.Request) -> web.Response:
    try:
        warnings = await request.app[DAEMON].reload()
    except ConfigError as error:
        return web.json_response({"ok": False, "problems": [str(problem) for problem in error.problems]}, status=422)
    except LvsctlError as error:
        return web.json_response({"ok": False, "problems": [str(error)]}, status=503)
    return web.json_response({"ok": True, "warnings": [str(problem) for problem in warnings]})


async def _metrics(request: web.Request) -> web.Response:
    text = request.app[DAEMON].metrics.text()
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _ready(request: web.Request) -> web.Response:
    ready = request.app[DAEMON].ready
    return web.Response(
        text="ready\n" if ready else "not yet: the first complete round is not done\n", status=200 if ready else 503
    )
