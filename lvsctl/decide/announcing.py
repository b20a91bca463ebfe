"""Which announcements are due now: bursts after a takeover, a repetition, refreshments, none of them too fast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lvsctl.model import Announcing

REPEATED: Final = 1


@dataclass(frozen=True, slots=True)
class Campaign:
    """What goes on since a takeover. due: when the next frames are, None: no more are to come.

    burst: 0 is the first, REPEATED its repetition, more are refreshments. sent: frames of it so far. began: when it, or
    the one before it, began.
    """

    due: float | None
    began: float
    burst: int = 0
    sent: int = 0


def campaign(now: float) -> Campaign:
    """Begins at once."""
    return Campaign(due=now, began=now)


def announce(state: Campaign, plan: Announcing, addresses: int, now: float) -> tuple[Campaign, tuple[int, ...]]:
    """The numbers, from 0 to `addresses` - 1, of those to announce now, which may be none; and what goes on after that.

    What is late is not made up for: time that was missed (a loop held up, a machine that slept) puts off what follows,
    and never makes two bursts of it.
    """
    if state.due is None or now < state.due:
        return state, ()
    if addresses == 0:
        return replace(state, due=None), ()
    whole = addresses * (plan.refresh_count if state.burst > REPEATED else plan.count)
    began = now if state.sent == 0 else state.began
    until = min(state.sent + plan.at_once, whole)
    due = tuple(number % addresses for number in range(state.sent, until))
    if until < whole:
        return Campaign(now + plan.pause, began, state.burst, until), due
    return _after_burst(state.burst, began, plan, now), due


def _after_burst(burst: int, began: float, plan: Announcing, now: float) -> Campaign:
    """Of `burst`, which began at `began`: 0 is the first, 1 its repetition, the others are refreshments."""
    repeated = burst == 0 and plan.repeat_after > 0
    wait = plan.repeat_after if repeated else plan.refresh
    due = max(began + wait, now + plan.pause) if wait else None
    return Campaign(due, began, burst + 1 if repeated else max(burst + 1, REPEATED + 1))
