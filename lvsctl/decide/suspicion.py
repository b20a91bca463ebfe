"""Whether this director rather than the servers is to be suspected: what is remembered of that from round to round.

It is when more than a set share of all servers that were up begin to fail within one window, in several unrelated
services, and a first one is down - unless a canary answered while most of them failed already: then it is them. Those
that fail but are not down yet count too; before one goes that is down the others are asked (decide/inquiry.py), else
half of everything would be gone before the rest could tell; and who is gone before anybody could is brought back
(decide/reprieve.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from math import inf

from lvsctl.decide.failures import (
    MIN_WINDOW,
    Failures,
    failures_of,
    newly_down,
    recovery_time,
    unrelated_services,
    windows,
)
from lvsctl.decide.health import NEVER
from lvsctl.decide.overrides import NO_ORDERS, Orders
from lvsctl.events import DirectorTrusted
from lvsctl.model import CheckId, Health, Limits, Outcome, RealKey, Spec, Verdict


@dataclass(frozen=True, slots=True)
class Suspicion:
    """since, until: when it began, and when it ends by itself at the latest.

    began: the earliest moment at which what made them fail can have happened, if it was one: a window before the last.

    relief: when it ends if what was heard lasts - that so few still fail that nobody would be suspected, or that a
    canary answers which had failed with them. Until then those stay that come back a little later.
    """

    why: str
    began: float
    since: float
    until: float
    relief: float = inf

    @property
    def ends(self) -> float:
        """When a look is due."""
        return min(self.until, self.relief)


@dataclass(frozen=True, slots=True)
class Trust:
    """What one round leaves to the next.

    excused: servers that failed when a suspicion ended. Until they have been well again they give rise to no other, and
    count as neither failing nor well.
    """

    suspicion: Suspicion | None = None
    excused: frozenset[RealKey] = frozenset()


TRUSTED = Trust()


def consider(
    trust: Trust,
    spec: Spec,
    health: Mapping[CheckId, Health],
    answered: Mapping[CheckId, float],
    now: float,
    *,
    orders: Orders = NO_ORDERS,
) -> tuple[Trust, DirectorTrusted | None]:
    """The trust after one more look, and what is to be told if a suspicion ended with it.

    answered: when each canary passed last. orders: those of operators that hold.
    """
    if trust == TRUSTED and not newly_down(spec, health, now):
        return trust, None  # nearly always, and there may be ten thousand servers
    found = failures_of(spec, health, orders)
    excused = trust.excused & found.began.keys()
    suspicion = trust.suspicion
    if suspicion is None:
        counted = {server: at for server, at in found.began.items() if server not in excused}
        failures = Failures(found.well, counted, found.down)
        return Trust(_suspicion(failures, spec, health, answered, now), excused), None
    suspicion, why = _ended(suspicion, found, excused, spec, health=health, answered=answered, now=now)
    if why is None:
        return Trust(suspicion, excused), None
    return Trust(None, frozenset(found.began)), DirectorTrusted(why, now - suspicion.since)


def canaries_seen(suspicion: Suspicion, spec: Spec, health: Mapping[CheckId, Health]) -> Iterator[str]:
    """What the canaries say: `canary tcp 192.0.2.254:22 fails: L4TOUT no connection within 1 s`."""
    for canary in spec.guard.canaries:
        belief = health.get(canary, NEVER)
        recent = _failed_with_them(belief, suspicion)
        yield f"canary {named(canary, spec)} {_says(belief.last, recent=recent)}"


def _says(last: Outcome | None, *, recent: bool) -> str:
    """recent: whether it began to fail with the others; one that failed before is no evidence."""
    if last is None or last.verdict is Verdict.PASS:
        return "has not answered since"
    what = f"{last.code} {last.detail}".rstrip()
    if last.verdict is Verdict.UNKNOWN:
        return f"cannot be asked: {what}"
    return f"fails: {what}" if recent else f"failed before that already: {what}"


def named(canary: CheckId, spec: Spec) -> str:
    """`tcp 192.0.2.254:22`."""
    question = spec.questions[spec.checks[canary].question]
    return f"{question.kind} {question.target}"


# --- how a suspicion begins, and how it ends ----------------------------------------------------------------------


def _suspicion(
    failures: Failures, spec: Spec, health: Mapping[CheckId, Health], answered: Mapping[CheckId, float], now: float
) -> Suspicion | None:
    limits = spec.guard
    order = sorted(failures.began, key=failures.began.__getitem__)
    times = [failures.began[server] for server in order]
    if failures.down.isdisjoint(order):
        return None
    window, memory = windows(spec, health, now)
    first = 0
    while first < len(order):
        end = bisect_right(times, times[first] + window)
        were_up = len(failures.well) + len(order) - first
        most = limits.share.beyond(were_up)
        if end - first < most:
            first += 1
            continue
        together = frozenset(order[first:end])
        services = unrelated_services(spec, together)
        fresh = now - times[first] < memory and not failures.down.isdisjoint(together)
        if services >= limits.services and fresh and not _answered(limits, answered, times[first + most - 1]):
            why = f"{end - first} of {were_up} servers of {services} unrelated services failed within {window:g} s"
            return Suspicion(why, times[end - 1] - window, now, now + limits.hold)
        first = end
    return None


def _ended(
    suspicion: Suspicion,
    found: Failures,
    excused: AbstractSet[RealKey],
    spec: Spec,
    *,
    health: Mapping[CheckId, Health],
    answered: Mapping[CheckId, float],
    now: float,
) -> tuple[Suspicion, str | None]:
    """The suspicion, and why it is over, None while it is not."""
    still = sum(at >= suspicion.began and server not in excused for server, at in found.began.items())
    still += len(found.presumed)
    back = len(found.well) - len(found.presumed)
    canaries = list(_passing(spec.guard.canaries, health, answered, suspicion.since))
    if still < spec.guard.share.beyond(back + still):
        why, at_once = f"the servers are back: {back} of {back + still} pass their checks", not still
    elif canaries:
        unaffected = [canary for canary in canaries if not _failed_with_them(health[canary], suspicion)]
        why, at_once = f"canary {named((unaffected or canaries)[0], spec)} answers", bool(unaffected)
    else:
        over = f"the time is over: {suspicion.until - suspicion.since:g} s" if now >= suspicion.until else None
        return replace(suspicion, relief=inf), over
    if suspicion.relief == inf:
        suspicion = replace(suspicion, relief=now + (0.0 if at_once else recovery_time(spec, health)))
    return suspicion, why if at_once or now >= suspicion.ends else None


def _failed_with_them(canary: Health, suspicion: Suspicion) -> bool:
    """Whether the canary began to fail about when the servers did, whatever it says now."""
    return canary.failing >= suspicion.began - MIN_WINDOW


def _passing(
    canaries: Iterable[CheckId], health: Mapping[CheckId, Health], answered: Mapping[CheckId, float], since: float
) -> Iterator[CheckId]:
    """The canaries that are up, passed the last time that they were asked, and have been asked after `since`."""
    for canary in canaries:
        belief = health.get(canary, NEVER)
        passed = belief.last is not None and belief.last.verdict is Verdict.PASS
        if belief.up and passed and answered.get(canary, 0.0) > since:
            yield canary


def _answered(limits: Limits, answered: Mapping[CheckId, float], since: float) -> bool:
    """Whether any canary has answered after `since`."""
    return any(answered.get(canary, 0.0) > since for canary in limits.canaries)
