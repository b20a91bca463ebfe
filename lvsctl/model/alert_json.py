"""Alerts and notifications as JSON values, and back: so whoever remembers or delivers them writes them down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lvsctl.model.alert import Alert, Notification, Reason, labels


def alert_json(alert: Alert) -> dict[str, Any]:
    """The alert as JSON values."""
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
    }


def alert_from_json(value: Mapping[str, Any]) -> Alert:
    """The inverse of `alert_json`; raises KeyError, ValueError, TypeError or AttributeError on anything else."""
    ends_at = value["ends_at"]
    return Alert(
        labels({str(key): str(item) for key, item in value["labels"].items()}),
        tuple((str(key), str(item)) for key, item in value["annotations"].items()),
        float(value["starts_at"]),
        float(ends_at) if ends_at is not None else None,
    )


def notification_json(notification: Notification) -> dict[str, Any]:
    """The notification as JSON values."""
    return {
        "id": notification.id,
        "receiver": notification.receiver,
        "group_key": notification.group_key,
        "group_labels": dict(notification.group_labels),
        "alerts": [alert_json(alert) for alert in notification.alerts],
        "at": notification.at,
        "reason": str(notification.reason),
        "begun": sorted(notification.begun),
    }


def notification_from_json(value: Mapping[str, Any]) -> Notification:
    """The inverse of `notification_json`; raises KeyError, ValueError, TypeError or AttributeError on anything else."""
    return Notification(
        str(value["id"]),
        str(value["receiver"]),
        str(value["group_key"]),
        labels({str(key): str(item) for key, item in value["group_labels"].items()}),
        tuple(alert_from_json(alert) for alert in value["alerts"]),
        float(value["at"]),
        Reason(value["reason"]),
        frozenset(str(one) for one in value.get("begun", ())),
    )
