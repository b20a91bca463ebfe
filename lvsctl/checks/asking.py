"""Ask one question with a deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import closing
from time import perf_counter
from typing import Any

from lvsctl.checkapi import AnyKind, Ask, CannotAsk
from lvsctl.checks.watcher import Alarm, Watcher, cancel
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
    memory: dict[str, Any] | None = None,
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
            return await ask(kind, question_target, params, timeout, trace=trace, memory=memory, watcher=own)
    asked: Ask[Any] = Ask(question_target, params, watch=watcher.watch, trace=trace, memory=memory)
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
        problem = "" if deadline.struck else _bug(kind, "it cancelled itself")
    except (Exception, SystemExit) as error:  # a kind's library may call sys.exit
        problem = "" if deadline.struck else _bug(kind, f"{type(error).__name__}: {error}")
    finally:
        deadline.lift()
    if deadline.deprived:
        problem = f"this process was held up for {deadline.deprived:.1f} s, longer than the answer may take"
        return Outcome(_UNKNOWN, "ASKERR", problem, perf_counter() - asked.started)
    if deadline.struck:
        code = asked.timeout_code
        return asked.failed(code, f"{_LATE.get(code, 'no answer')} within {timeout:g} s")
    if isinstance(outcome, Outcome):
        return outcome
    problem = problem or _bug(kind, f"it returned {type(outcome).__name__}, not an Outcome")
    return Outcome(_UNKNOWN, "ASKERR", problem, perf_counter() - asked.started)


class _Deadline:
    """Cancels the task that it was made in; asyncio.timeout, but with a Watcher's alarm and a third of the cost.

    If this process was held up meanwhile (a long round, a paused virtual machine), the answer may be waiting in the
    socket. So the task is first given as much time as it was deprived of, once, and never more than `timeout`. If the
    process is held up in that time too, for longer than all of it, there was no asking (`deprived`, in seconds).
    A task that goes on in spite of being cancelled, or waits in its `finally`, is cancelled again after `timeout`.
    """

    __slots__ = ("_alarm", "_before", "_grace", "_task", "_timeout", "_watcher", "deprived", "struck")

    def __init__(self, timeout: float, watcher: Watcher) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has one
        self._task = task
        self._before = task.cancelling()
        self._timeout = timeout
        self._watcher = watcher
        self._alarm = self._after(timeout, _Deadline._reached)
        self._grace = 0.0
        self.struck = 0
        self.deprived = 0.0

    def _reached(self) -> None:
        self._grace = min(self._watcher.late, self._timeout)
        self._alarm = self._after(self._grace, _Deadline._strike)

    def _strike(self) -> None:
        if not self.struck and self._grace >= self._timeout <= self._watcher.late:
            self.deprived = self._watcher.late
        self.struck += 1
        self._task.cancel()
        self._alarm = self._after(self._timeout, _Deadline._strike)

    def _after(self, seconds: float, call: Callable[[_Deadline], None]) -> Alarm:
        return self._watcher.call_at(self._task.get_loop().time() + seconds, call, self)

    def cancelled_by_others(self) -> bool:
        return self._task.cancelling() - self.struck > self._before

    def lift(self) -> None:
        """It no longer strikes; if it has, the task is as if it had never been cancelled."""
        cancel(self._alarm)
        for _ in range(self.struck):
            self._task.uncancel()


def _bug(kind: AnyKind, what: str) -> str:
    log.debug("bug in check kind %s", kind.name, exc_info=True)
    return " ".join(f"bug in check kind {kind.name}: {what}".split())
