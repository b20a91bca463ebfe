"""What there is of one receiver: what waits for it, the file in which that is kept, and the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from lvsctl.model import Notification, Receiver
from lvsctl.notify.disk import Disk
from lvsctl.notify.journal import Journal, Line, gone, put
from lvsctl.notify.trust import in_words
from lvsctl.notify.waiting import Waiting
from lvsctl.notify.worker import Worker

REMEMBERED = 1000
"""Ids of notifications that are over, so that none of them is taken in a second time."""


class Desk:
    """One receiver's. Between `open` and the first notification it is to be given a worker by `man`."""

    def __init__(self, receiver: Receiver, path: Path, disk: Disk, grace: float) -> None:
        self.waiting = Waiting(receiver.queue, whole=whole(receiver))
        self.known: dict[str, None] = {}
        self.damaged = 0
        self._worker: Worker | None = None
        self._task: asyncio.Task[None] | None = None
        self._journal = Journal(path)
        self._behind = False  # the file lacks something, or holds what it should not
        self._disk = disk
        self._grace = grace
        self._turn = asyncio.Lock()

    @property
    def worker(self) -> Worker:
        """Who hands over what waits."""
        assert self._worker is not None  # noqa: S101 - there is one before anybody else knows of this desk
        return self._worker

    async def open(self) -> None:
        """Take up what the last process left. Raises OSError."""
        kept = await self._disk.do(self._journal.open)
        now = asyncio.get_running_loop().time()
        for notification in kept.waiting.values():
            self._behind |= bool(self.waiting.add(notification, now).gone)
        self.known = dict.fromkeys([*kept.gone, *kept.waiting])
        self.damaged = kept.damaged
        self._behind |= bool(kept.damaged)

    async def man(self, worker: Worker) -> asyncio.Task[None]:
        """Let this one work instead of the one before, if there was one; its task."""
        await self._rest()
        self.waiting.limit = worker.receiver.queue
        self.waiting.whole = whole(worker.receiver)
        if self.damaged:
            worker.lost(self.damaged, "lines of its queue's file make no sense")
            self.damaged = 0
        self._worker = worker
        self._task = asyncio.create_task(worker.run(), name=f"notify {worker.receiver.name}")
        return self._task

    async def add(self, notification: Notification) -> None:
        """Keep one more; it is on disk when this returns. What it pushes out is counted by the worker."""
        async with self._turn:
            worker = self.worker
            if notification.id in self.known:
                return
            self.known[notification.id] = None
            change = worker.take(notification)
            await self._write([put(change.put), gone(change.gone)])
        worker.wake()

    async def forget(self, ids: Sequence[str]) -> None:
        """These are over."""
        async with self._turn:
            if ids or self._behind:
                await self._write([gone(ids)])

    async def close(self) -> None:
        """Stop the worker, write down what could not be written until now, and release the file."""
        await self._rest()
        async with self._turn:
            if self._behind and self._worker is not None:
                await self._write([])
            with suppress(OSError):
                await self._disk.do(self._journal.close)

    async def _rest(self) -> None:
        """Stop the worker, but not in the middle of an attempt that ends soon."""
        if self._task is not None:
            if not self._task.done():
                await self.worker.between_attempts(self._grace)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _write(self, lines: Sequence[Line]) -> None:
        """To disk; where that fails, alerts go out all the same, only a restart would lose them."""
        try:
            if self._behind:
                await self._compact()
            else:
                await self._disk.do(partial(self._journal.append, [line for line in lines if line != gone(())]))
        except OSError as error:
            self._behind = True
            why = "the disk does not answer" if isinstance(error, TimeoutError) else in_words(error)
            self.worker.trouble.unsaved(f"its queue cannot be written: {why}", len(self.waiting))
            return
        self._behind = False
        self.worker.trouble.saved()
        if self._journal.wasteful:
            with suppress(OSError):  # it holds all that it should
                await self._compact()

    async def _compact(self) -> None:
        held = self.waiting.all()
        waits = dict.fromkeys(notification.id for notification in held)
        over = [name for name in self.known if name not in waits][-REMEMBERED:]
        self.known = dict.fromkeys([*over, *waits])
        lines = [gone(over), *(put(notification) for notification in held)]
        await self._disk.do(partial(self._journal.rewrite, lines))


def whole(receiver: Receiver) -> bool:
    """Whether what its newest message does not name fires no more: it is not told of ends, or takes that for one."""
    return not receiver.send_resolved or receiver.feed
