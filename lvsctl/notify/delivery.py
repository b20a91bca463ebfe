"""Delivery: takes notifications, keeps them on disk, and has them handed over by a worker for each receiver."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote

from lvsctl.errors import LvsctlError
from lvsctl.events import Event
from lvsctl.model import Notification, Receiver
from lvsctl.notify.desk import Desk
from lvsctl.notify.disk import Disk
from lvsctl.notify.http import Client
from lvsctl.notify.outcome import Later, Outcome
from lvsctl.notify.senders import check, opened
from lvsctl.notify.served import ReceiverStanding, Served
from lvsctl.notify.trouble import Trouble
from lvsctl.notify.trust import in_words
from lvsctl.notify.worker import Numbers, Worker

GRACE = 2.0
"""Seconds that an attempt has to come to its end when its worker is to stop."""


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
        self._disk = Disk()
        self._served: dict[str, Served] = {}
        self._turn = asyncio.Lock()
        self._closed = False
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- whom to serve --------------------------------------------------------------------------------------------

    async def configure(self, receivers: Iterable[Receiver], *, lenient: bool = False) -> dict[str, int]:
        """Serve these receivers from now on. How many notifications waited for those that are no more, by name.

        These are dropped, and their files removed: whoever is put back later is told what goes on then, not what went
        on weeks ago. Raises LvsctlError, and changes nothing, if one that is new or another than before cannot be used:
        something is missing, or its queue cannot be read. lenient: such a one keeps nobody else from being served; it
        is told of, and tried again by `mend`.
        """
        async with self._turn:
            if self._closed:
                raise LvsctlError("the daemon is stopping: conf.d is read again when it starts")
            return await self._configure({receiver.name: receiver for receiver in receivers}, lenient=lenient)

    async def mend(self) -> None:
        """Try again those that could not be used."""
        async with self._turn:
            for name, one in self._served.items():
                if one.desk is None and not self._closed:
                    self._served[name] = await self._serve(one.receiver, await self._found(one.receiver))

    async def _configure(self, wanted: dict[str, Receiver], *, lenient: bool) -> dict[str, int]:
        self._client.forget()
        found = {name: await self._found(receiver) for name, receiver in wanted.items()}
        unusable = {name: one for name, one in found.items() if isinstance(one, str)}
        new = [name for name in unusable if name not in self._served or self._served[name].receiver != wanted[name]]
        desks = {name: one for name, one in found.items() if isinstance(one, Desk)}
        if new and not lenient:
            await asyncio.gather(*(desk.close() for name, desk in desks.items() if desk is not self._desk(name)))
            raise LvsctlError(f"receiver `{new[0]}`: {unusable[new[0]]}")
        unwanted = [one for name, one in self._served.items() if name not in wanted]
        dropped = {one.receiver.name: one.waiting for one in unwanted if one.waiting}
        await asyncio.gather(*(one.desk.close() for one in unwanted if one.desk is not None))
        with suppress(OSError):  # it would be said of those that are in the directory
            await self._disk.do(partial(_remove_all_but, self._directory, {_file(name) for name in wanted}))
        served = await asyncio.gather(*(self._serve(receiver, found[name]) for name, receiver in wanted.items()))
        self._served = {one.receiver.name: one for one in served}
        return dropped

    def _desk(self, name: str) -> Desk | None:
        return self._served[name].desk if name in self._served else None

    async def _found(self, receiver: Receiver) -> Desk | str:
        """The receiver's desk, which it may have had before; or why it cannot be used."""
        before = self._served.get(receiver.name)
        if before is not None and before.serves(receiver):
            assert before.desk is not None  # noqa: S101 - it serves
            return before.desk
        try:
            check(receiver)
        except LvsctlError as error:
            return str(error)
        if before is not None and before.desk is not None:
            return before.desk
        path = self._directory / _file(receiver.name)
        desk = Desk(receiver, path, self._disk, self._grace)
        try:
            await desk.open()
        except OSError as error:
            return f"cannot use {path}: {in_words(error)}"
        return desk

    async def _serve(self, receiver: Receiver, found: Desk | str) -> Served:
        """Put a worker to the desk, unless one is there that does just that."""
        before = self._served.get(receiver.name)
        if before is not None and before.serves(receiver):
            return before
        trouble = before.trouble if before is not None else Trouble(receiver.name, self._tell, self._now)
        numbers = before.numbers if before is not None else Numbers()
        one = Served(receiver, opened(receiver, self._client, self._today), trouble, numbers)
        if isinstance(found, str):
            one.held = before.held if before is not None else 0
            trouble.unusable(found, one.held)
            return one
        if before is not None and before.desk is None:
            trouble.over()
        worker = Worker(receiver, one.sender, found.waiting, trouble, numbers, forget=found.forget, today=self._today)
        (await found.man(worker)).add_done_callback(self._ended)
        one.desk = found
        return one

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def run(self) -> None:
        """Until cancelled. Raises what a worker raised: that is a bug."""
        await asyncio.shield(self._broken)

    # --- what they are told ---------------------------------------------------------------------------------------

    async def submit(self, *many: Notification) -> tuple[Notification, ...]:
        """Take these in, in their order. Each is on disk when this returns, and will be told at least once, by its id.

        One that is known by its id, or whose receiver is not configured, is not taken in. Those that this returns are
        to be submitted again: their receivers cannot be used. There are no more of them than may wait.
        """
        held: defaultdict[str, list[Notification]] = defaultdict(list)
        for each in many:
            one = self._served.get(each.receiver)
            if one is not None and one.desk is not None:
                await one.desk.add(each)
            elif one is not None:
                held[each.receiver].append(each)
        return tuple(each for name, kept in held.items() for each in self._served[name].hold(kept))

    async def test(self, notification: Notification) -> Outcome:
        """Tell a receiver at once, past its queue, and once only."""
        one = self._served.get(notification.receiver)
        if one is None:
            return Later("it is not configured yet")
        return await one.desk.worker.test(notification) if one.desk is not None else Later(one.trouble.why)

    def standings(self) -> tuple[ReceiverStanding, ...]:
        """How each receiver stands, by name."""
        return tuple(self._served[name].standing(self._today(), self._now()) for name in sorted(self._served))

    async def close(self) -> None:
        """Stop; what waits is on disk."""
        async with self._turn:
            self._closed = True
            await asyncio.gather(*(one.desk.close() for one in self._served.values() if one.desk is not None))
            self._served.clear()
        await self._client.close()
        self._disk.close()
        self._broken.cancel()


def _file(receiver: str) -> str:
    """The name of its queue's file, whatever its own may be."""
    return f"{quote(receiver, safe='')}.jsonl"


def _remove_all_but(directory: Path, wanted: set[str]) -> None:
    for path in directory.glob("*.jsonl"):
        if path.name not in wanted:
            path.unlink()
