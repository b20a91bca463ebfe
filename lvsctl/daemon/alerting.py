"""Tells the receivers: hears the herald, keeps what it knows on disk, hands over what is to be sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from lvsctl import events as happened
from lvsctl.daemon.alert_file import AlertFile
from lvsctl.decide.alerting.catalogue import concerns
from lvsctl.decide.alerting.engine import step
from lvsctl.decide.alerting.groups import of_one
from lvsctl.decide.alerting.happening import Happening, SilenceBegun, SilenceEnded, Standing
from lvsctl.decide.alerting.state import State
from lvsctl.events import Event
from lvsctl.model import Alert, Alerting, Silence, Told, labels
from lvsctl.notify.outcome import Taken

if TYPE_CHECKING:
    from lvsctl.notify.delivery import Delivery

SWEEP = 30.0
"""Seconds between looks at how things stand, for what no event told."""

GATHER = 0.2
"""Seconds in which events are gathered, so that a burst is one step and one write."""

TAKING_UP = 5.0
"""Seconds that a test waits, just after the start, for the receivers to be taken up."""

MOST = 100_000
"""Events that may wait for a step; how things stand makes up for those that are lost."""

log = structlog.get_logger("lvsctl")


class Alerts:
    """The engine, its memory, and the moment of its next step.

    file: in which it is kept. opened: makes the delivery, in the event loop. stands: how things stand now.
    tell: hears of silences. today: tells Unix time. sweep, gather: seconds, see SWEEP and GATHER.
    """

    def __init__(
        self,
        file: AlertFile,
        opened: Callable[[], Delivery],
        *,
        stands: Callable[[], Standing],
        tell: Callable[[Event], None],
        today: Callable[[], float] = time.time,
        sweep: float = SWEEP,
        gather: float = GATHER,
    ) -> None:
        self.alerting = Alerting()
        self.state = State()
        self.delivery: Delivery | None = None
        self._file = file
        self._opened = opened
        self._stands = stands
        self._tell = tell
        self._today = today
        self._sweep = sweep
        self._gather = gather
        self._heard: deque[Happening] = deque(maxlen=MOST)
        self._wake = asyncio.Event()
        self._stepping = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = False
        self._look = False
        self._configured = asyncio.Event()
        self._taking = asyncio.Lock()
        self._next_at: float | None = None
        self._swept_at = asyncio.get_running_loop().time()

    # --- from the start to the end --------------------------------------------------------------------------------

    async def start(self, alerting: Alerting) -> None:
        """Take up what the daemon before left, and begin.

        A receiver that cannot be used keeps no other from being served: it is told of, and tried again; what it is to
        hear is kept with the state until then.
        """
        self.state = await asyncio.to_thread(self._file.read)
        self.delivery = self._opened()
        self.alerting = _named(alerting)
        self._tasks = [asyncio.create_task(self._run(), name="alerts"), asyncio.create_task(self._watch(self.delivery))]

    async def take(self, alerting: Alerting) -> None:
        """Tell these receivers by these routes from now on; what was told before is remembered.

        Raises LvsctlError, and changes nothing, if one that is new or another than before cannot be used.
        """
        async with self._taking:
            await self._take(alerting, lenient=False)
        self._look = True
        self._wake.set()

    async def close(self) -> None:
        """End, and write down what was heard last: what there is to tell is told by the daemon after this one."""
        async with self._stepping:  # a step is never cut off: what it writes would go on behind our back
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.delivery is not None:
            if self._configured.is_set():
                await self._try(self._step)
            await self.delivery.close()
        self._file.close()

    # --- what is heard --------------------------------------------------------------------------------------------

    def hear(self, told: Told) -> None:
        """A listener of the herald."""
        if concerns(told.record.event):
            self._heard.append(told)
            self._look |= told.record.event == "reloaded"
            self._wake.set()

    def ready(self) -> None:
        """The first complete round is done: from now on how things stand counts."""
        if not self._ready:
            self._ready = self._look = True
            self._wake.set()

    async def silence(self, silence: Silence) -> str:
        """Keep quiet about something. Returns why it is not on the disk; empty: it is."""
        await self._step(SilenceBegun(silence))
        self._wake.set()  # who waits for what was due before may wait too long for its end
        return self._file.complaint

    async def unsilence(self, name: str, *, by: str) -> str:
        """End the silence with this id. by: who wants it. Returns why that is not on the disk; empty: it is."""
        await self._step(SilenceEnded(name, by))
        self._wake.set()
        return self._file.complaint

    async def test(self, receiver: str, *, by: str) -> tuple[bool, str]:
        """Send a marked test at once; whether it was taken, and by whom, or why not."""
        assert self.delivery is not None  # noqa: S101 - started
        with contextlib.suppress(TimeoutError):  # just after the start
            async with asyncio.timeout(TAKING_UP):
                await self._configured.wait()
        facts = (("summary", f"a test by {by}: nothing is wrong"),)
        named = labels((*self.alerting.labels, ("alertname", "Test"), ("severity", "info"), ("receiver", receiver)))
        now = self._today()
        outcome = await self.delivery.test(of_one(Alert(named, facts, now), receiver, now))
        if isinstance(outcome, Taken):
            where = {one.receiver: f"{one.kind}, {one.where}" for one in self.delivery.standings()}
            return True, f"{receiver} ({where[receiver]}) has taken it"
        return False, outcome.why

    # --- again and again ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._try(self._look_after_receivers)
            await self._try(self._step)
            await self._wait()

    async def _look_after_receivers(self) -> None:
        """Take them up, and try again those that cannot be used."""
        assert self.delivery is not None  # noqa: S101 - started
        async with self._taking:
            if not self._configured.is_set():  # a reload may have been first
                await self._take(self.alerting, lenient=True)
                return
        if self._look:
            await self.delivery.mend()

    async def _take(self, alerting: Alerting, *, lenient: bool) -> None:
        assert self.delivery is not None  # noqa: S101 - started
        dropped = await self.delivery.configure(alerting.receivers.values(), lenient=lenient)
        for receiver, count in dropped.items():
            words = "alerts: a receiver is no longer in conf.d, and what waited for it is dropped"
            log.warning(words, receiver=receiver, notifications=count)
        async with self._stepping:
            self.alerting = _named(alerting)
            self._configured.set()

    async def _watch(self, delivery: Delivery) -> None:
        try:
            await delivery.run()
        except Exception:
            log.exception("a bug in lvsctl: a receiver is not told any more; report it, and restart the daemon")

    async def _wait(self) -> None:
        """Until something is heard or due; then a moment more, for what comes with it."""
        now = asyncio.get_running_loop().time
        pause = self._swept_at + self._sweep - now()
        if self._next_at is not None:
            pause = min(pause, self._next_at - self._today())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(pause, 0.0)):
                await self._wake.wait()
            await asyncio.sleep(self._gather)
        if not self._wake.is_set() or now() >= self._swept_at + self._sweep:
            self._look, self._swept_at = True, now()

    async def _try(self, job: Callable[[], Awaitable[None]]) -> None:
        """A bug in here must not take the director down: it is logged, and what led to it dropped."""
        try:
            await job()
        except Exception:
            log.exception("a bug in lvsctl: alerts may be missing; report it")
            await asyncio.sleep(self._gather)

    async def _step(self, *more: Happening) -> None:
        async with self._stepping:
            self._wake.clear()
            heard: list[Happening] = [*self._heard, *more]
            self._heard.clear()
            if self._ready and self._look:
                heard.append(self._stands())
                self._look = False
            before = self.state
            done = await asyncio.to_thread(step, before, self.alerting, heard, self._today())
            self.state, self._next_at = done.state, done.next_at
            if done.state != before or self._file.complaint:
                await self._file.keep(self.state)
            self._tell_of_silences(before.silences, more)
            if self._configured.is_set():
                await self._hand_over()

    def _tell_of_silences(self, before: Sequence[Silence], more: Iterable[Happening]) -> None:
        by = {one.id: one.by for one in more if isinstance(one, SilenceEnded)}
        now = self.state.silences
        for silence in now:
            if silence not in before:
                self._tell(happened.SilenceSet(silence))
        for silence in before:
            if silence not in now:
                self._tell(happened.SilenceEnded(silence, by.get(silence.id, "")))

    async def _hand_over(self) -> None:
        """What is in the outbox was written down with it: a daemon that is killed here does it again."""
        if not self.state.outbox:
            return
        assert self.delivery is not None  # noqa: S101 - started
        left = await self.delivery.submit(*self.state.outbox)
        if left != self.state.outbox:
            self.state = replace(self.state, outbox=left)
            await self._file.keep(self.state)


def _named(alerting: Alerting) -> Alerting:
    """With the label that says whose alerts these are: the name of this host, unless the configuration names it."""
    return replace(alerting, labels=labels({"director": socket.gethostname(), **dict(alerting.labels)}))
