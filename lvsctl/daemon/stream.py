"""The newest of what was told, and everything from now on, for any number of readers, none of which is waited for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator

from lvsctl.errors import LvsctlError
from lvsctl.model import Told

KEPT = 1000
"""Records that are kept for readers who come later."""

BACKLOG = 20_000
"""Records that may wait for one reader: more than a site with everything failing at once makes in a few rounds."""


MOST_READERS = 64
"""At the same time: each has a connection, and may let BACKLOG records wait."""


class Reader:
    """One reader's place in the stream.

    dropped: how many records it has lost by being too slow; it gets none after those. last: the number of the newest
    record. on_drop: called when it is dropped.
    """

    def __init__(self, on_drop: Callable[[], None]) -> None:
        self.dropped = 0
        self.last = 0
        self._waiting: deque[Told] = deque()
        self._news = asyncio.Event()
        self._closed = False
        self._on_drop = on_drop

    def put(self, told: Told) -> None:
        """Let it have one more record."""
        self.last = told.number
        if self.dropped:
            self.dropped += 1
            return
        self._waiting.append(told)
        self._news.set()
        if len(self._waiting) > BACKLOG:
            self.dropped = len(self._waiting)
            self._waiting.clear()
            self._on_drop()

    def close(self) -> None:
        """There is nothing more to come."""
        self._closed = True
        self._news.set()

    async def take(self, most: int) -> list[Told]:
        """At least one record, when there is one, and at most so many; none when there will be none any more."""
        while not (self._waiting or self._closed or self.dropped):
            self._news.clear()
            await self._news.wait()
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]


class Stream:
    """Listens to the herald."""

    def __init__(self) -> None:
        self._kept: deque[Told] = deque(maxlen=KEPT)
        self._readers: set[Reader] = set()
        self._closed = False

    def hear(self, told: Told) -> None:
        """Take one record in."""
        self._kept.append(told)
        for reader in self._readers:
            reader.put(told)

    def since(self, number: int) -> list[Told]:
        """What is kept of the records after this one, oldest first."""
        return [told for told in self._kept if told.number > number]

    @contextlib.contextmanager
    def follow(self, on_drop: Callable[[], None]) -> Iterator[Reader]:
        """A reader of everything from now on; raises LvsctlError while there are MOST_READERS."""
        if len(self._readers) >= MOST_READERS:
            raise LvsctlError(f"{MOST_READERS} readers follow the events already: let one of them go first")
        reader = Reader(on_drop)
        self._readers.add(reader)
        if self._closed:
            reader.close()
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """The daemon stops: readers get what waits for them, and then the end."""
        self._closed = True
        for reader in self._readers:
            reader.close()
