"""Slack: one message of blocks to an incoming webhook.

Limits: 50 blocks, 150 characters of a header, 3000 of a section's text (Block Kit reference, "Blocks").
"""

from __future__ import annotations

import json
from typing import Any

from lvsctl.model import Alert, Notification, Slack
from lvsctl.notify.http import Request
from lvsctl.notify.words import cut, details, firing_first, headline, in_turn, left_out, one_line, title

HEADER, SECTION, BLOCKS = 150, 3000, 50
_SHOWN = BLOCKS - 2  # alerts: a header, and a line for what is left out
_FACTS = 12


def render(notification: Notification) -> dict[str, Any]:
    """The message as JSON values. text: what a desktop notification shows."""
    alerts = firing_first(in_turn(notification.alerts)[:_SHOWN])
    missing = left_out(notification.alerts, alerts)
    header = {"type": "header", "text": _plain(cut(title(notification), HEADER))}
    more = [{"type": "context", "elements": [_plain(missing)]}] if missing else []
    return {
        "text": escaped(cut(title(notification), SECTION)),
        "blocks": [header, *(_section(alert) for alert in alerts), *more],
        "unfurl_links": False,
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _section(alert: Alert) -> dict[str, Any]:
    lines = [f"*{escaped(cut(headline(alert), 500))}*"]
    lines += [f"{escaped(name)}: {escaped(cut(text, 160))}" for name, text in details(alert)[:_FACTS]]
    return {"type": "section", "text": {"type": "mrkdwn", "text": _fitting(lines), "verbatim": True}}


def _fitting(lines: list[str]) -> str:
    """Whole lines, so that no escape is cut in two."""
    text = lines[0]
    for line in lines[1:]:
        if len(text) + len(line) + 3 > SECTION:
            return f"{text}\n…"
        text = f"{text}\n{line}"
    return text


def escaped(text: str) -> str:
    """The text with what Slack takes for markup: nobody is mentioned, and nothing linked, by what a server answered."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def request(notification: Notification, slack: Slack) -> Request:
    """One attempt."""
    return Request(slack.url, json.dumps(render(notification)).encode(), {"content-type": "application/json"})
