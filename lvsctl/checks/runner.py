"""Keep a set of questions being asked."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import resource
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvsctl.checkapi import AnyKind, Ask, CannotAsk, Kind, Params
from lvsctl.checks.asking import ask
from lvsctl.checks.watcher import Alarm, Watcher, cancel
from lvsctl.decide.health import JITTER
from lvsctl.model import Outcome, Question, QuestionId, Verdict

__all__ = ["NEVER", "Runner", "Stats", "ask", "ask_all"]

log = logging.getLogger(__name__)

NEVER = math.inf
"""The pace of a question that is not to be asked again."""

_SPREAD = 1.0  # seconds in which the first probes of new questions start …
_APART = 0.01  # … that far apart when they are few, so that three servers do not wait a second
_RESERVED = 64  # descriptors that are left to the rest of the process
_PER_PROBE = 3  # descriptors that a probe may hold: an exec check has a pipe and a process
_UNKNOWN = Verdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class Stats:
    """questions: being kept. in_flight: probes open now. waiting: due, but held back by the limit. verdicts: so far."""

    questions: int
    in_flight: int
    waiting: int
    verdicts: Mapping[Verdict, int]


class _Asker:
    """One question and where it stands: before its time (`timer`), in the queue, or being asked (`task`).

    again: it is to be asked once more as soon as it has been.
    """

    __slots__ = ("again", "memory", "question", "task", "timer")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.memory: dict[str, Any] = {}
        self.timer: Alarm | None = None
        self.task: asyncio.Task[None] | None = None
        self.again = False


class Runner:
    """Asks exactly the questions it was last told to keep, each again and again, never two probes of one at once.

    heard: called with every outcome; returns the seconds from the start of this probe to the start of the next (the
    runner adds jitter), or NEVER. limit: the most probes open at once, by default what the limit of file descriptors
    allows; further ones wait in line, their deadline starts when they do.
    """

    def __init__(
        self,
        kinds: Mapping[str, AnyKind],
        heard: Callable[[Question, Outcome], float],
        *,
        chance: random.Random | None = None,
        limit: int | None = None,
    ) -> None:
        self._kinds = kinds
        self._heard = heard
        self._chance = chance or random.Random()  # noqa: S311 - jitter is no secret
        self._limit = limit or _default_limit()
        self._askers: dict[QuestionId, _Asker] = {}
        self._line: dict[_Asker, None] = {}  # first come, first served
        self._open: set[asyncio.Task[None]] = set()
        self._ending: dict[QuestionId, asyncio.Task[None]] = {}  # cancelled probes that are still cleaning up
        self._verdicts = dict.fromkeys(Verdict, 0)
        self._watcher: Watcher | None = None  # made when there is a loop

    @property
    def stats(self) -> Stats:
        return Stats(len(self._askers), len(self._open), len(self._line), dict(self._verdicts))

    def keep(self, questions: Mapping[QuestionId, Question]) -> None:
        """Ask exactly these from now on, from within the event loop.

        New ones start at once, spread over at most a second; gone ones are cancelled; the others are not disturbed:
        other timings count from their next probe on, and that is due no later than these allow.
        """
        for gone in self._askers.keys() - questions.keys():
            self._drop(self._askers.pop(gone))
        for known in self._askers.values():
            self._renew(known, questions[known.question.id])
        new = [question for question in questions.values() if question.id not in self._askers]
        for question, due in zip(new, _spread(len(new)), strict=True):
            asker = self._askers[question.id] = _Asker(question)
            asker.timer = self._awake().call_at(due, self._due, asker)

    def hasten(self, questions: Iterable[QuestionId]) -> None:
        """Ask these out of turn, spread as new ones are; one that is being asked, again when that is done."""
        hasty = [asker for asker in (self._askers.get(question) for question in questions) if asker is not None]
        for asker, due in zip(hasty, _spread(len(hasty)), strict=True):
            asker.again = asker.task is not None
            if asker.timer is not None and asker.timer[0] > due:
                cancel(asker.timer)
                asker.timer = self._awake().call_at(due, self._due, asker)

    async def close(self) -> None:
        """Stop asking, and wait until every open probe has cleaned up."""
        self.keep({})
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def _awake(self) -> Watcher:
        if self._watcher is None:
            self._watcher = Watcher()
        return self._watcher

    def _renew(self, asker: _Asker, question: Question) -> None:
        asker.question = question
        longest = max(question.interval, question.fast_interval, question.down_interval)
        now = asyncio.get_running_loop().time()
        if asker.timer is not None and asker.timer[0] > now + longest * (1 + JITTER):
            cancel(asker.timer)
            due = now + longest * self._chance.random()  # not all of them at the same moment
            asker.timer = self._awake().call_at(due, self._due, asker)

    def _drop(self, asker: _Asker) -> None:
        self._line.pop(asker, None)
        if asker.timer is not None:
            cancel(asker.timer)
        if asker.task is not None:
            self._ending[asker.question.id] = asker.task
            asker.task.add_done_callback(lambda _: self._over(asker))
            asker.task.cancel()

    def _over(self, asker: _Asker) -> None:
        """A cancelled probe has cleaned up, or had not even begun."""
        self._ending.pop(asker.question.id, None)
        self._release(asker)

    def _due(self, asker: _Asker) -> None:
        asker.timer = None
        ending = self._ending.get(asker.question.id)
        if ending is not None:  # gone and come back: not before the old probe is over
            ending.add_done_callback(lambda _: self._due_if_kept(asker))
        elif len(self._open) < self._limit:
            self._start(asker)
        else:
            self._line[asker] = None

    def _due_if_kept(self, asker: _Asker) -> None:
        if self._askers.get(asker.question.id) is asker:
            self._due(asker)

    def _start(self, asker: _Asker) -> None:
        asker.task = asyncio.get_running_loop().create_task(self._probe(asker))
        self._open.add(asker.task)

    def _release(self, asker: _Asker) -> None:
        """The probe's slot is free, for the next in line if there is one."""
        if asker.task is None:
            return
        self._open.discard(asker.task)
        asker.task = None
        if self._line and len(self._open) < self._limit:
            following = next(iter(self._line))
            del self._line[following]
            self._start(following)

    async def _probe(self, asker: _Asker) -> None:
        question, watcher = asker.question, self._awake()
        started = asyncio.get_running_loop().time()
        try:
            outcome = await self._ask(question, asker.memory, watcher)
        except asyncio.CancelledError:
            if self._askers.get(question.id) is not asker:
                raise
            outcome = Outcome(_UNKNOWN, "ASKERR", f"bug in check kind {question.kind}: it cancelled its task", 0.0)
        finally:
            self._release(asker)
        self._verdicts[outcome.verdict] += 1
        pace = self._tell(asker.question, outcome)
        if pace < NEVER and self._askers.get(question.id) is asker:
            due = 0.0 if asker.again else started + pace * (1 + JITTER * (2 * self._chance.random() - 1))
            asker.again = False
            asker.timer = watcher.call_at(due, self._due, asker)

    def _ask(self, question: Question, memory: dict[str, Any], watcher: Watcher) -> Awaitable[Outcome]:
        kind = self._kinds.get(question.kind) or _not_installed(question.kind)
        return ask(kind, question.target, question.params, question.timeout, memory=memory, watcher=watcher)

    def _tell(self, question: Question, outcome: Outcome) -> float:
        try:
            return self._heard(question, outcome)
        except Exception:
            log.exception("an outcome of %s was not taken in", question.id)
            return question.interval


def _not_installed(name: str) -> AnyKind:
    async def run(_: Ask[Any]) -> Outcome:
        raise CannotAsk(f"no check kind {name} is installed")

    return Kind(name, "", Params, run)


async def ask_all(
    kinds: Mapping[str, AnyKind], questions: Mapping[QuestionId, Question], *, limit: int | None = None
) -> dict[QuestionId, Outcome]:
    """Ask each question once, all side by side; an answer for every one of them."""
    answers: dict[QuestionId, Outcome] = {}
    complete = asyncio.Event()

    def heard(question: Question, outcome: Outcome) -> float:
        answers[question.id] = outcome
        if len(answers) == len(questions):
            complete.set()
        return NEVER

    if questions:
        runner = Runner(kinds, heard, limit=limit)
        try:
            runner.keep(questions)
            await complete.wait()
        finally:
            await runner.close()
    return answers


def _default_limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (soft - _RESERVED) // _PER_PROBE) if soft != resource.RLIM_INFINITY else 10_000


def _spread(count: int) -> Sequence[float]:
    """When each of so many is due that are asked out of turn, on the running loop's clock."""
    now, apart = asyncio.get_running_loop().time(), min(_APART, _SPREAD / max(count, 1))
    return [now + place * apart for place in range(count)]
