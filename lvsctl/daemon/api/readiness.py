"""GET /-/healthy and GET /-/ready: for whoever watches the daemon."""

from __future__ import annotations

from aiohttp import web

from lvsctl.daemon.api.request import DAEMON
from lvsctl.daemon.api.shapes import Operation

HEALTHY = Operation("The daemon answers.", {}, media="text/plain")
READY = Operation("The first complete round is done.", {}, media="text/plain", others={503: {}})


async def healthy(_: web.Request) -> web.Response:
    """It answers, so it is."""
    return web.Response(text="ok\n")


async def ready(request: web.Request) -> web.Response:
    """200 after the first complete round, 503 before."""
    done = request.app[DAEMON].ready
    return web.Response(
        text="ready\n" if done else "not yet: the first complete round is not done\n", status=200 if done else 503
    )
