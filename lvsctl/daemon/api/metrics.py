"""GET /metrics: what Prometheus is told, on the control socket and on the listeners of conf.d."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from lvsctl.daemon.api.request import DAEMON
from lvsctl.daemon.api.shapes import Operation

SHOW = Operation(
    "Metrics in the text format of Prometheus, or OpenMetrics where that is asked for.", {}, media="text/plain"
)

PATIENCE = 30.0
"""Seconds in which a scraper has to take its answer; Prometheus gives up after 10, unless it is told otherwise."""

MOST = 8
"""Scrapes at once: an answer that nobody takes is megabytes of memory."""

_ROOM = web.AppKey("room_for_scrapes", asyncio.Semaphore)


def prepare(app: web.Application) -> None:
    """To be called once for every application with this route."""
    app[_ROOM] = asyncio.Semaphore(MOST)


async def show(request: web.Request) -> web.StreamResponse:
    """The metrics."""
    room = request.app[_ROOM]
    if room.locked():
        return web.Response(status=503, text=f"{MOST} scrapes are being answered: try again\n")
    async with room:
        return await _answer(request)


async def _answer(request: web.Request) -> web.StreamResponse:
    accept = ",".join(request.headers.getall(hdrs.ACCEPT, []))
    encodings = ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, []))
    made = await request.app[DAEMON].expositions.make(accept=accept, accept_encoding=encodings)
    headers = {"Content-Type": made.content_type, "Vary": "Accept, Accept-Encoding"}
    if made.encoding:
        headers["Content-Encoding"] = made.encoding
    response = web.Response(body=made.body, headers=headers)
    try:
        async with asyncio.timeout(PATIENCE):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response
