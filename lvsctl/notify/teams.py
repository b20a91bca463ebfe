"""Microsoft Teams: an adaptive card to a workflow that waits for webhooks.

Limit: 28 KB for the whole message (Teams, "Limits and specifications"). All text stands in TextRuns, in which
Markdown means nothing: nothing is linked by what a server answered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lvsctl.model import Alert, AlertSeverity, Notification, Status, Teams
from lvsctl.notify.http import Request
from lvsctl.notify.words import cut, details, firing_first, headline, in_turn, left_out, title

LARGEST = 28 * 1000
"""Bytes of a message."""

_COLOURS = {AlertSeverity.CRITICAL: "attention", AlertSeverity.WARNING: "warning", AlertSeverity.INFO: "default"}
_ROOM = 1000  # bytes kept for the line that says what is left out
_FACTS = 12


def render(notification: Notification) -> dict[str, Any]:
    """The message as JSON values, with as many alerts as have room."""
    shown: list[Alert] = []
    room = LARGEST - _ROOM - len(_written(_message(notification, ())))
    for alert in in_turn(notification.alerts):
        room -= len(_written(_block(alert))) + 2
        if room < 0:
            break
        shown.append(alert)
    return _message(notification, firing_first(shown))


def _message(notification: Notification, shown: Sequence[Alert]) -> dict[str, Any]:
    blocks = [_block(alert) for alert in shown]
    missing = left_out(notification.alerts, shown) if shown else ""
    more = [_text([_run(missing, isSubtle=True)])] if missing else []
    colour = "attention" if notification.status is Status.FIRING else "good"
    heading = _text([_run(cut(title(notification), 500), weight="bolder", size="medium", color=colour)])
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [heading, *blocks, *more],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _block(alert: Alert) -> dict[str, Any]:
    colour = _COLOURS[alert.severity] if alert.firing else "good"
    runs = [_run(cut(headline(alert), 500), weight="bolder", color=colour)]
    runs += [_run(f"\n{name}: {cut(text, 160)}") for name, text in details(alert)[:_FACTS]]
    return _text(runs)


def _text(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": runs}


def _run(text: str, **how: object) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **how}


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")


def request(notification: Notification, teams: Teams) -> Request:
    """One attempt."""
    return Request(teams.url, _written(render(notification)), {"content-type": "application/json"})
