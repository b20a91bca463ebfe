"""Who was active when, beside the faults that were in effect, and what of it the protocol does not allow. Pure.

A director *acts* while it has the virtual address, its program runs and its cable is plugged in. A kernel whose lvsctl
was killed, or stands still, keeps the address and answers for it: no program can take it off there, so that is not
counted as acting; how long it was so is told beside it.

Never two: both act only while they cannot hear each other, and until the next advert is heard after that. At least
one: while somebody is well, nobody acts for no longer than a takeover takes after the last thing that happened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from tests.directors.misfortune import Kind

Span = tuple[float, float]
"""From, to: seconds."""

_NOT_WELL: Final = (Kind.KILL, Kind.ORPHAN, Kind.FREEZE, Kind.UNPLUG)
_NOTHING: Final = (Kind.CLOCK, Kind.STUN)
_APART: Final = (Kind.PART, Kind.DEAFEN)


@dataclass(frozen=True, slots=True)
class Lasted:
    """A fault as it was: from before it was begun until after it was over. who: "" for both."""

    kind: Kind
    who: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Moved:
    """The virtual address came to a director, or went from it."""

    at: float
    who: str
    there: bool


@dataclass(frozen=True, slots=True)
class Said:
    """An advert on the wire."""

    at: float
    who: str
    priority: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds. interval: between adverts. takeover: the longest Active_Down_Interval. starting: until who was started
    takes part. slack: what a bound may be missed by, for what programs compute."""

    interval: float
    takeover: float
    starting: float
    slack: float


@dataclass(frozen=True, slots=True)
class History:
    """began, ended: between which it is judged. moved: from before `began` on."""

    began: float
    ended: float
    faults: Sequence[Lasted]
    moved: Sequence[Moved]
    said: Sequence[Said] = ()


@dataclass(slots=True)
class Verdict:
    """wrong: in words. The rest in seconds.

    two: both acted, in all. longest_two: beyond what excuses it, at most. longest_none: nobody acted, though somebody
    was well, at most. corpse: the kernel of one that was dead, or stood still, had the address, too, in all.
    """

    wrong: list[str] = field(default_factory=list)
    two: float = 0.0
    longest_two: float = 0.0
    longest_none: float = 0.0
    corpse: float = 0.0


def judge(history: History, bounds: Bounds) -> Verdict:
    """All of it."""
    found = Verdict()
    _never_two(history, bounds, found)
    _always_one(history, bounds, found)
    _never_two_voices(history, bounds, found)
    _orphans_give_up(history, bounds, found)
    holds = _in_order(history, lambda at: sum(_holds(history, who, at) for who in "ab") > 1)
    acts = _in_order(history, lambda at: all(_acts(history, who, at) for who in "ab"))
    found.two = _length(acts)
    found.corpse = _length(holds) - found.two
    return found


def _never_two(history: History, bounds: Bounds, found: Verdict) -> None:
    """After a thaw it takes an advert, too: who slept may have missed that the other is active."""
    excuses = [_later(fault, bounds.interval) for fault in history.faults if fault.kind in _APART]
    excuses += [(fault.ended, fault.ended) for fault in history.faults if fault.kind in _NOT_WELL]
    for span in _in_order(history, lambda at: all(_acts(history, who, at) for who in "ab")):
        for start, end in _without(span, [(one, other + bounds.slack) for one, other in excuses]):
            found.longest_two = max(found.longest_two, end - start)
            if end - start > bounds.slack:
                found.wrong.append(_words(history, "two acted", start, end))


