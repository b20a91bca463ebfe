"""Alerts and notifications: what they are compared by, how they are written down, and what is never shown."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, replace

import pytest

from lvsctl.model import (
    Alert,
    AlertSeverity,
    Notification,
    Reason,
    Secret,
    Slack,
    Status,
    labels,
)
from lvsctl.model.alert_json import alert_from_json, notification_from_json, notification_json

DOWN = Alert(
    labels({"alertname": "ServerDown", "severity": "warning", "service": "shop", "server": "10.0.0.1:80"}),
    (("summary", "10.0.0.1:80 is down"), ("code", "L4CON")),
    starts_at=1000.0,
)
OVER = replace(DOWN, labels=labels({**dict(DOWN.labels), "server": "10.0.0.2:80"}), ends_at=1060.0)
TOLD = Notification(
    "id-1", "ops", "key", labels({"service": "shop"}), (DOWN, OVER), 1070.0, Reason.NEW, frozenset({"0f"})
)


def test_labels_are_sorted_and_an_empty_one_is_none() -> None:
    assert labels({"b": "2", "a": "1", "c": ""}) == (("a", "1"), ("b", "2"))


def test_what_an_alert_says_of_itself_is_in_its_labels_and_annotations() -> None:
    assert (DOWN.name, DOWN.severity, DOWN.label("service")) == ("ServerDown", AlertSeverity.WARNING, "shop")
    assert (DOWN.label("pool"), DOWN.summary, DOWN.firing, OVER.firing) == ("", "10.0.0.1:80 is down", True, False)


def test_identity_is_the_labels_alone() -> None:
    assert DOWN.fingerprint == replace(DOWN, annotations=(), starts_at=5.0, ends_at=6.0).fingerprint
    assert DOWN.fingerprint != OVER.fingerprint
    assert DOWN.fingerprint == "ef5e7983e85b5d38"  # it is on disks and at receivers: it must not change


def test_a_notification_fires_while_one_alert_in_it_does() -> None:
    assert TOLD.status is Status.FIRING
    assert replace(TOLD, alerts=(OVER,)).status is Status.RESOLVED


def test_what_all_alerts_have_in_common() -> None:
    assert TOLD.common_labels == labels({"alertname": "ServerDown", "severity": "warning", "service": "shop"})
    assert TOLD.common_annotations == DOWN.annotations
    assert replace(TOLD, alerts=()).common_labels == ()


def test_a_notification_is_read_as_it_was_written() -> None:
    assert notification_from_json(json.loads(json.dumps(notification_json(TOLD)))) == TOLD


@pytest.mark.parametrize("damaged", [{}, {"labels": []}, {"labels": {}, "annotations": {}, "starts_at": None}])
def test_a_damaged_alert_is_refused(damaged: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError, AttributeError)):
        alert_from_json(damaged)


def test_a_secret_is_never_shown() -> None:
    slack = Slack(Secret("hunter2"))
    shown = [repr(slack), str(slack.url), f"{slack.url}", "%s" % slack.url, str(asdict(slack)), str([slack])]  # noqa: UP031
    assert not any("hunter2" in text for text in shown)
    with pytest.raises(TypeError):
        json.dumps(asdict(slack))


def test_secrets_are_compared_by_content() -> None:
    assert Secret("a") == Secret("a") == copy.deepcopy(Secret("a"))
    assert Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a").reveal() == "a"
