"""GET /metrics: what Prometheus is told."""

from __future__ import annotations

from aiohttp import web

from lvsctl.daemon.api.request import DAEMON
from lvsctl.daemon.api.shapes import Operation

SHOW = Operation("Metrics in the text format of Prometheus.", {}, media="text/plain")


async def show(request: web.Request) -> web.Response:
    """The metrics."""
    text = request.app[DAEMON].metrics.text()
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
