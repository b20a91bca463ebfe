"""Ask one question with a deadline."""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from time import perf_counter
from typing import Any

from lvsctl.checkapi import AnyKind, Ask, CannotAsk
from lvsctl.checks.watcher import Watcher, cancel
from lvsctl.model import Outcome, Target, Verdict

log = logging.getLogger(__name__)

_UNKNOWN = Verdict.UNKNOWN
_LATE = {
    "L4TOUT": "no connection",
    "L6TOUT": "no TLS handshake",
    "L7TOUT": "no complete answer",
    "PROCTOUT": "not done",
}


async def ask(
    kind: AnyKind,
    question_target: Target,
    params: Any,
    timeout: float,  # noqa: ASYNC109 - one deadline for every kind is what this function is for
    *,
    trace: list[tuple[float, str]] | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Ask one question; `timeout` seconds from connect to last byte are all there is.

    PASS and FAIL are the target's answers; no answer in time is FAIL with the code where it stood. UNKNOWN (ASKERR)
    means that it could not be asked. Raises nothing but CancelledError, and that only when cancelled from outside.
    """
    if watcher is None:
        try:
            own = Watcher()
        except OSError as error:
            return Outcome(_UNKNOWN, "ASKERR", f"no epoll: {error.strerror}", 0.0)
        with closing(own):
            return await ask(kind, question_target, params, timeout, trace=trace, watcher=own)
    asked: Ask[Any] = Ask(question_target, params, watch=watcher.watch, trace=trace)
    deadline = _Deadline(timeout, watcher)
    outcome: Outcome | None = None
    problem = ""
    try:
        outcome = await kind.run(asked)
    except CannotAsk as error:
        problem = str(error)
    except asyncio.CancelledError:
        if deadline.cancelled_by_others():
            raise
        problem = deadline.struck or _bug(kind, "it cancelled itself")
    except Exception as error:
        problem = deadline.struck or _bug(kind, f"{type(error).__name__}: {error}")
    finally:
        deadline.lift()
    if deadline.struck:
        code = asked.timeout_code
        return asked.failed(code, f"{_LATE.get(code, 'no answer')} within {timeout:g} s")
    if isinstance(outcome, Outcome):
        return outcome
    problem = problem or _bug(kind, f"it returned {type(outcome).__name__}, not an Outcome")
    return Outcome(_UNKNOWN, "ASKERR", problem, perf_counter() - asked.started)


class _Deadline:
    """Cancels the task that it was made in; asyncio.timeout, but with a Watcher's alarm and a third of the cost."""

    __slots__ = ("_alarm", "_before", "_task", "struck")

    def __init__(self, timeout: float, watcher: Watcher) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has one
        self._task = task
        self._before = task.cancelling()
        self._alarm = watcher.call_at(task.get_loop().time() + timeout, _Deadline._strike, self)
        self.struck = ""

    def _strike(self) -> None:
        self.struck = "the time is up"
        self._task.cancel()

    def cancelled_by_others(self) -> bool:
        return self._task.cancelling() - bool(self.struck) > self._before

    def lift(self) -> None:
        """It no longer strikes; if it has, the task is as if it had never been cancelled."""
        cancel(self._alarm)
        if self.struck:
            self._task.uncancel()


def _bug(kind: AnyKind, what: str) -> str:
    log.debug("bug in check kind %s", kind.name, exc_info=True)
    return " ".join(f"bug in check kind {kind.name}: {what}".split())
