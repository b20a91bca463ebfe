"""/v1/silences: what operators do not want to hear of for a while."""

from __future__ import annotations

import secrets
import time
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from lvsctl.config.document import shown
from lvsctl.daemon.api.failures import BadRequest, NotFound
from lvsctl.daemon.api.request import DAEMON, body, peer
from lvsctl.daemon.api.shapes import COUNT, MOMENT, TEXT, Json, Operation, listed, shape
from lvsctl.decide.alerting.known import mistake, strangers
from lvsctl.decide.alerting.matching import everything, matcher, matches
from lvsctl.model import Silence
from lvsctl.model.moment import rfc3339

_LONGEST = 31 * 86400.0

_SILENCE = shape(
    "Silence",
    {"id": TEXT, "matchers": listed(TEXT), "by": TEXT, "reason": TEXT, "since": MOMENT, "until": MOMENT},
)
SHOW = Operation("The silences that hold, the newest last.", shape("Silences", {"silences": listed(_SILENCE)}))


class SilenceBody(BaseModel):
    """What is silenced. matchers: as `service=shop`; all must apply. for: seconds."""

    model_config = ConfigDict(extra="forbid")

    matchers: Annotated[list[str], Field(min_length=1, max_length=20)]
    seconds: Annotated[float, Field(alias="for", gt=0, le=_LONGEST)]
    reason: Annotated[str, Field(max_length=500)] = ""


BEGIN = Operation(
    "Silence the alerts to which all matchers apply; it is on disk when this answers, or `warnings` says why not.",
    shape(
        "Silenced",
        {
            "silence": _SILENCE,
            "alerts": {**COUNT, "description": "that fire now and are silenced by it"},
            "warnings": {**listed(TEXT), "description": "of names that nothing in conf.d has now, and of the disk"},
        },
    ),
    body=SilenceBody,
    fails=(422,),
)
END = Operation(
    "End a silence.",
    shape("SilenceEnded", {"ended": _SILENCE, "warnings": {**listed(TEXT), "description": "of the disk"}}),
    query={"id": {**TEXT, "description": "of the silence"}},
    required=("id",),
    fails=(404, 422),
)


async def show(request: web.Request) -> web.Response:
    """All that hold."""
    now = time.time()
    holding = [one for one in request.app[DAEMON].alerts.state.silences if one.until > now]
    return web.json_response({"silences": [_json(one) for one in holding]})


async def begin(request: web.Request) -> web.Response:
    """A new one."""
    daemon, wanted = request.app[DAEMON], await body(request, SilenceBody)
    try:
        matchers = tuple(matcher(text) for text in wanted.matchers)
    except ValueError as error:
        raise BadRequest(f"matchers: {error}") from error
    spec = daemon.world.spec
    if (why := mistake(matchers, spec)) is not None:
        raise BadRequest(f"matchers: {why}")
    if everything(matchers):
        raise BadRequest("matchers: this would silence everything; name a service, a server or an alert")
    now = time.time()
    silence = Silence(secrets.token_hex(4), matchers, peer(request), wanted.reason, now, now + wanted.seconds)
    unwritten = await daemon.alerts.silence(silence)
    entries = daemon.alerts.state.entries.values()
    count = sum(entry.firing and matches(matchers, entry.alert) for entry in entries)
    warnings = [*strangers(matchers, spec), *_of_the_disk(unwritten, "the silence ends with it")]
    return web.json_response({"silence": _json(silence), "alerts": count, "warnings": warnings})


async def end(request: web.Request) -> web.Response:
    """The end of one."""
    daemon, name = request.app[DAEMON], request.query.get("id", "")
    found = next((one for one in daemon.alerts.state.silences if one.id == name), None)
    if found is None:
        raise NotFound(f"there is no silence `{shown(name)}`: `lvsctl silence --list` shows all")
    unwritten = await daemon.alerts.unsilence(name, by=peer(request))
    warnings = _of_the_disk(unwritten, "the silence comes back with the next one")
    return web.json_response({"ended": _json(found), "warnings": warnings})


def _of_the_disk(unwritten: str, what: str) -> list[str]:
    return [f"{unwritten}: if the daemon is restarted before it can, {what}"] if unwritten else []


def _json(silence: Silence) -> Json:
    return {
        "id": silence.id,
        "matchers": [str(one) for one in silence.matchers],
        "by": silence.by,
        "reason": silence.reason,
        "since": rfc3339(silence.since),
        "until": rfc3339(silence.until),
    }
