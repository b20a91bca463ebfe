"""GET /v1/history: the last transitions, of this daemon and of those before it."""

from __future__ import annotations

import time

from aiohttp import web

from lvsctl.config.values import since
from lvsctl.daemon.api.failures import BadRequest
from lvsctl.daemon.api.request import DAEMON, number
from lvsctl.daemon.api.shapes import COUNT, TEXT, TOLD, Operation, listed, shape
from lvsctl.decide.about import about

USUAL = 50

SHOW = Operation(
    "The last transitions of services, servers and the director, oldest first; kept across restarts.",
    shape("History", {"transitions": listed(TOLD)}),
    query={
        "subject": {**TEXT, "description": "only of this: SERVICE, SERVER, SERVICE/SERVER or SERVICE/POOL"},
        "limit": {**COUNT, "description": f"the newest so many; usually {USUAL}"},
        "since": {**TEXT, "description": "only newer ones: a duration (1h), or a time (RFC 3339)"},
    },
    fails=(404, 422),
)


async def show(request: web.Request) -> web.Response:
    """What the history has of the subject."""
    daemon, query = request.app[DAEMON], request.query
    limit, begin = number(request, "limit", USUAL), _since(query["since"]) if "since" in query else 0.0
    book = daemon.history.book
    subject = (
        about(daemon.world.spec, query["subject"], lambda one: bool(book.newest(1, one)))
        if "subject" in query
        else None
    )
    found = book.newest(limit, subject, since=begin)
    lines = b", ".join(one.line.rstrip() for one in found)  # they are JSON as they stand
    return web.Response(body=b'{"transitions": [' + lines + b"]}", content_type="application/json")


def _since(text: str) -> float:
    try:
        return since(text, time.time())
    except ValueError as error:
        raise BadRequest(f"since: {error}") from error
