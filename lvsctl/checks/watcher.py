"""Wake thousands of probes cheaply: one epoll and one timer, in place of the event loop's handles for each of them.

A wait on the loop's `add_reader` costs a handle, three look-ups and two system calls, and its `call_at` an object that
is compared in Python: together most of what a probe costs. Here a wait is one future and one system call, a time is a
list in a heap, and the loop itself only ever watches the epoll and the earliest time.
"""

from __future__ import annotations

import asyncio
import math
import select
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeAlias

from lvsctl.checkapi import Watch

_BATCH = 512
_WHEN, _CALL, _ARGUMENT = 0, 2, 3

Alarm: TypeAlias = list[Any]
"""[when, serial, call, argument]; a list, because heaps compare those in C."""


def _nothing(_: object) -> None:
    """What a cancelled alarm does."""


def cancel(alarm: Alarm) -> None:
    """It stays in the heap until its time, and does nothing then."""
    alarm[_CALL], alarm[_ARGUMENT] = _nothing, None


class Watcher:
    """Descriptors and times of as many probes as there are. Of one event loop; to be closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._dispatch)
        self._alarms: list[Alarm] = []
        self._serial = count()
        self._timer: asyncio.TimerHandle | None = None
        self._armed = math.inf  # when the timer goes off

    def watch(self, fd: int) -> Watch:
        return _EpollWatch(self._loop, self._epoll, self._waiting, fd)

    def call_at(self, when: float, call: Callable[[Any], object], argument: object) -> Alarm:
        """Call `call(argument)` at the loop time `when`, at the next turn if that has passed; see `cancel`."""
        alarm = [when, next(self._serial), call, argument]
        heappush(self._alarms, alarm)
        if when < self._armed:
            self._arm(when)
        return alarm

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._arm(math.inf)
        self._alarms.clear()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = when
        self._timer = self._loop.call_at(when, self._ring) if when < math.inf else None

    def _ring(self) -> None:
        alarms, due = self._alarms, self._loop.time()
        self._timer, self._armed = None, -math.inf  # what is added meanwhile need not arm the timer
        due = max(due, alarms[0][_WHEN])  # the loop may be a clock tick early
        try:
            while alarms and alarms[0][_WHEN] <= due:
                alarm = heappop(alarms)
                alarm[_CALL](alarm[_ARGUMENT])
        finally:
            while alarms and alarms[0][_CALL] is _nothing:
                heappop(alarms)
            self._arm(alarms[0][_WHEN] if alarms else math.inf)

    def _dispatch(self) -> None:
        waiting = self._waiting
        for fd, _ in self._epoll.poll(0, _BATCH):
            ready = waiting.pop(fd, None)
            if ready is not None and not ready.done():
                ready.set_result(None)


class _EpollWatch:
    """Closing the descriptor takes it out of the epoll; `close` only forgets who waited."""

    __slots__ = ("_epoll", "_fd", "_known", "_loop", "_waiting")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, epoll: select.epoll, waiting: dict[int, asyncio.Future[None]], fd: int
    ) -> None:
        self._loop = loop
        self._epoll = epoll
        self._waiting = waiting
        self._fd = fd
        self._known = False

    def readable(self) -> asyncio.Future[None]:
        return self._ready(select.EPOLLIN | select.EPOLLONESHOT)

    def writable(self) -> asyncio.Future[None]:
        return self._ready(select.EPOLLOUT | select.EPOLLONESHOT)

    def _ready(self, events: int) -> asyncio.Future[None]:
        if self._known:
            self._epoll.modify(self._fd, events)
        else:
            self._epoll.register(self._fd, events)
            self._known = True
        ready = self._waiting[self._fd] = self._loop.create_future()
        return ready

    def close(self) -> None:
        self._waiting.pop(self._fd, None)
