"""A webhook of somebody's own: Alertmanager's body, version 4, or a CloudEvent with that body as its data; signed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lvsctl.model import Alert, Notification, Status, Webhook, WebhookFormat
from lvsctl.model.moment import rfc3339
from lvsctl.notify.http import Request
from lvsctl.notify.signing import sign
from lvsctl.notify.words import cut

LARGEST = 256 * 1024
"""Bytes of a body. What has no room is in the next one: nothing is left out, and no end is lost."""

LONGEST = 2048
"""Characters of one annotation."""

_NEVER = "0001-01-01T00:00:00Z"  # what Alertmanager writes as the end of an alert that is firing


@dataclass(frozen=True, slots=True)
class Part:
    """What of a notification has room in one body. id: "ID", "ID-2", "ID-3" and so on. alerts: those in it.

    Status and what is common are the whole's: a part in which all has ended does not say that of the group.
    """

    whole: Notification
    id: str
    alerts: Sequence[Alert]


def whole(notification: Notification) -> Part:
    """All of it, however much that is."""
    return Part(notification, notification.id, notification.alerts)


def parts(notification: Notification) -> tuple[Part, ...]:
    """The notification in as many parts as it takes; nearly always one."""
    most = LARGEST - len(_written(cloud_event(Part(notification, f"{notification.id}-9999", ()))))
    chunks: list[list[Alert]] = [[]]
    room = most
    for alert in notification.alerts:
        size = len(_written(_alert(alert))) + 1
        if size > room and chunks[-1]:
            chunks.append([])
            room = most
        chunks[-1].append(alert)
        room -= size
    ids = (notification.id, *(f"{notification.id}-{number}" for number in range(2, len(chunks) + 1)))
    return tuple(Part(notification, name, chunk) for name, chunk in zip(ids, chunks, strict=True))


def body(part: Part) -> dict[str, Any]:
    """Alertmanager's webhook body, version 4, as JSON values."""
    notification = part.whole
    return {
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": 0,
        "status": str(notification.status),
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group_labels),
        "commonLabels": dict(notification.common_labels),
        "commonAnnotations": {name: cut(text, LONGEST) for name, text in notification.common_annotations},
        "externalURL": "",
        "alerts": [_alert(alert) for alert in part.alerts],
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


def cloud_event(part: Part) -> dict[str, Any]:
    """The same as a CloudEvent 1.0 in structured mode. Its source and id together name this part."""
    notification = part.whole
    director = dict(notification.common_labels).get("director", "")
    return {
        "specversion": "1.0",
        "id": part.id,
        "source": f"/lvsctl/{_path_segment(director)}" if director else "/lvsctl",
        "type": f"io.lvsctl.alerts.{notification.status}.v1",
        "subject": notification.group_key or "alerts",
        "time": rfc3339(notification.at),
        "datacontenttype": "application/json",
        "data": body(part),
    }


def _path_segment(text: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "-._~") else "-" for char in text)


def render(part: Part, shape: WebhookFormat) -> tuple[str, bytes]:
    """The content type and the very bytes that are signed and sent."""
    match shape:
        case WebhookFormat.ALERTMANAGER:
            return "application/json", _written(body(part))
        case WebhookFormat.CLOUDEVENTS:
            return "application/cloudevents+json; charset=utf-8", _written(cloud_event(part))


def request(part: Part, webhook: Webhook, now: float) -> Request:
    """One attempt at `now`, Unix time. Raises ValueError where a signing secret is none."""
    kind, written = render(part, webhook.format)
    headers = {name.lower(): value.reveal() for name, value in webhook.headers}
    headers |= {"content-type": kind, "webhook-id": part.id}  # the id is of use to who verifies nothing, too
    headers |= sign(written, message=part.id, at=now, secrets=webhook.secrets)
    return Request(webhook.url, written, headers, webhook.ca_file)


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")
