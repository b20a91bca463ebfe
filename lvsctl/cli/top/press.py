"""What a key does: view and key -> view, and what the operator wishes done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lvsctl.cli.columns import counted
from lvsctl.cli.top.rows import Row, is_open
from lvsctl.cli.top.view import (
    Browsing,
    Confirming,
    Drain,
    Filtering,
    Helping,
    Message,
    Quit,
    Reasoning,
    Refresh,
    Sort,
    Timing,
    Undrain,
    View,
    Wish,
)
from lvsctl.cli.top.words import overridden, span
from lvsctl.config.values import duration

Done = tuple[View, Wish | None]

LONGEST = 200  # characters of anything that is typed; the daemon takes no longer reason


def press(view: View, key: str, shown: Sequence[Row], *, page: int, services: int, now: float) -> Done:
    """key: of keys.Keyboard. shown: all rows, view is settled on them. page: rows on the screen. now: Unix time."""
    view = replace(view, message=None)
    match view.mode:
        case Browsing():
            row = shown[view.at] if shown else None
            return _browse(view, key, shown, row, page=page, services=services, now=now)
        case Helping():
            return (view, Quit()) if key == "ctrl-c" else (replace(view, mode=Browsing()), None)
        case Filtering(before=before):
            return _filter(view, key, before), None
        case Reasoning(drain=drain, text=text):
            return _reason(view, key, drain, text), None
        case Timing(drain=drain, text=text):
            return _time(view, key, drain, text), None
        case Confirming(wish=wish, key=yes):
            if key == yes:
                return replace(view, mode=Browsing(), message=Message("asking the daemon ...")), wish
            return replace(view, mode=Browsing(), message=Message("nothing was changed")), None


def _browse(
    view: View, key: str, shown: Sequence[Row], row: Row | None, *, page: int, services: int, now: float
) -> Done:
    match key:
        case "q" | "ctrl-c":
            return view, Quit()
        case "r" | "ctrl-l":
            return view, Refresh()
        case "h" | "?" | "f1":
            return replace(view, mode=Helping()), None
        case "/":
            return replace(view, mode=Filtering(view.filter)), None
        case "esc" if view.filter:
            return replace(view, filter="", turned=frozenset()), None
        case "s" | "S":
            return replace(view, sort=_next(view.sort, 1 if key == "s" else -1), top=0), None
        case "R":
            return replace(view, backwards=not view.backwards, top=0), None
        case "e":
            return _turn_all(view, row, services), None
        case "d":
            return _ask_to_drain(view, row), None
        case "u":
            return _ask_to_undrain(view, row, now), None
        case "enter" | " " | "left" | "right" if row is not None:
            return _turn(view, key, row, services), None
    return _move(view, key, shown, page), None


def _next(sort: Sort, by: int) -> Sort:
    sorts = list(Sort)
    return sorts[(sorts.index(sort) + by) % len(sorts)]


def _move(view: View, key: str, shown: Sequence[Row], page: int) -> View:
    steps = {"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -page, "pgdn": page, "ctrl-b": -page, "ctrl-f": page}
    goals = {"home": 0, "g": 0, "end": len(shown) - 1, "G": len(shown) - 1}
    if not shown or (key not in steps and key not in goals):
        return view
    at = min(max(goals.get(key, view.at + steps.get(key, 0)), 0), len(shown) - 1)
    return replace(view, cursor=shown[at].ident, at=at)


def _turn(view: View, key: str, row: Row, services: int) -> View:
    """Open or close the service of the row; left and right do so only in their direction."""
    opened = is_open(row.service.name, view, services)
    if key == ("right" if opened else "left"):
        return view
    return replace(view, turned=view.turned ^ {row.service.name}, cursor=row.ident[: 1 if opened else None])


def _turn_all(view: View, row: Row | None, services: int) -> View:
    usual = is_open("", replace(view, turned=frozenset()), services)
    cursor = row.ident if row is not None and view.cursor is not None else None
    return replace(view, opened=not usual, turned=frozenset(), cursor=cursor)


def _filter(view: View, key: str, before: str) -> View:
    match key:
        case "enter" | "up" | "down":
            return replace(view, mode=Browsing())
        case "esc" | "ctrl-c":
            return replace(view, mode=Browsing(), filter=before)
    return replace(view, filter=typed(view.filter, key), turned=frozenset(), at=0, top=0)


def typed(text: str, key: str) -> str:
    """The text after the key."""
    match key:
        case "backspace":
            return text[:-1]
        case "ctrl-u":
            return ""
        case "ctrl-w":
            return text.rstrip().rpartition(" ")[0]
    return (text + key)[:LONGEST] if len(key) == 1 and key.isprintable() else text


def _ask_to_drain(view: View, row: Row | None) -> View:
    if row is None or row.pool is None:
        return replace(view, message=Message("choose a server or a pool to drain (Enter opens a service)", bad=True))
    return replace(view, mode=Reasoning(Drain("/".join((row.service.name, row.ident[-1])))), cursor=row.ident)


def _reason(view: View, key: str, drain: Drain, text: str) -> View:
    match key:
        case "esc" | "ctrl-c":
            return replace(view, mode=Browsing(), message=Message("nothing was changed"))
        case "enter":
            return replace(view, mode=Timing(replace(drain, reason=text.strip())))
    return replace(view, mode=Reasoning(drain, typed(text, key)))


def _time(view: View, key: str, drain: Drain, text: str) -> View:
    match key:
        case "esc" | "ctrl-c":
            return replace(view, mode=Browsing(), message=Message("nothing was changed"))
        case "enter":
            seconds = _seconds(text.strip())
            if text.strip() and not seconds:
                return replace(view, mode=Timing(drain, text, "write it like 30m, 2h or 90s, or nothing for good"))
            drain = replace(drain, seconds=seconds)
            return replace(view, mode=Confirming(drain, question(drain)))
    return replace(view, mode=Timing(drain, typed(text, key)))


def _seconds(text: str) -> float | None:
    try:
        return duration(text)
    except ValueError:
        return None


def question(drain: Drain) -> str:
    """What `y` would do."""
    until = "until you undrain it" if drain.seconds is None else f"for {span(drain.seconds)}"
    reason = f"reason: {drain.reason}" if drain.reason else "without a reason"
    return f"drain {drain.subject} {until}, {reason}? It gets no new connections, those it has go on."


def _ask_to_undrain(view: View, row: Row | None, now: float) -> View:
    if row is None or row.pool is None:
        return replace(view, message=Message("choose a server or a pool to undrain (Enter opens a service)", bad=True))
    name = "/".join((row.service.name, row.ident[-1]))
    servers = [row.server] if row.server is not None else row.pool.servers
    said = [server.override for server in servers if server.override is not None]
    if not said:
        return replace(view, message=Message(f"{name} is not drained", bad=True))
    more = f" (and {counted(len(said) - 1, 'more server')})" if len(said) > 1 else ""
    wish = Undrain(name, tuple((row.service.name, server.endpoint) for server in servers))
    asked = f"undrain {name}? It is {overridden(said[0], now)}{more}"
    return replace(view, mode=Confirming(wish, asked), cursor=row.ident)


def refused(view: View, again: Drain | Undrain, why: str) -> View:
    """The view after the daemon refused what it would do if forced; who is typing is not interrupted."""
    if not isinstance(view.mode, Browsing):
        return replace(view, message=Message(why, bad=True))
    what = "drain" if isinstance(again, Drain) else "undrain"
    return replace(view, mode=Confirming(again, f"{why} - {what} {again.subject} nevertheless?"), message=None)
