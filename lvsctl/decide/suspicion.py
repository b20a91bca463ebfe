"""Whether this director rather than the servers is to be suspected: what is remembered of that from round to round.

It is when more than a set share of all servers that were up begin to fail within one window, in several unrelated
services, and a first one is down - unless a canary answered while most of them failed already: then it is them. Those
that fail but are not down yet count too, else half of everything would be gone before the rest could tell.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from math import inf

from lvsctl.decide.failures import MIN_WINDOW, Failures, failures_of, recovery_time, unrelated_services, windows
from lvsctl.decide.health import NEVER
from lvsctl.events import DirectorTrusted
from lvsctl.model import CheckId, Health, Limits, RealKey, Spec


@dataclass(frozen=True, slots=True)
class Suspicion:
    """since, until: when it began, and when it ends by itself at the latest. began: when the first of the failures did.

    relief: once so few still fail that nobody would be suspected, when it ends if that lasts: until then those that
    come back a little later than the others stay.
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
    trust: Trust, spec: Spec, health: Mapping[CheckId, Health], answered: Mapping[CheckId, float], now: float
) -> tuple[Trust, DirectorTrusted | None]:
    """The trust after one more look, and what is to be told if a suspicion ended with it.

    answered: when each canary passed last.
    """
    if trust == TRUSTED and not any(belief.answered and not belief.up for belief in health.values()):
        return trust, None  # nearly always, and there may be ten thousand servers
    found = failures_of(spec, health)
    excused = trust.excused & found.began.keys()
    suspicion = trust.suspicion
    if suspicion is None:
        counted = {server: at for server, at in found.began.items() if server not in excused}
        failures = Failures(found.well, counted, found.down)
        return Trust(_suspicion(failures, spec, health, answered, now), excused), None
    still = frozenset(key for key, at in found.began.items() if at >= suspicion.began and key not in excused)
    suspicion = _relieved(suspicion, found, still, spec, health, now=now)
    why = _end(suspicion, found, still, spec, answered, now=now)
    if why is None:
        return Trust(suspicion, excused), None
    return Trust(None, frozenset(found.began)), DirectorTrusted(why, now - suspicion.since)


def canaries_seen(
    suspicion: Suspicion, spec: Spec, health: Mapping[CheckId, Health], answered: Mapping[CheckId, float]
) -> Iterator[str]:
    """What the canaries say: `canary tcp 192.0.2.254:22 fails: L4TOUT no connection within 1 s`."""
    for canary in spec.guard.canaries:
        last = health.get(canary, NEVER).last
        if answered.get(canary, 0.0) >= suspicion.since:
            says = "answers"
        elif health.get(canary, NEVER).failing >= suspicion.began - MIN_WINDOW and last is not None:
            says = f"fails: {last.code} {last.detail}"
        else:
            says = "has not answered since"
        yield f"canary {named(canary, spec)} {says}"


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
    window, memory = windows(spec, health)
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
        if services >= limits.services and fresh and not _answering(limits, answered, times[first + most - 1]):
            why = f"{end - first} of {were_up} servers of {services} unrelated services failed within {window:g} s"
            return Suspicion(why, times[first], now, now + limits.hold)
        first = end
    return None


def _relieved(
    suspicion: Suspicion,
    found: Failures,
    still: AbstractSet[RealKey],
    spec: Spec,
    health: Mapping[CheckId, Health],
    *,
    now: float,
) -> Suspicion:
    """With a moment of relief if most are back, and without if most still fail, or do again."""
    if len(still) >= spec.guard.share.beyond(len(found.well) + len(still)):
        return replace(suspicion, relief=inf)
    return suspicion if suspicion.relief < inf else replace(suspicion, relief=now + recovery_time(spec, health))


def _end(
    suspicion: Suspicion,
    found: Failures,
    still: AbstractSet[RealKey],
    spec: Spec,
    answered: Mapping[CheckId, float],
    *,
    now: float,
) -> str | None:
    """Why the suspicion is over, or None: the servers are back, a canary answers, or the time is over."""
    if not still or now >= suspicion.relief:
        return f"the servers are back: {len(found.well)} of {len(found.well) + len(still)} pass their checks"
    canary = _answering(spec.guard, answered, suspicion.since)
    if canary is not None:
        return f"canary {named(canary, spec)} answers"
    if now >= suspicion.until:
        return f"the time is over: {suspicion.until - suspicion.since:g} s"
    return None


def _answering(limits: Limits, answered: Mapping[CheckId, float], since: float) -> CheckId | None:
    """A canary that has answered after `since`."""
    return next((canary for canary in limits.canaries if answered.get(canary, 0.0) > since), None)
