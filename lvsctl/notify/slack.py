"""Slack: messages of blocks to an incoming webhook; nearly always one.

Limits: 50 blocks, 150 characters of a header, 3000 of a section's text (Block Kit reference, "Blocks"). All blocks
together have a limit that is not documented: above some 11,000 characters messages have been refused
(slackapi/bolt-js, issues 2509 and 2867).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lvsctl.model import Alert, Notification, Slack
from lvsctl.notify.http import Request
from lvsctl.notify.pages import Page, pages
from lvsctl.notify.words import cut, details, headline, one_line, title

HEADER, SECTION, BLOCKS = 150, 3000, 50

LARGEST = 10_000
"""Characters of all blocks."""

_ROOM = LARGEST - 1000  # a header, and what is around the lines
_FACTS, _LINE = 12, 300


def render(notification: Notification) -> tuple[dict[str, Any], ...]:
    """The messages as JSON values. text: what a desktop notification shows."""
    return tuple(_message(notification, page) for page in pages(notification.alerts, _ROOM, full=_size, brief=_length))


def _message(notification: Notification, page: Page) -> dict[str, Any]:
    heading = title(notification)
    header = {"type": "header", "text": _plain(cut(heading, HEADER - len(page.mark)) + page.mark)}
    full = [_section(_in_full(alert)) for alert in page.full]
    brief = [_section(text) for text in _joined(_line(alert) for alert in page.brief)]
    return {
        "text": escaped(cut(heading, SECTION) + page.mark),
        "blocks": [header, *full, *brief],
        "unfurl_links": False,
    }


def _size(alert: Alert) -> int:
    """There may be no more blocks than that, however small they are."""
    return max(len(json.dumps(_section(_in_full(alert)), ensure_ascii=False)) + 2, _ROOM // (BLOCKS - 10))


def _length(alert: Alert) -> int:
    return len(json.dumps(_line(alert), ensure_ascii=False))


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _in_full(alert: Alert) -> str:
    lines = [f"*{escaped(cut(headline(alert), 500))}*"]
    lines += [f"{escaped(name)}: {escaped(cut(text, 160))}" for name, text in details(alert)[:_FACTS]]
    return _fitting(lines)


def _line(alert: Alert) -> str:
    return escaped(cut(headline(alert), _LINE))


def _joined(lines: Iterable[str]) -> list[str]:
    """As few texts as have room for them."""
    texts: list[str] = []
    for line in lines:
        if texts and len(texts[-1]) + len(line) + 1 <= SECTION:
            texts[-1] += f"\n{line}"
        else:
            texts.append(line)
    return texts


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


def requests(notification: Notification, slack: Slack) -> tuple[Request, ...]:
    """One request for each message, in order."""
    kind = {"content-type": "application/json"}
    return tuple(Request(slack.url, json.dumps(message).encode(), kind) for message in render(notification))
