"""A webhook of somebody's own: Alertmanager's body, version 4, or a CloudEvent with that body as its data; signed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lvsctl.model import Alert, Notification, Status, Webhook, WebhookFormat
from lvsctl.model.moment import rfc3339
from lvsctl.notify.http import Request
from lvsctl.notify.signing import sign
from lvsctl.notify.words import cut

LARGEST = 256 * 1024
"""Bytes of a body. What has no room is left out, and counted in `truncatedAlerts`."""

LONGEST = 2048
"""Characters of one annotation."""

_NEVER = "0001-01-01T00:00:00Z"  # what Alertmanager writes as the end of an alert that is firing


def body(notification: Notification) -> dict[str, Any]:
    """Alertmanager's webhook body, version 4, as JSON values; with as many alerts as have room."""
    return _body(notification, _fitting(notification))


def _fitting(notification: Notification) -> Sequence[Alert]:
    room = LARGEST - len(_written(_body(notification, ())))
    for count, alert in enumerate(notification.alerts):
        room -= len(_written(_alert(alert))) + 1
        if room < 0:
            return notification.alerts[:count]
    return notification.alerts


def _body(notification: Notification, alerts: Sequence[Alert]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": notification.truncated + len(notification.alerts) - len(alerts),
        "status": str(notification.status),
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group_labels),
        "commonLabels": dict(notification.common_labels),
        "commonAnnotations": {name: cut(text, LONGEST) for name, text in notification.common_annotations},
        "externalURL": "",
        "alerts": [_alert(alert) for alert in alerts],
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "status": str(Status.FIRING if alert.firing else Status.RESOLVED),
        "labels": dict(alert.labels),
        "annotations": {name: cut(text, LONGEST) for name, text in alert.annotations},
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": _NEVER if alert.ends_at is None else rfc3339(alert.ends_at),
        "generatorURL": "",
        "fingerprint": alert.fingerprint,
    }


def cloud_event(notification: Notification) -> dict[str, Any]:
    """The same as a CloudEvent 1.0 in structured mode. Its source and id together name this notification."""
    director = dict(notification.common_labels).get("director", "")
    return {
        "specversion": "1.0",
        "id": notification.id,
        "source": f"/lvsctl/{_path_segment(director)}" if director else "/lvsctl",
        "type": f"io.lvsctl.alerts.{notification.status}.v1",
        "subject": notification.group_key or "alerts",
        "time": rfc3339(notification.at),
        "datacontenttype": "application/json",
        "data": body(notification),
    }


def _path_segment(text: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "-._~") else "-" for char in text)


def render(notification: Notification, shape: WebhookFormat) -> tuple[str, bytes]:
    """The content type and the very bytes that are signed and sent."""
    match shape:
        case WebhookFormat.ALERTMANAGER:
            return "application/json", _written(body(notification))
        case WebhookFormat.CLOUDEVENTS:
            return "application/cloudevents+json; charset=utf-8", _written(cloud_event(notification))


def request(notification: Notification, webhook: Webhook, now: float) -> Request:
    """One attempt at `now`, Unix time. Raises ValueError where a signing secret is none."""
    kind, written = render(notification, webhook.format)
    headers = {name.lower(): value.reveal() for name, value in webhook.headers}
    headers |= {"content-type": kind, "webhook-id": notification.id}  # the id is of use to who verifies nothing, too
    headers |= sign(written, message=notification.id, at=now, secrets=webhook.secrets)
    return Request(webhook.url, written, headers, webhook.ca_file)


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")