def _always_one(history: History, bounds: Bounds, found: Verdict) -> None:
    """Who was just started is not asked for anything until it takes part."""
    begun = [(fault.who, fault.ended, fault.ended + bounds.starting) for fault in history.faults if _begins(fault)]

    def able(who: str, at: float) -> bool:
        return _well(history, who, at) and not any(one == who and start <= at < end for one, start, end in begun)

    def forsaken(at: float) -> bool:
        return not any(_acts(history, who, at) for who in "ab") and any(able(who, at) for who in "ab")

    happened = [at for one in history.faults if one.kind not in _NOTHING for at in (one.began, one.ended)]
    happened += [end for _, _, end in begun]
    excuses = [(at, at + bounds.takeover + bounds.slack) for at in happened]
    for span in _in_order(history, forsaken, happened):
        found.longest_none = max(found.longest_none, span[1] - span[0])
        for start, end in _without(span, excuses):
            found.wrong.append(_words(history, "nobody acted", start, end))


def _never_two_voices(history: History, bounds: Bounds, found: Verdict) -> None:
    """One says it is active, then the other, then the first again, without having waited for a takeover."""
    excuses = [_later(fault, bounds.interval + bounds.slack) for fault in history.faults if fault.kind in _APART]
    excuses += [(fault.ended, fault.ended + bounds.slack) for fault in history.faults if fault.kind in _NOT_WELL]
    for one, two, three in zip(history.said, history.said[1:], history.said[2:], strict=False):
        again = one.who == three.who != two.who and three.at - one.at < 2 * bounds.interval
        if again and one.priority and two.priority and not any(start <= two.at <= end for start, end in excuses):
            found.wrong.append(_words(history, "two spoke", one.at, three.at))


def _orphans_give_up(history: History, bounds: Bounds, found: Verdict) -> None:
    """Whose daemon is gone has no business with the address."""
    for fault in history.faults:
        soon = fault.began + bounds.slack
        if fault.kind is Kind.ORPHAN and soon < fault.ended and _holds(history, fault.who, soon):
            found.wrong.append(_words(history, "an orphan had the address", fault.began, soon))


def _begins(fault: Lasted) -> bool:
    return fault.kind in (Kind.KILL, Kind.ORPHAN)


# --- what was, at a moment --------------------------------------------------------------------------------------------


def _holds(history: History, who: str, at: float) -> bool:
    last = [moved.there for moved in history.moved if moved.who == who and moved.at <= at]
    return bool(last) and last[-1]


def _well(history: History, who: str, at: float) -> bool:
    return not any(one.who == who and one.kind in _NOT_WELL and one.began <= at < one.ended for one in history.faults)


def _acts(history: History, who: str, at: float) -> bool:
    return _holds(history, who, at) and _well(history, who, at)


# --- spans of time ----------------------------------------------------------------------------------------------------


def _in_order(history: History, holds: Callable[[float], bool], more: Iterable[float] = ()) -> Iterator[Span]:
    """The longest spans in which it holds. more: when it may change, beside whatever happens."""
    changes = {moved.at for moved in history.moved} | {at for one in history.faults for at in (one.began, one.ended)}
    inner = {at for at in changes.union(more) if history.began < at < history.ended}
    start: float | None = None
    for at, _ in pairwise([history.began, *sorted(inner), history.ended]):
        if holds(at):
            start = at if start is None else start
        elif start is not None:
            yield start, at
            start = None
    if start is not None:
        yield start, history.ended


def _later(fault: Lasted, after: float) -> Span:
    return fault.began, fault.ended + after


def _without(span: Span, others: Iterable[Span]) -> Iterator[Span]:
    """What is left of it."""
    start, end = span
    for left, right in [*sorted(others), (math.inf, math.inf)]:
        if left > start and min(left, end) > start:
            yield start, min(left, end)
        start = max(start, right)
        if start >= end:
            return


def _length(spans: Iterable[Span]) -> float:
    return sum(end - start for start, end in spans)


def _words(history: History, what: str, start: float, end: float) -> str:
    """With what had happened before."""
    before = [one for one in history.faults if one.began <= end][-4:]
    told = ", ".join(
        f"{one.kind} {one.who} {one.began - history.began:.3f} to {one.ended - history.began:.3f}" for one in before
    )
    return f"{what} from {start - history.began:.3f} to {end - history.began:.3f} after {told or 'nothing'}"
