"""Microsoft Teams: adaptive cards to a workflow that waits for webhooks; nearly always one.

Limit: 28 KB for the whole message (Teams, "Limits and specifications"). All text stands in TextRuns, in which
Markdown means nothing: nothing is linked by what a server answered.
"""

from __future__ import annotations

import json
from typing import Any

from lvsctl.model import Alert, AlertSeverity, Notification, Status, Teams
from lvsctl.notify.http import Request
from lvsctl.notify.pages import Page, pages
from lvsctl.notify.words import cut, details, headline, title

LARGEST = 28 * 1000
"""Bytes of a message."""

_COLOURS = {AlertSeverity.CRITICAL: "attention", AlertSeverity.WARNING: "warning", AlertSeverity.INFO: "default"}
_ROOM = 1000  # bytes kept for what is around them
_FACTS, _LINE = 12, 300


def render(notification: Notification) -> tuple[dict[str, Any], ...]:
    """The messages as JSON values."""
    room = LARGEST - _ROOM - len(_written(_message(notification, Page((), ()))))
    found = pages(notification.alerts, room, full=lambda one: _size(_block(one)), brief=lambda one: _size(_line(one)))
    return tuple(_message(notification, page) for page in found)


def _size(element: dict[str, Any]) -> int:
    return len(_written(element)) + 2


def _message(notification: Notification, page: Page) -> dict[str, Any]:
    blocks = [_block(alert) for alert in page.full]
    more = [_text([_line(alert) for alert in page.brief])] if page.brief else []
    colour = "attention" if notification.status is Status.FIRING else "good"
    heading = _text([_run(cut(title(notification), 500) + page.mark, weight="bolder", size="medium", color=colour)])
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
    runs = [_run(cut(headline(alert), 500), weight="bolder", color=_colour(alert))]
    runs += [_run(f"\n{name}: {cut(text, 160)}") for name, text in details(alert)[:_FACTS]]
    return _text(runs)


def _line(alert: Alert) -> dict[str, Any]:
    return _run(f"{cut(headline(alert), _LINE)}\n", color=_colour(alert))


def _colour(alert: Alert) -> str:
    return _COLOURS[alert.severity] if alert.firing else "good"


def _text(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": runs}


def _run(text: str, **how: object) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **how}


def _written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")


def requests(notification: Notification, teams: Teams) -> tuple[Request, ...]:
    """One request for each message, in order."""
    kind = {"content-type": "application/json"}
    return tuple(Request(teams.url, _written(message), kind) for message in render(notification))
