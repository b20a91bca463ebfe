"""PagerDuty's Events API, version 2: an incident for each alert, resolved by the same key.

Limits: 512 KB an event, 1024 characters of a summary, 255 of a dedup_key (Events API v2 reference, "Send an alert").
"""

from __future__ import annotations

import json
from typing import Any

from lvsctl.model import Alert, Notification, PagerDuty, Reason, Secret
from lvsctl.model.moment import rfc3339
from lvsctl.notify.http import Request
from lvsctl.notify.words import cut, one_line

SUMMARY, DEDUP_KEY = 1024, 255
_NOTE, _FACTS = 1024, 64  # characters of one custom detail, and how many: below 512 KB, whatever comes


def render(notification: Notification) -> tuple[dict[str, Any], ...]:
    """The events as JSON values, without the routing key, one for each alert; a test is resolved at once.

    What began and ended while it could not be told is two: it ignores the end of what it does not know, and of an
    outage nothing would be left there. If it knows it after all, the first of the two changes nothing.
    """
    events: list[dict[str, Any]] = []
    for alert in notification.alerts:
        if alert.firing or alert.fingerprint in notification.begun:
            events.append(_event(alert, "trigger", alert.starts_at))
        if not alert.firing or notification.reason is Reason.TEST:
            events.append(_event(alert, "resolve", alert.starts_at if alert.ends_at is None else alert.ends_at))
    return tuple(events)


def _event(alert: Alert, action: str, at: float) -> dict[str, Any]:
    """at: the moment of which it tells, Unix time."""
    key = f"lvsctl/{alert.fingerprint}"[:DEDUP_KEY]
    return {"event_action": action, "dedup_key": key, "client": "lvsctl", "payload": _payload(alert, at)}


def _payload(alert: Alert, at: float) -> dict[str, Any]:
    told = (*_times(alert), *alert.annotations, *alert.labels)
    optional = {"component": alert.label("service"), "group": alert.label("pool"), "class": alert.name}
    return {
        "summary": cut(one_line(alert.summary), SUMMARY) or alert.name,
        "source": alert.label("server") or alert.label("director") or "lvsctl",
        "severity": str(alert.severity),
        "timestamp": rfc3339(at),
        "custom_details": {name: cut(text, _NOTE) for name, text in told[:_FACTS]},
    } | {name: cut(text, SUMMARY) for name, text in optional.items() if text}


def _times(alert: Alert) -> tuple[tuple[str, str], ...]:
    """Both, of what is over: it may be told hours later, and what becomes of timestamps is up to who shows them."""
    if alert.ends_at is None:
        return ()
    return (("starts_at", rfc3339(alert.starts_at)), ("ends_at", rfc3339(alert.ends_at)))


def requests(notification: Notification, service: PagerDuty) -> tuple[Request, ...]:
    """One request for each event, in order.

    Each has a name, which tells it from others about the same alert: a beginning that was taken is not to be told
    again. If that is over by then, it would be another incident.
    """
    return tuple(_request(event, service) for event in render(notification))


def _request(event: dict[str, Any], service: PagerDuty) -> Request:
    body = {"routing_key": service.routing_key.reveal()} | event
    return Request(
        Secret(service.url),
        json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace"),
        {"content-type": "application/json"},
        name=f"{event['event_action']} {event['dedup_key']} {event['payload']['timestamp']}",
    )
