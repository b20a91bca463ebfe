"""By how much the event loop is late: the one measurer, for the metrics and for a director that doubts itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

TICK = 0.25
"""Seconds between two looks."""

MEMORY = 60.0
"""Seconds for which a delay is remembered."""

_WORTH_KEEPING = 0.005  # seconds; less is the loop's everyday


class Lag:
    """Rings every TICK and sees how late it is.

    last: seconds by which the newest tick was late. listeners: called with that at every tick; they must neither block
    nor raise.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.last = 0.0
        self.listeners: list[Callable[[float], None]] = []
        self._loop = loop
        self._late: deque[tuple[float, float]] = deque()  # when, by how much: of those worth keeping the last minute's
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._wind_up()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def worst(self, seconds: float) -> float:
        """The longest delay within the last `seconds`, of which MEMORY are remembered."""
        since = self._loop.time() - seconds
        return max((late for when, late in self._late if when >= since), default=0.0)

    def _wind_up(self) -> None:
        due = self._loop.time() + TICK
        self._timer = self._loop.call_at(due, self._ring, due)

    def _ring(self, due: float) -> None:
        now = self._loop.time()
        self.last = max(0.0, now - due)
        while self._late and self._late[0][0] < now - MEMORY:
            self._late.popleft()
        if self.last >= _WORTH_KEEPING:
            self._late.append((now, self.last))
        for listener in self.listeners:
            listener(self.last)
        self._wind_up()
