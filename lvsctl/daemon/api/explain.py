"""GET /v1/explain: why a service or a server stands as it does."""

from __future__ import annotations

from aiohttp import web

from lvsctl.daemon.api.request import DAEMON
from lvsctl.daemon.api.shapes import COUNT, SERVICE_KEY, TEXT, Operation, document, listed, or_null, shape
from lvsctl.daemon.explain import explain

EXPLANATION = document(
    "Explanation",
    {
        "subject": TEXT,
        "service": SERVICE_KEY,
        "server": or_null(shape("Endpoint", {"address": TEXT, "port": COUNT})),
        "answer": TEXT,
        "chain": listed(shape("Link", {"about": TEXT, "says": TEXT})),
    },
)
SHOW = Operation(
    "Why a service or a server stands as it does.",
    EXPLANATION,
    query={"subject": {**TEXT, "description": "SERVICE, SERVICE/SERVER, or SERVER where one service has it"}},
    required=("subject",),
    fails=(404, 503),
)


async def show(request: web.Request) -> web.Response:
    """The explanation document."""
    return web.json_response(await explain(request.app[DAEMON], request.query.get("subject", "")))
