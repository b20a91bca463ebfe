"""Whether others fail, too: they are asked out of turn before checks take a server out.

A director that has lost its link finds one server dead after the other, as each is asked in its turn: those that are
asked more often, or judged by fewer fails, would be gone before enough others could tell (decide/suspicion.py). So
when a check goes down, a few servers of unrelated services are witnesses: if half of them have answered since it began
to fail, or do so now, it is the server, and it goes - at once, or as soon as they have answered. If more than half of
them fail, too, everybody is asked, and nobody goes until half of those answer, this director suspects itself, or the
time is over.

So nobody goes before the suspicion when all fail at once, however soon a check is down (`fall: 1`). That is not so for
those alone that begin to fail, and go down, within a moment after an earlier inquiry (APART), and where all answers
together take longer than anybody waits (LONGEST); these are brought back (decide/reprieve.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import compress, islice, zip_longest
from operator import not_
from typing import TypeAlias

from lvsctl.decide.failures import circles, failing_since
from lvsctl.decide.health import NEVER
from lvsctl.decide.plan import subject_of, takes
from lvsctl.decide.reprieve import KEPT
from lvsctl.model import (
    CheckId,
    Health,
    Outcome,
    Plan,
    QuestionId,
    RealKey,
    ServiceKey,
    Spec,
    Step,
    Verdict,
)

WITNESSES = 8
"""Of unrelated services as many as there are, then further servers of each."""

JURY = 200
"""Of everybody so many are counted; to remember who of ten thousand has answered would be slow."""

APART = 0.2
"""Seconds between two inquiries: a thousand servers that really die together do not have the same few asked a thousand
times. Who alone begins to fail in that time, and goes down in it, is not asked about."""

LONGEST = 10.0
"""Seconds that a server waits at most, however long the others may take to answer."""

SPREAD = 1.0
"""Seconds in which everybody is asked (checks/runner.py)."""

WAITS = f"{KEPT}: servers of other services are asked first whether they fail, too"
"""Why somebody is still there. It is shown and no event: mostly they have answered a moment later."""

Circle: TypeAlias = tuple[CheckId, ...]
"""The checks of the servers of services that share real servers; no check is in two."""

Passes: TypeAlias = Mapping[QuestionId, float]
"""When each question was asked last of those times that it passed."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """at: when it was made. after, since: failures that began after the one are what it is about, and once it is over
    those that began before the other need no further one. until: nobody waits longer.

    passed, failed: those witnesses that have answered; canaries are witnesses one pass of which is enough. wide: most
    of the first few failed, and everybody is asked.
    """

    at: float
    after: float
    since: float
    until: float
    witnesses: frozenset[QuestionId]
    canaries: frozenset[QuestionId] = frozenset()
    passed: frozenset[QuestionId] = frozenset()
    failed: frozenset[QuestionId] = frozenset()
    wide: bool = False

    @property
    def over(self) -> bool:
        """Whether the others answer."""
        return 2 * len(self.passed & self.witnesses) >= len(self.witnesses) or not self.passed.isdisjoint(self.canaries)

    @property
    def grave(self) -> bool:
        """Whether most of them do not."""
        return 2 * len(self.failed) > len(self.witnesses)

    def is_open(self, now: float) -> bool:
        return now < self.until and not self.over


def circles_of(spec: Spec) -> tuple[Circle, ...]:
    """Coarser than what a suspicion counts: what nobody fails in may relate services as well."""
    found = []
    for services in circles(spec.services.values()):
        servers = (server for service in services for pool in service.pools for server in pool.servers)
        found.append(tuple(dict.fromkeys(check for server in servers for check in server.checks)))
    return tuple(circle for circle in found if circle)


def inquire(
    last: Inquiry | None,
    spec: Spec,
    of: Sequence[Circle],
    health: Mapping[CheckId, Health],
    fell: CheckId,
    *,
    passes: Passes,
    now: float,
) -> Inquiry | None:
    """What is to be asked because `fell` went down; None where nothing is, or so few services that none could tell.

    last: the one before. of: the circles of `spec`. now: on the clock of `health`, seconds, as all times.
    """
    began = health[fell].failing
    if last is not None and (last.is_open(now) or began <= last.since or now < last.at + APART):
        return None
    others = [up for circle in of if fell not in circle and (up := _witnesses(circle, spec, health, WITNESSES))]
    if len(others) + 1 < spec.guard.services:
        return None
    witnesses = frozenset(_in_turn(others, WITNESSES))
    canaries = frozenset(spec.checks[canary].question for canary in spec.guard.canaries)
    answer = frozenset(question for question in witnesses | canaries if passes.get(question, 0.0) > began)
    after = last.since if last is not None else 0.0
    found = Inquiry(now, after, began, now + _patience(spec), witnesses, canaries, answer)
    return found if found.over else replace(found, since=now, passed=frozenset())


def answered(inquiry: Inquiry, question: QuestionId, outcome: Outcome, now: float) -> Inquiry:
    """With one more answer. The first of each counts, but no pass of who was asked before."""
    if question not in inquiry.witnesses and question not in inquiry.canaries:
        return inquiry
    if question in inquiry.passed or question in inquiry.failed:
        return inquiry
    if outcome.verdict is Verdict.PASS:
        since = now - outcome.latency >= inquiry.since
        return replace(inquiry, passed=inquiry.passed | {question}) if since else inquiry
    if question not in inquiry.witnesses:
        return inquiry
    return replace(inquiry, failed=inquiry.failed | {question})  # also who cannot be asked: he is no help


def widened(inquiry: Inquiry, spec: Spec, of: Sequence[Circle], health: Mapping[CheckId, Health]) -> Inquiry:
    """Once it is grave: of all that are up a good number are witnesses, too, also of the service that it began with."""
    more = _in_turn([_witnesses(circle, spec, health, JURY) for circle in of], JURY)
    return replace(inquiry, witnesses=inquiry.witnesses.union(more), wide=True)


def everybody(inquiry: Inquiry, spec: Spec, health: Mapping[CheckId, Health]) -> Iterator[QuestionId]:
    """Whom to ask then: all that are up and have not just been asked, so that a suspicion need not wait for them."""
    asked = inquiry.passed | inquiry.failed
    up = (check.question for check in spec.checks.values() if health.get(check.id, NEVER).up)
    return (question for question in dict.fromkeys(up) if question not in asked)


def awaited(
    inquiry: Inquiry | None,
    spec: Spec,
    health: Mapping[CheckId, Health],
    by_health: AbstractSet[tuple[ServiceKey, RealKey]],
    now: float,
) -> frozenset[tuple[ServiceKey, RealKey]]:
    """Who is not to go yet. by_health: whom checks alone keep from having connections (Desired)."""
    if inquiry is None or not by_health or not inquiry.is_open(now):
        return frozenset()
    return frozenset(
        (service.key, server.key)
        for service in spec.services.values()
        for pool in service.pools
        for server in pool.servers
        if (service.key, server.key) in by_health and failing_since(server, health) > inquiry.after
    )


def put_off(plan: Plan, waiting: AbstractSet[tuple[ServiceKey, RealKey]]) -> tuple[Plan, tuple[Step, ...]]:
    """The plan as far as it takes away nothing of those who wait, and the rest of it."""
    if not waiting:
        return plan, ()
    late = [takes(step.op) and subject_of(step) in waiting for step in plan]
    return tuple(compress(plan, map(not_, late))), tuple(compress(plan, late))


def _in_turn(circles: Iterable[Sequence[QuestionId]], most: int) -> Iterator[QuestionId]:
    """The first of each, then the second of each."""
    everyone = (question for row in zip_longest(*circles) for question in row if question is not None)
    return islice(dict.fromkeys(everyone), most)


def _witnesses(circle: Circle, spec: Spec, health: Mapping[CheckId, Health], most: int) -> list[QuestionId]:
    """Whoever is up, first those that nothing speaks against; of ten thousand only a few are looked at."""
    well: list[QuestionId] = []
    doubtful: list[QuestionId] = []
    for check in circle:
        belief = health.get(check, NEVER)
        if belief.up:
            (doubtful if belief.streak else well).append(spec.checks[check].question)
            if len(well) == most:
                break
    return [*well, *doubtful][:most]


def _patience(spec: Spec) -> float:
    """Seconds in which the witnesses have answered or not, and everybody after them."""
    slowest = max((question.timeout for question in spec.questions.values()), default=0.0)
    return min(2 * slowest + 2 * SPREAD, LONGEST)
