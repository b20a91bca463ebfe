"""Does an answer match: text in it, or a regular expression that is not allowed to run away.

Expressions are matched against bytes. Python cannot bound the time of a search, and `(a+)+$` against a hostile
answer would stop the whole daemon; but a search does let signal handlers run, so a timer of CPU time ends it.
"""

from __future__ import annotations

import re
import signal
import threading
from typing import Annotated, NoReturn, TypeAlias

from pydantic import AfterValidator

PATIENCE = 0.05
"""Seconds of CPU time that one search may take; hundreds of times what an honest one needs for 64 KiB."""


class Runaway(Exception):
    """The search was given up."""


Wanted: TypeAlias = bytes | re.Pattern[bytes]


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern.encode())
    except re.error as error:
        where = f" at position {error.pos}" if error.pos is not None else ""
        raise ValueError(f"not a regular expression: {error.msg}{where}") from None
    return pattern


Regex = Annotated[str, AfterValidator(_compiles)]
"""A regular expression, in Python's syntax, over the bytes of the answer."""


def wanted(text: bytes | None, regex: str | None) -> Wanted | None:
    """What to look for, of two parameters of which at most one is given."""
    return re.compile(regex.encode()) if regex is not None else text


def matches(what: Wanted, answer: bytes) -> bool:
    """Whether the text or the expression is found in the answer. Raises Runaway."""
    return what in answer if isinstance(what, bytes) else search(what, answer)


def search(pattern: re.Pattern[bytes], answer: bytes) -> bool:
    """Whether `pattern` is found in `answer`. Raises Runaway after PATIENCE; unbounded outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return pattern.search(answer) is not None
    before = signal.signal(signal.SIGVTALRM, _give_up)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
        try:
            return pattern.search(answer) is not None
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        signal.signal(signal.SIGVTALRM, before)


def _give_up(*_: object) -> NoReturn:
    raise Runaway("the regular expression takes too long on this answer")


def printable(answer: bytes, limit: int) -> str:
    """The beginning of an answer, on one line, safe for a terminal and a log."""
    text = answer[:limit].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text) + "…" * (len(answer) > limit)


def shown(answer: bytes, limit: int = 60) -> str:
    """The same in quotes."""
    return f'"{printable(answer, limit)}"'
