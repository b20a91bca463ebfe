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
from contextlib import suppress
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, TypeAlias

from lvsctl.checkapi import Watch

_BATCH = 512
_TIDY = 1024  # alarms; below that the cancelled ones do not matter
_WHEN, _CALL, _ARGUMENT = 0, 2, 3

Alarm: TypeAlias = list[Any]
"""[when, serial, call, argument]; a list, because heaps compare those in C."""


def _nothing(_: object) -> None:
    """What a cancelled alarm does."""


def cancel(alarm: Alarm) -> None:
    """It stays in the heap for a while, until its time at the most, and does nothing then."""
    alarm[_CALL], alarm[_ARGUMENT] = _nothing, None


class Watcher:
    """Descriptors and times of as many probes as there are. Of one event loop; to be closed.

    late: while alarms ring, by how many seconds they do so later than was planned: so long this process was held up.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._dispatch)
        self._alarms: list[Alarm] = []
        self._tidy_at = _TIDY
        self._serial = count()
        self._timer: asyncio.TimerHandle | None = None
        self._armed = math.inf  # when the timer goes off
        self.late = 0.0

    def watch(self, fd: int) -> Watch:
        return _EpollWatch(self._loop, self._epoll, self._waiting, fd)

    def call_at(self, when: float, call: Callable[[Any], object], argument: object) -> Alarm:
        """Call `call(argument)` at the loop time `when`, at the next turn if that has passed; see `cancel`."""
        if len(self._alarms) >= self._tidy_at:
            self._tidy()
        alarm = [when, next(self._serial), call, argument]
        heappush(self._alarms, alarm)
        if when < self._armed:
            self._arm(max(when, self._loop.time()))
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

    def _tidy(self) -> None:
        """Forget the cancelled ones: most deadlines are, long before their time. The timer may go off for nothing."""
        self._alarms[:] = [alarm for alarm in self._alarms if alarm[_CALL] is not _nothing]
        heapify(self._alarms)
        self._tidy_at = max(_TIDY, 2 * len(self._alarms))

    def _ring(self) -> None:
        alarms, due = self._alarms, max(self._loop.time(), self._armed)  # the loop may be a clock tick early
        self.late = due - self._armed
        self._timer, self._armed = None, -math.inf  # what is added meanwhile need not arm the timer
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
    """Closing the descriptor takes it out of the epoll, unless a child that is being started has a copy for a moment.

    An event of such a leftover would wake whoever has the same number next, so `close` does not leave one armed.
    """

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
        if self._waiting.pop(self._fd, None) is not None:  # after an event it is disarmed (ONESHOT)
            with suppress(OSError, ValueError):  # closed already, it or the epoll
                self._epoll.unregister(self._fd)
