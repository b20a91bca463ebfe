"""A scene to look at, and what is on the screen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lvsctl.cli.top.asker import Answered
from lvsctl.cli.top.cells import UNICODE, Glyphs
from lvsctl.cli.top.scene import Scene
from lvsctl.cli.top.seen import happening, seen
from lvsctl.cli.top.session import Session
from lvsctl.cli.top.view import Wish
from tests.cli.document import Json, status

NOW = datetime(2026, 11, 22, 9, 3, 20, tzinfo=UTC).timestamp()


def told(number: int, event: str, message: str, *, service: str = "", server: str = "", **fields: Any) -> Json:
    """A line of /v1/events, `number` seconds after nine."""
    about = {"service": service, "pool": "", "server": server}
    at = f"2026-11-22T09:00:{number:02}.000Z"
    return {"number": number, "at": at, "event": event, "level": "warning", "message": message, **about, **fields}


def look(
    *services: Json,
    width: int = 80,
    height: int = 24,
    glyphs: Glyphs = UNICODE,
    events: Iterable[Json] = (),
    polls: int = 1,
    **attributes: Any,
) -> Session:
    """A session that has heard the document `polls` times."""
    session = Session(Scene("lb1", UTC, 2.0), glyphs, width=width, height=height)
    document = seen(status(*services, **attributes))
    session.hear(Answered(document, tuple(map(happening, events))), NOW)
    for _ in range(polls - 1):
        session.hear(Answered(document, ()), NOW)
    return session


def keys(session: Session, *typed: str) -> Wish | None:
    """Press them; what the last one made the operator wish."""
    wish = None
    for key in typed:
        wish = session.press(key, NOW)
    return wish


def screen(session: Session, now: float = NOW) -> str:
    """The lines without the blanks at their ends."""
    return "".join(f"{line.text}\n" for line in session.lines(now))
