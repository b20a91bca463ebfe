"""What the daemon told, as text: a line for every event, and a table of transitions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lvsctl.cli.columns import align, printable

Json = dict[str, Any]

_TITLES = ("TIME", "SUBJECT", "EVENT", "CHECK", "CODE", "LATENCY", "WHAT")
_SAID = frozenset({"number", "at", "event", "level", "message", "service", "pool", "server"})
_COLUMNS = frozenset({"check", "code", "latency", "detail"})  # of the table, where a check is what it is about


def line(told: Json) -> str:
    """One event: `TIME  LEVEL  SUBJECT  MESSAGE  key=value …`."""
    pool = [f"pool={told['pool']}"] if told.get("pool") else []
    facts = pool + [_fact(name, value) for name, value in told.items() if name not in _SAID and value is not None]
    cells = [told.get("at", "-"), f"{told['level']:<7}", _subject(told), told["message"], " ".join(facts)]
    return printable("  ".join(cell for cell in cells if cell))


def table(transitions: Sequence[Json], *, width: int | None) -> str:
    """Transitions, oldest first. width: of the terminal, where lines are cut; None: no terminal."""
    if not transitions:
        return "nothing has happened\n"
    return align([_TITLES, *(_row(told) for told in transitions)], width=width)


def _row(told: Json) -> list[str]:
    latency = told.get("latency")
    took = "-" if latency is None else f"{latency * 1000:.1f}ms"
    return [
        told["at"],
        _subject(told),
        told["event"],
        told.get("check") or "-",
        told.get("code") or "-",
        took,
        _what(told),
    ]


def _what(told: Json) -> str:
    """What the check said; of what no check decided, the message and the facts."""
    if told.get("check"):
        return str(told.get("detail") or told["message"])
    shown = (_fact(name, value) for name, value in told.items() if name not in _SAID | _COLUMNS and value is not None)
    return "  ".join([told["message"], " ".join(shown)]).rstrip()


def _subject(told: Json) -> str:
    return "/".join(part for part in (told.get("service"), told.get("server")) if part) or "-"


def _fact(name: str, value: object) -> str:
    plain = isinstance(value, str) and value and not set(value) & set(' ="')
    return f"{name}={value if plain else json.dumps(value, ensure_ascii=False)}"
