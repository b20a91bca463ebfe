"""Alertmanager's API, version 2: every member of the cluster is told, again and again while alerts are firing.

An alert that is not renewed in time ends by itself there: so a director that dies leaves nothing firing for ever.

What began and ended while no member could be told makes no notification there, as with Prometheus: it is given as
ended, and Alertmanager tells of no end whose beginning it has not told. To give it as firing first would wake people
for what is over, and how long its own grouping waits is not known here. `lvsctl history` has it.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from lvsctl.model import RESEND, Alert, Alertmanager, Notification, Secret
from lvsctl.model.moment import rfc3339
from lvsctl.notify.http import Request
from lvsctl.notify.outcome import Later, Outcome, Refused, Taken
from lvsctl.notify.words import cut

MISSED = 4
"""Renewals that may be missed until a firing alert ends by itself."""

LONGEST = 2048
"""Characters of one annotation."""


def render(notification: Notification, now: float) -> list[dict[str, Any]]:
    """The alerts as JSON values. now: Unix time; what is firing ends four renewals later unless it is renewed."""
    return [_alert(alert, now) for alert in notification.alerts]


def _alert(alert: Alert, now: float) -> dict[str, Any]:
    ends = now + MISSED * RESEND if alert.ends_at is None else min(alert.ends_at, now)
    return {
        "labels": dict(alert.labels),
        "annotations": {name: cut(text, LONGEST) for name, text in alert.annotations},
        "startsAt": rfc3339(min(alert.starts_at, ends)),  # it refuses alerts that end before they start
        "endsAt": rfc3339(ends),
    }


def requests(notification: Notification, cluster: Alertmanager, now: float) -> tuple[Request, ...]:
    """One request for each member."""
    text = json.dumps(render(notification, now), ensure_ascii=False, separators=(",", ":"))
    written = text.encode(errors="backslashreplace")
    headers = {"content-type": "application/json"} | _authorization(cluster)
    return tuple(
        Request(Secret(f"{url.rstrip('/')}/api/v2/alerts"), written, headers, cluster.ca_file) for url in cluster.urls
    )


def _authorization(cluster: Alertmanager) -> dict[str, str]:
    if cluster.token is not None:
        return {"authorization": f"Bearer {cluster.token.reveal()}"}
    if cluster.user is None:
        return {}
    pair = f"{cluster.user}:{cluster.password.reveal() if cluster.password is not None else ''}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


async def to_all(
    post: Callable[[Request], Awaitable[Outcome]], wanted: tuple[Request, ...], deadline: float
) -> Outcome:
    """Tell all members at once; each has `deadline` seconds. One that takes it is enough: it will tell people.

    Alerts are not among what members tell each other: the rest hear of them at the next renewal.
    """
    return settled(await asyncio.gather(*(_told(post, request, deadline) for request in wanted)))


async def _told(post: Callable[[Request], Awaitable[Outcome]], request: Request, deadline: float) -> Outcome:
    try:
        async with asyncio.timeout(deadline):
            return await post(request)
    except TimeoutError:
        return Later(f"{request.host} gives no answer within {deadline:g} s")


def settled(outcomes: list[Outcome]) -> Outcome:
    """What the members' answers mean together: refused only if each of them refuses."""
    if any(isinstance(outcome, Taken) for outcome in outcomes):
        return Taken()
    later = [outcome for outcome in outcomes if isinstance(outcome, Later)]
    whys = "; ".join(dict.fromkeys(outcome.why for outcome in outcomes if not isinstance(outcome, Taken)))
    if not later:
        return Refused(whys)
    asked = [outcome.after for outcome in later if outcome.after is not None]
    return Later(whys, min(asked) if len(asked) == len(later) else None)
