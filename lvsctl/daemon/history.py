"""The transitions of services and servers, kept across restarts, bounded in number and in bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from lvsctl.daemon.journal import Journal
from lvsctl.daemon.told import told_json
from lvsctl.decide.about import About
from lvsctl.model import Told
from lvsctl.model.moment import unix_time

PER_SUBJECT = 100
"""Transitions that are kept of one server; and of one service, and of the director, apart from its servers."""

MOST_BYTES = 4 * 2**20
"""Of all transitions together. The file has twice as much before it is made anew."""

LONGEST_TEXT = 200  # characters of one fact
LONGEST_LIST = 10  # items of one fact
DELAY = 0.2  # seconds in which transitions are gathered before they are written

NO_TRANSITIONS: Final = frozenset({"applied", "drift", "refused", "check_up", "check_down", "not_asked"})
"""Events of rounds and of checks: what came of them for servers and services is told by others."""

log = structlog.get_logger("lvsctl")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Transition:
    """at: Unix time. of: the subject of an override, "" for everything else. line: the whole as a line of JSON."""

    at: float
    service: str
    pool: str
    server: str
    of: str
    line: bytes

    def is_about(self, about: About) -> bool:
        return about.tells(service=self.service, pool=self.pool, server=self.server, order=self.of)


def transition(value: Json, line: bytes | None = None) -> Transition:
    """Of what `told_json` made; raises ValueError, KeyError or TypeError on anything else. line: how it is written."""
    if not all(isinstance(value[name], str) for name in ("event", "level", "message", "service", "pool", "server")):
        raise TypeError("text is missing")
    at = unix_time(value["at"])
    if line is None:
        line = json.dumps({name: _shortened(item) for name, item in value.items()}).encode() + b"\n"
    of = str(value.get("subject") or "")
    return Transition(at, value["service"], value["pool"], value["server"], of, line)


def _shortened(value: object) -> object:
    match value:
        case str() if len(value) > LONGEST_TEXT:
            return value[: LONGEST_TEXT - 1] + "…"
        case list() | tuple():
            return [_shortened(item) for item in value[:LONGEST_LIST]]
        case dict():
            return {name: _shortened(item) for name, item in list(value.items())[:LONGEST_LIST]}
    return value


class Book:
    """The newest transitions, in the order in which they were added.

    Of every subject `per_subject`, and of all together `most_bytes`: the oldest make room.
    """

    def __init__(self, *, per_subject: int = PER_SUBJECT, most_bytes: int = MOST_BYTES) -> None:
        self.bytes = 0
        self._per_subject = per_subject
        self._most_bytes = most_bytes
        self._all: dict[int, Transition] = {}  # by number, oldest first
        self._numbers: dict[tuple[str, str], deque[int]] = {}
        self._next = 0

    def __iter__(self) -> Iterator[Transition]:
        return iter(self._all.values())

    def add(self, new: Transition) -> None:
        """Take one in, at the end."""
        numbers = self._numbers.setdefault((new.service, new.server), deque())
        numbers.append(self._next)
        self._all[self._next] = new
        self._next += 1
        self.bytes += len(new.line)
        if len(numbers) > self._per_subject:
            self._forget(numbers[0])
        while self.bytes > self._most_bytes and len(self._all) > 1:
            self._forget(next(iter(self._all)))

    def _forget(self, number: int) -> None:
        """The oldest of its subject."""
        old = self._all.pop(number)
        self.bytes -= len(old.line)
        subject = (old.service, old.server)
        self._numbers[subject].popleft()
        if not self._numbers[subject]:
            del self._numbers[subject]

    def newest(self, limit: int, about: About | None = None, *, since: float = 0.0) -> list[Transition]:
        """At most so many, of everything or of what is asked for; oldest first. since: Unix time."""
        found = [one for one in self if one.at >= since and (about is None or one.is_about(about))]
        return found[len(found) - min(limit, len(found)) :]


class History:
    """Listens to the herald, and writes behind: what was told in the last moment before a kill may be lost.

    A disk that fails is told once; the book goes on, and is written whole when the disk is well again.
    """

    def __init__(self, path: Path) -> None:
        self.book = Book()
        self._journal = Journal(path)
        self._waiting: list[bytes] = []
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._spoiled = False  # the file is not what the book says
        self._complaint = ""
        self._load()

    def _load(self) -> None:
        try:
            lines = self._journal.read(4 * MOST_BYTES)
        except OSError as error:
            self._complain(error)
            return
        unread = 0
        for line in lines:
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("torn")
                self.book.add(transition(json.loads(line), line))
            except (ValueError, KeyError, TypeError, RecursionError):
                unread += 1
        if unread:
            self._spoiled = True
            log.warning("history: what cannot be read is left out", file=str(self._journal.path), lines=unread)

    def hear(self, told: Told) -> None:
        """Take one record in, if it is a transition."""
        if told.record.event in NO_TRANSITIONS:
            return
        new = transition(told_json(told))
        self.book.add(new)
        self._waiting.append(new.line)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def close(self) -> None:
        """Write what waits."""
        self._hurry.set()
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._waiting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DELAY):
                    await self._hurry.wait()
            await self._flush()

    async def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        anew = self._spoiled or self._journal.size > 2 * MOST_BYTES
        try:
            if anew:
                await asyncio.to_thread(self._journal.replace, [one.line for one in self.book])
            else:
                await asyncio.to_thread(self._journal.append, lines)
        except OSError as error:
            self._spoiled = True
            self._complain(error)
            return
        self._spoiled = False
        if self._complaint:
            log.info("history: it is written again", file=str(self._journal.path))
        self._complaint = ""

    def _complain(self, error: OSError) -> None:
        complaint = error.strerror or str(error)
        if complaint != self._complaint:
            words = "history: the file cannot be used, what happens is forgotten with the daemon"
            log.error(words, file=str(self._journal.path), error=complaint)
        self._complaint = complaint
