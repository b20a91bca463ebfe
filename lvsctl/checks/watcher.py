"""Wait for thousands of sockets through one: an epoll of our own, itself watched by the event loop.

The loop's `add_reader` costs a handle, three dictionary look-ups and two system calls around every wait, most of what
a probe costs. Here a wait is one future and one system call, and closing the socket is all the cleaning up.
"""

from __future__ import annotations

import asyncio
import select

from lvsctl.checkapi import Watch

_BATCH = 512


class Watcher:
    """Gives out a Watch for a descriptor. One for as many probes as there are; of one event loop; to be closed."""

    __slots__ = ("_epoll", "_loop", "_waiting")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._dispatch)

    def watch(self, fd: int) -> Watch:
        return _EpollWatch(self._loop, self._epoll, self._waiting, fd)

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _dispatch(self) -> None:
        waiting = self._waiting
        for fd, _ in self._epoll.poll(0, _BATCH):
            ready = waiting.pop(fd, None)
            if ready is not None and not ready.done():
                ready.set_result(None)


class _EpollWatch:
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
