"""What two directors disagree about for longer than can be explained: in their verdicts, and in who is active."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from lvsctl.decide.health import JITTER, worst_detection
from lvsctl.events import BothActive, Event, OneActive, OpinionsAgree, OpinionsDiffer
from lvsctl.model import Disagreement, PairSpec, Server, Spec

HEARD_LATE = 2
"""Intervals between questions, at most, by which the peer's answer may be older than what is seen here."""

ADVERTS = 4
"""A backup waits for 3 intervals between adverts and the skew, which is less than one more (RFC 9568, section 6.1)."""

BY_HAND = 10.0
"""Seconds that a takeover may last where lvsctl does not do it itself."""


@dataclass(frozen=True, slots=True)
class Differing:
    """Which differences there are.

    found: all of them. since: when each began. told: those that have been told of; began: when the first of these did.
    due: when the next one is to be told of if it lasts.
    """

    found: Sequence[Disagreement] = ()
    since: Mapping[Disagreement, float] = field(default_factory=dict)
    told: frozenset[Disagreement] = frozenset()
    began: float = 0.0
    due: float = inf


def differ(
    before: Differing, found: Sequence[Disagreement], now: float, *, explained: Callable[[Disagreement], float]
) -> tuple[Differing, tuple[Event, ...]]:
    """What is so now, and what there is to tell. explained: for how many seconds one may last and mean nothing.

    Where a director is cut off there are thousands of differences, look after look: the same ones are not gone through.
    """
    if found is before.found and now <= before.due:
        return before, ()
    since = {one: before.since.get(one, now) for one in found}
    due = {one: at + explained(one) for one, at in since.items() if one not in before.told}
    told = frozenset(one for one in found if due.get(one, -inf) < now)
    following = min((at for at in due.values() if at >= now), default=inf)
    if not told:
        return Differing(found, since, due=following), (OpinionsAgree(now - before.began),) if before.told else ()
    began = before.began if before.told else min(since[one] for one in told)
    news = not told <= before.told
    what = tuple(str(one) for one in found if one in told)
    return Differing(found, since, told, began, following), (OpinionsDiffer(what),) if news else ()


def explained_by(spec: Spec, server: Server, interval: float) -> float:
    """Seconds for which one director may see a server up and the other down, as both come to see it by and by.

    interval: seconds between two questions to the peer.
    """
    return HEARD_LATE * interval + max(_slowest(spec, server), default=0.0)


def _slowest(spec: Spec, server: Server) -> Iterable[float]:
    for check in (spec.checks[one] for one in server.checks):
        asked = spec.questions[check.question]
        yield worst_detection(check, asked)
        pause = max(asked.down_interval, asked.fast_interval) * (1 + JITTER)
        yield check.rise * (pause + asked.timeout)


@dataclass(frozen=True, slots=True)
class Actives:
    """For which instances both directors are active. since: when each began. told: those that have been told of."""

    since: Mapping[str, float] = field(default_factory=dict)
    told: frozenset[str] = frozenset()


def actives(
    before: Actives, both: Iterable[str], now: float, *, explained: Callable[[str], float]
) -> tuple[Actives, tuple[Event, ...]]:
    """What is so now, and what there is to tell. both: the instances for which both say that they are active."""
    since = {name: before.since.get(name, now) for name in both}
    told = frozenset(name for name, at in since.items() if name in before.told or now - at > explained(name))
    over = [OneActive(name, now - before.since[name]) for name in sorted(before.told - told)]
    return Actives(since, told), (*over, *(BothActive(name) for name in sorted(told - before.told)))


def takeover(pair: PairSpec, name: str, interval: float) -> float:
    """Seconds for which both may say that they are active for this instance while one takes over from the other."""
    lasts = {one.name: ADVERTS * one.interval for one in pair.instances}
    return HEARD_LATE * interval + lasts.get(name, BY_HAND)
