"""GET /v1/alerts and POST /v1/alerts/test: what goes on, who was told of it, and whether a receiver can be told."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from lvsctl.config.document import shown
from lvsctl.config.wording import did_you_mean
from lvsctl.daemon.api.failures import NotFound
from lvsctl.daemon.api.request import DAEMON, body, peer
from lvsctl.daemon.api.shapes import COUNT, MOMENT, TEXT, TRUTH, Json, Operation, listed, one_of, or_null, shape
from lvsctl.decide.alerting.muting import Mute, mutes
from lvsctl.decide.alerting.state import Entry, Key, State
from lvsctl.model.moment import rfc3339
from lvsctl.notify.served import ReceiverStanding

_LABELS: Json = {"type": "object", "additionalProperties": TEXT}
_ALERT = shape(
    "Alert",
    {
        "alert": {**TEXT, "description": "its name, the label alertname"},
        "severity": one_of("critical", "warning", "info"),
        "state": {
            **one_of("firing", "silenced", "inhibited", "flapping"),
            "description": "flapping: it is told of as such; the others than firing are not told",
        },
        "by": {**TEXT, "description": "the silence, or the alert that inhibits it; else empty"},
        "since": MOMENT,
        "summary": TEXT,
        "labels": _LABELS,
        "annotations": _LABELS,
        "receivers": {**listed(TEXT), "description": "to whom it goes"},
        "told": {**listed(TEXT), "description": "those of them that know"},
        "fingerprint": TEXT,
    },
)
_RECEIVER = shape(
    "Receiver",
    {
        "name": TEXT,
        "kind": TEXT,
        "where": TEXT,
        "waiting": COUNT,
        "failing_since": or_null(MOMENT),
        "why": TEXT,
        "disabled": {**TRUTH, "description": "it wants to hear of nothing more"},
    },
)
SHOW = Operation(
    "Alerts that fire, who was told of them, and how the receivers stand.",
    shape("Alerts", {"alerts": listed(_ALERT), "receivers": listed(_RECEIVER)}),
)


class TestBody(BaseModel):
    """Whom to tell."""

    model_config = ConfigDict(extra="forbid")

    receiver: str


TEST = Operation(
    "Send a marked test to a receiver, past its queue, and say what came of it.",
    shape("Tested", {"ok": TRUTH, "answer": {**TEXT, "description": "where it went, or why it could not"}}),
    body=TestBody,
    fails=(404,),
)


async def show(request: web.Request) -> web.Response:
    """What fires now."""
    told = request.app[DAEMON].alerts
    standings = told.delivery.standings() if told.delivery is not None else ()
    return web.json_response({"alerts": alerts(told.state), "receivers": [_standing(one) for one in standings]})


def alerts(state: State) -> list[Json]:
    """Every alert that fires or flaps, the gravest first."""
    muted = mutes(state.entries, state.silences)
    going_on = [key for key, entry in state.entries.items() if entry.firing]
    order = ("critical", "warning", "info")
    found = [_alert(key, state, muted.get(key, Mute())) for key in going_on]
    return sorted(found, key=lambda one: (order.index(one["severity"]), one["since"], one["summary"]))


def _alert(key: Key, state: State, mute: Mute) -> Json:
    entry: Entry = state.entries[key]
    alert = entry.alert
    how, by = _muted(mute)
    groups = [group for group in state.groups.values() if key in group.members | group.told]
    return {
        "alert": alert.name,
        "severity": str(alert.severity),
        "state": how,
        "by": by,
        "since": rfc3339(alert.starts_at),
        "summary": alert.summary,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "receivers": sorted({group.receiver for group in groups}),
        "told": sorted({group.receiver for group in groups if key in group.told}),
        "fingerprint": alert.fingerprint,
    }


def _muted(mute: Mute) -> tuple[str, str]:
    if mute.silence is not None:
        return "silenced", mute.silence
    if mute.by is not None:
        return "inhibited", mute.by
    return ("flapping", "") if mute.flapping else ("firing", "")


def _standing(one: ReceiverStanding) -> dict[str, Any]:
    return {
        "name": one.receiver,
        "kind": one.kind,
        "where": one.where,
        "waiting": one.waiting,
        "failing_since": rfc3339(one.failing_since) if one.failing_since is not None else None,
        "why": one.why,
        "disabled": one.disabled,
    }


async def test(request: web.Request) -> web.Response:
    """Tell one receiver that this is a test."""
    daemon, wanted = request.app[DAEMON], await body(request, TestBody)
    known = sorted(daemon.alerts.alerting.receivers)
    if wanted.receiver not in known:
        meant = did_you_mean(wanted.receiver, known)
        hint = f"did you mean `{meant}`?" if meant else f"known are {', '.join(known) or 'none'}"
        raise NotFound(f"there is no receiver `{shown(wanted.receiver)}`: {hint}")
    ok, answer = await daemon.alerts.test(wanted.receiver, by=peer(request))
    return web.json_response({"ok": ok, "answer": answer})
