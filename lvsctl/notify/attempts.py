"""One attempt after the other: none of them raises, and the pauses between them grow."""

from __future__ import annotations

import random
import traceback
from pathlib import Path

from tenacity import RetryCallState, wait_exponential_jitter

from lvsctl.notify.outcome import Later, Outcome
from lvsctl.notify.senders import Attempt

FIRST_PAUSE = 1.0
"""Seconds from the first attempt to the second, and up to `JITTER` more; then twice as long each time."""

JITTER = 1.0

LONGEST_PAUSE = 300.0
"""Seconds from one attempt to the next, at most, unless the receiver asks for more."""


async def guarded(attempt: Attempt) -> Outcome:
    """A mistake of ours with one part must not keep the worker from the rest."""
    try:
        return await attempt()
    except Exception as error:
        return mistake(error)


async def failed(outcome: Outcome) -> Outcome:
    """The attempt at what could not even be written."""
    return outcome


def mistake(error: Exception) -> Later:
    """It says where the error was raised; not its text, in which anything may stand."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return Later(f"it cannot be told: {type(error).__name__} in {place}")


def pause(state: RetryCallState, longest: float = LONGEST_PAUSE) -> float:
    """Seconds until the next attempt: longer and longer, and never less than the receiver asks for."""
    growing = wait_exponential_jitter(multiplier=FIRST_PAUSE, max=longest, jitter=JITTER)(state)
    outcome = state.outcome.result() if state.outcome is not None else None
    if isinstance(outcome, Later) and outcome.after is not None:
        return max(growing, outcome.after + random.uniform(0.0, JITTER))  # noqa: S311 - not for secrets
    return growing
