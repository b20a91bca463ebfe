"""By how much the event loop is late: the one measurer, for all who must know that this director stood still."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from lvsctl.pair.speaker import boottime

TICK = 0.25
"""Seconds between two looks."""

MEMORY = 60.0
"""Seconds for which a delay is remembered."""

STANDSTILL = 2.0
"""Seconds of delay from which on a director has stood still (SIGSTOP, a machine that slept), and is not just busy."""

_WORTH_KEEPING = 0.005  # seconds; less is the loop's everyday


class Lag:
    """Rings every TICK and sees how late it is.

    last: seconds by which the newest tick was late. listeners: called with that at every tick; they must neither block
    nor raise. clock: in seconds; by default one that goes on while the machine sleeps.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = boottime) -> None:
        self.last = 0.0
        self.listeners: list[Callable[[float], None]] = []
        self._loop = loop
        self._clock = clock
        self._late: deque[tuple[float, float]] = deque()  # when, by how much: of those worth keeping the last minute's
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._wind_up()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def worst(self, seconds: float) -> float:
        """The longest delay within the last `seconds`, of which MEMORY are remembered; one that is not over counts."""
        now = self._clock()
        running = max(0.0, now - self._due) if self._timer is not None else 0.0
        return max((running, *(late for when, late in self._late if when >= now - seconds)))

    def _wind_up(self) -> None:
        self._due = self._clock() + TICK
        self._timer = self._loop.call_later(TICK, self._ring)

    def _ring(self) -> None:
        now = self._clock()
        self.last = max(0.0, now - self._due)
        while self._late and self._late[0][0] < now - MEMORY:
            self._late.popleft()
        if self.last >= _WORTH_KEEPING:
            self._late.append((now, self.last))
        for listener in self.listeners:
            listener(self.last)
        self._wind_up()
