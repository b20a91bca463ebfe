"""Delivery: takes notifications, keeps them on disk, and has them handed over by a worker for each receiver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from lvsctl.errors import LvsctlError
from lvsctl.events import Event
from lvsctl.model import Alertmanager, Notification, Receiver
from lvsctl.notify.http import Client
from lvsctl.notify.journal import Journal, Line, gone, put
from lvsctl.notify.outcome import Later, Outcome
from lvsctl.notify.senders import Sender, opened
from lvsctl.notify.trouble import Trouble
from lvsctl.notify.trust import in_words
from lvsctl.notify.waiting import Waiting
from lvsctl.notify.worker import Numbers, Worker

REMEMBERED = 1000
"""Ids of notifications that are over, so that none of them is taken in a second time."""

GRACE = 2.0
"""Seconds that an attempt has to come to its end when its worker is to stop."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """How one receiver stands. kind, where: as they may be shown. waiting: notifications not yet taken.

    failing_since: Unix time, None while all is well; why: what it says, "" then. disabled: it wants no more (410).
    """

    receiver: str
    kind: str
    where: str
    waiting: int
    failing_since: float | None
    why: str
    disabled: bool
    numbers: Numbers


class _Desk:
    """What there is of one receiver: its queue, the queue's file and the worker."""

    def __init__(self, receiver: Receiver, path: Path, disk: ThreadPoolExecutor, grace: float) -> None:
        self.waiting = Waiting(receiver.queue, whole=_whole(receiver))
        self.known: dict[str, None] = {}
        self.damaged = 0
        self.worker: Worker | None = None
        self.task: asyncio.Task[None] | None = None
        self._journal = Journal(path)
        self._behind = False  # the file lacks something, or holds what it should not
        self._disk = disk
        self._grace = grace
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Take up what the last process left. Raises OSError."""
        kept = await self._on_disk(self._journal.open)
        now = asyncio.get_running_loop().time()
        for notification in kept.waiting.values():
            self._behind |= bool(self.waiting.add(notification, now).gone)
        self.known = dict.fromkeys([*kept.gone, *kept.waiting])
        self.damaged = kept.damaged
        self._behind |= bool(kept.damaged)

    async def add(self, notification: Notification) -> None:
        """Keep one more; it is on disk when this returns. What it pushes out is counted by the worker."""
        async with self._turn:
            worker = self.worker
            assert worker is not None  # noqa: S101 - set before anybody knows of this desk
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

    async def rest(self) -> None:
        """Stop the worker, but not in the middle of an attempt that ends soon."""
        if self.task is not None:
            if self.worker is not None and not self.task.done():
                await self.worker.between_attempts(self._grace)
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def close(self) -> None:
        """Stop the worker, write down what could not be written until now, and release the file."""
        await self.rest()
        async with self._turn:
            if self._behind:
                await self._write([])
            await self._on_disk(self._journal.close)

    async def _write(self, lines: Sequence[Line]) -> None:
        """To disk; where that fails, alerts go out all the same, only a restart would lose them."""
        assert self.worker is not None  # noqa: S101 - set before anybody knows of this desk
        try:
            if self._behind:
                await self._compact()
            else:
                await self._on_disk(partial(self._journal.append, [line for line in lines if line != gone(())]))
        except OSError as error:
            self._behind = True
            self.worker.trouble.unsaved(f"its queue cannot be written: {in_words(error)}", len(self.waiting))
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
        await self._on_disk(partial(self._journal.rewrite, lines))

    async def _on_disk(self, job: Callable[[], T]) -> T:
        """One job after the other, and none on the event loop: a busy disk would hold up the checks."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, job)


def _whole(receiver: Receiver) -> bool:
    """Whether what its newest message does not name fires no more: it is not told of ends, or takes that for one."""
    return not receiver.send_resolved or isinstance(receiver.channel, Alertmanager)


