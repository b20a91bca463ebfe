"""The table of everything that the control socket answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from lvsctl.daemon.api import (
    alerts,
    events,
    explain,
    history,
    metrics,
    openapi,
    overrides,
    pair,
    readiness,
    reload,
    silences,
    status,
)
from lvsctl.daemon.api.shapes import Operation

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One thing to ask. handler: may raise LvsctlError, see `failures`.

    changes: it does more than tell: it is logged with who asked, and `request.peer` tells the handler.
    """

    method: str
    path: str
    handler: Handler
    operation: Operation
    changes: bool = False


ROUTES = (
    Route("GET", "/v1/status", status.show, status.SHOW),
    Route("GET", "/v1/explain", explain.show, explain.SHOW),
    Route("GET", "/v1/events", events.follow, events.FOLLOW),
    Route("GET", "/v1/history", history.show, history.SHOW),
    Route("GET", "/v1/alerts", alerts.show, alerts.SHOW),
    Route("POST", "/v1/alerts/test", alerts.test, alerts.TEST, changes=True),
    Route("GET", "/v1/silences", silences.show, silences.SHOW),
    Route("POST", "/v1/silences", silences.begin, silences.BEGIN, changes=True),
    Route("DELETE", "/v1/silences", silences.end, silences.END, changes=True),
    Route("POST", "/v1/reload", reload.reload, reload.RELOAD, changes=True),
    Route("GET", "/v1/overrides", overrides.show, overrides.LIST),
    Route("POST", "/v1/overrides", overrides.give, overrides.GIVE, changes=True),
    Route("DELETE", "/v1/overrides", overrides.end, overrides.END, changes=True),
    Route("GET", "/v1/pair", pair.show, pair.SHOW),
    Route("POST", "/v1/pair/failover", pair.hand_over, pair.HAND_OVER, changes=True),
    Route("GET", "/v1/pair/role", pair.tell_role, pair.TELL_ROLE),
    Route("POST", "/v1/pair/role", pair.say_role, pair.SAY_ROLE, changes=True),
    Route("POST", "/v1/pair/notice", pair.notice, pair.NOTICE, changes=True),
    Route("GET", "/v1/openapi.json", openapi.show, openapi.SHOW),
    Route("GET", "/metrics", metrics.show, metrics.SHOW),
    Route("GET", "/-/healthy", readiness.healthy, readiness.HEALTHY),
    Route("GET", "/-/ready", readiness.ready, readiness.READY),
)
