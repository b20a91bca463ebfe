"""One receiver's worker: hands over what waits, again and again until it is taken, at a pace that floods nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from tenacity import AsyncRetrying, retry_if_result

from lvsctl.model import Notification, Reason, Receiver
from lvsctl.notify.alertmanager import MISSED
from lvsctl.notify.attempts import LONGEST_PAUSE, failed, guarded, mistake, pause
from lvsctl.notify.outcome import Later, Outcome, Refused, Taken
from lvsctl.notify.senders import Letter, Sender
from lvsctl.notify.trouble import Trouble
from lvsctl.notify.waiting import Change, Next, Waiting, renewed


@dataclass(slots=True)
class Numbers:
    """What happened since the start. delivered, refused, lost: notifications. failed: attempts. folded: notifications
    that are told with a newer one of their group."""

    delivered: int = 0
    failed: int = 0
    refused: int = 0
    lost: int = 0
    folded: int = 0


_Progress: TypeAlias = dict[str, Refused | None]
"""The parts of notifications about one group that are over, by name, and how those were refused that were."""


class Worker:
    """Hands over to one receiver what is in `waiting`.

    forget: writes down that these ids wait no more. now: the loop's time; today: Unix time. `wake` is to be called when
    something was added. After a receiver said that it is gone, nothing more is tried.
    """

    def __init__(
        self,
        receiver: Receiver,
        sender: Sender,
        waiting: Waiting,
        trouble: Trouble,
        numbers: Numbers,
        *,
        forget: Callable[[Sequence[str]], Awaitable[None]],
        today: Callable[[], float],
    ) -> None:
        self.receiver = receiver
        self.sender = sender
        self.waiting = waiting
        self.trouble = trouble
        self.numbers = numbers
        self.busy: tuple[str, ...] = ()
        self.disabled = False
        self._forget = forget
        self._today = today
        self._now = asyncio.get_running_loop().time
        self._woken = asyncio.Event()
        self._attempting = asyncio.Lock()
        self._progress: dict[str, _Progress] = {}  # of what was tried in vain, by group
        self._free_at = 0.0  # when the pace allows the next part

    def wake(self) -> None:
        """Something was added."""
        self._woken.set()

    def take(self, notification: Notification) -> Change:
        """One more waits: what came of it. It may be handed over before `wake` is called."""
        change = self.waiting.add(notification, self._now(), self.busy)
        self.numbers.folded += change.folded
        if too_many := self.waiting.make_room(self.busy):
            self.lost(len(too_many), "its queue is full")
            change = replace(change, gone=(*change.gone, *too_many))
        return change

    async def test(self, notification: Notification) -> Outcome:
        """Hand this over at once, past the queue, and once only."""
        for letter in self._letters(notification):
            outcome = await guarded(letter.attempt)
            if not isinstance(outcome, Taken):
                return outcome
        return Taken()

    def lost(self, count: int, why: str) -> None:
        """So many notifications were dropped."""
        self.numbers.lost += count
        self.trouble.lost(count, why, len(self.waiting))

    async def run(self) -> None:
        """Work until cancelled, or until the receiver is gone."""
        longest = min(LONGEST_PAUSE, self.sender.renew or LONGEST_PAUSE)
        retrying = AsyncRetrying(
            retry=retry_if_result(lambda outcome: isinstance(outcome, Later)),
            wait=partial(pause, longest=longest),
            sleep=asyncio.sleep,
        )
        while not self.disabled:
            await self._something_due()
            await retrying(self._attempt)

    async def between_attempts(self, grace: float) -> None:
        """Wait until no attempt is under way, for at most `grace` seconds; cancel `run` then, before anything else.

        One that is cut off may have been heard: it would be told twice.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._attempting.acquire()

    async def _something_due(self) -> None:
        while (due := self.waiting.due_at(self._now())) is None or due > self._now():
            self._woken.clear()
            try:
                async with asyncio.timeout_at(due):
                    await self._woken.wait()
            except TimeoutError:
                return

    async def _attempt(self) -> Outcome:
        async with self._attempting:
            return await self._try_next()

    async def _try_next(self) -> Outcome:
        """Try what is to be sent next. Between two attempts something newer may have come: it is sent instead."""
        await self._give_up()
        sending = self.waiting.next(self._now())
        if sending is None:
            return Taken()
        if sending.again and (sending := await self._renewal(sending)) is None:
            return Taken()
        self.busy = sending.ids
        try:
            outcome = await self._send(sending.notification)
        finally:
            self.busy = ()
        await self._settle(sending, outcome)
        return outcome

    async def _give_up(self) -> None:
        """What has waited too long goes, but for the end of what was told."""
        if self.sender.renew is not None:
            return  # it is one message, which says how things stand: whenever it is taken it is true
        if old := self.waiting.older_than(self._now() - self.receiver.retry_for):
            self.waiting.remove(old)
            self.lost(len(old), f"given up after {self.receiver.retry_for:g} s")
            await self._forget(old)

    async def _renewal(self, sending: Next) -> Next | None:
        """What is left to be told again; None, and forgotten, if all of it ended long ago."""
        since = self._today() - MISSED * (self.sender.renew or 0.0)
        left = renewed(sending.notification, since)
        if left.alerts:
            return Next(left, sending.ids, again=True)
        self.waiting.remove(sending.ids)
        await self._forget(sending.ids)
        return None

    async def _send(self, notification: Notification) -> Outcome:
        """Send the parts that are not over yet; stop at the first failure that may be the others', too."""
        self._progress = {group: one for group, one in self._progress.items() if self.waiting.has_of(group)}
        progress = self._progress.setdefault(notification.group_key, {})
        letters = self._letters(notification)
        later: Later | None = None
        for letter in (one for one in letters if one.name not in progress):
            match await self._paced(letter):
                case Later(alone=True) as one:
                    later = later or one
                case Later() as one:
                    return one
                case Refused(gone=True) as final:
                    return final
                case outcome:
                    progress[letter.name] = outcome if isinstance(outcome, Refused) else None
        if later is not None:
            return later
        del self._progress[notification.group_key]
        return next((refused for letter in letters if (refused := progress[letter.name]) is not None), Taken())

    def _letters(self, notification: Notification) -> tuple[Letter, ...]:
        try:
            return self.sender.letters(notification)
        except Exception as error:  # whatever it is, the other notifications must be told all the same
            return (Letter(notification.id, partial(failed, mistake(error))),)

    async def _paced(self, letter: Letter) -> Outcome:
        await asyncio.sleep(max(self._free_at - self._now(), 0.0))
        try:
            return await guarded(letter.attempt)
        finally:
            self._free_at = self._now() + self.sender.pace

    async def _settle(self, sent: Next, outcome: Outcome) -> None:
        match outcome:
            case Later(why=why):
                self.numbers.failed += 1
                self.waiting.failed(sent, self._now())
                self.trouble.later(why, len(self.waiting))
            case Refused(why=why, gone=True):
                self.numbers.failed += 1
                self.disabled = True
                self.trouble.refused(f"{why}; it is told again after the next reload or start", len(self.waiting))
            case Refused(why=why):
                self.numbers.refused += not sent.again
                over = self._over(sent)
                self.trouble.refused(why, len(self.waiting))
                await self._forget(over)
            case Taken():
                self.numbers.delivered += not sent.again
                self.numbers.folded += len(sent.ids) - 1
                over = self._over(sent)
                if not self.waiting.stuck():
                    self.trouble.over()
                await self._forget(over)

    def _over(self, sent: Next) -> Sequence[str]:
        """What is not to be told again. A receiver that forgets hears what fires again, even if it has refused it: a
        proxy before it may have, and what it does not hear of it takes for ended."""
        if self.sender.renew is None or sent.notification.reason is Reason.TEST:
            self.waiting.remove(sent.ids)
            return sent.ids
        self.waiting.renew(sent, self._now() + self.sender.renew)
        return sent.ids[:-1]  # the newest is kept, for a restart