class Delivery:
    """What takes notifications. directory: where the queues are kept. tell: hears of receivers that take nothing.

    today: tells Unix time. grace: seconds, see GRACE.
    """

    def __init__(
        self,
        directory: Path,
        *,
        tell: Callable[[Event], None],
        today: Callable[[], float] = time.time,
        grace: float = GRACE,
    ) -> None:
        self._directory = directory
        self._tell = tell
        self._today = today
        self._grace = grace
        self._now = asyncio.get_running_loop().time
        self._client = Client(today)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="notify-disk")
        self._desks: dict[str, _Desk] = {}
        self._turn = asyncio.Lock()
        self._closed = False
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def configure(self, receivers: Iterable[Receiver]) -> None:
        """Serve these receivers from now on. What waits for one that is no more stays on disk until it is back.

        Raises LvsctlError, and changes nothing, if one of them can never work or its queue cannot be read.
        """
        async with self._turn:
            await self._configure(receivers)

    async def _configure(self, receivers: Iterable[Receiver]) -> None:
        if self._closed:
            raise LvsctlError("the daemon is stopping: conf.d is read again when it starts")
        self._client.forget()
        wanted = {receiver.name: receiver for receiver in receivers}
        senders = {name: opened(receiver, self._client, self._today) for name, receiver in wanted.items()}
        new = await self._open(receiver for name, receiver in wanted.items() if name not in self._desks)
        unwanted = [self._desks.pop(name) for name in self._desks.keys() - wanted.keys()]
        await asyncio.gather(*(desk.close() for desk in unwanted))
        served = self._desks | new
        await asyncio.gather(*(self._man(served[name], receiver, senders[name]) for name, receiver in wanted.items()))
        self._desks |= new  # each of them has its worker

    async def _open(self, receivers: Iterable[Receiver]) -> dict[str, _Desk]:
        """The desks of receivers that have none; all of them or, if one cannot be opened, none."""
        desks: dict[str, _Desk] = {}
        for receiver in receivers:
            path = self._directory / f"{quote(receiver.name, safe='')}.jsonl"
            desk = _Desk(receiver, path, self._disk, self._grace)
            try:
                await desk.open()
            except OSError as error:
                for one in desks.values():
                    await one.close()
                why = f"receiver `{receiver.name}`: cannot use {path}: {in_words(error)}"
                raise LvsctlError(why) from error
            desks[receiver.name] = desk
        return desks

    async def _man(self, desk: _Desk, receiver: Receiver, sender: Sender) -> None:
        """Put a worker to the queue, unless one is there that does just that."""
        before = desk.worker
        if before is not None and before.receiver == receiver and not before.disabled:
            return
        await desk.rest()
        desk.waiting.limit = receiver.queue
        desk.waiting.whole = _whole(receiver)
        trouble = before.trouble if before is not None else Trouble(receiver.name, self._tell, self._now)
        numbers = before.numbers if before is not None else Numbers()
        worker = Worker(receiver, sender, desk.waiting, trouble, numbers, forget=desk.forget, today=self._today)
        if desk.damaged:
            worker.lost(desk.damaged, "lines of its queue's file make no sense")
            desk.damaged = 0
        desk.worker = worker
        desk.task = asyncio.create_task(worker.run(), name=f"notify {receiver.name}")
        desk.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def run(self) -> None:
        """Until cancelled. Raises what a worker raised: that is a bug."""
        await asyncio.shield(self._broken)

    async def submit(self, notification: Notification) -> None:
        """Take one in. It is on disk when this returns, and will be told at least once, under its id.

        One that is known by its id, or whose receiver is not configured any more, is not taken in.
        """
        desk = self._desks.get(notification.receiver)
        if desk is not None:
            await desk.add(notification)

    async def test(self, notification: Notification) -> Outcome:
        """Tell a receiver at once, past its queue, and once only."""
        desk = self._desks.get(notification.receiver)
        if desk is None or desk.worker is None:
            return Later("it is not configured yet")
        return await desk.worker.test(notification)

    def standings(self) -> tuple[Standing, ...]:
        """How each receiver stands, by name."""
        return tuple(self._standing(self._desks[name]) for name in sorted(self._desks))

    def _standing(self, desk: _Desk) -> Standing:
        worker = desk.worker
        assert worker is not None  # noqa: S101 - set when the receiver was
        trouble = worker.trouble
        since = None if trouble.since is None else self._today() - (self._now() - trouble.since)
        return Standing(
            worker.receiver.name,
            worker.sender.kind,
            worker.sender.where,
            len(desk.waiting),
            since,
            trouble.why,
            worker.disabled,
            replace(worker.numbers),
        )

    async def close(self) -> None:
        """Stop; what waits is on disk."""
        async with self._turn:
            self._closed = True
            await asyncio.gather(*(desk.close() for desk in self._desks.values()))
            self._desks.clear()
        await self._client.close()
        self._disk.shutdown()
        self._broken.cancel()
