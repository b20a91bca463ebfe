"""What fails at this moment: which servers, since when, in how many unrelated services, and how fast that is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from lvsctl.decide.health import JITTER, NEVER, Standing, standing, worst_detection
from lvsctl.decide.overrides import NO_ORDERS, Orders, gets_nothing
from lvsctl.model import Address, Check, CheckId, Health, Question, RealKey, Server, Service, Spec

MIN_WINDOW = 5.0
"""Seconds within which failures count as one, at least."""

MEMORY = 60.0
"""Seconds, at least, for which failures that count as one may still become a suspicion; later they are history."""

NEIGHBOURS = 5.0
"""Seconds within which the MAC address of who is there is found. The kernel asks up to three times, a second apart
(mcast_solicit and retrans_time_ms of net/ipv4/neigh), and gives each check that waits for it up meanwhile."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The checked servers that are well; when each of the others began to fail; which of these are down.

    presumed: those of the well that have not answered yet, after a start or to what a reload asks of them.
    """

    well: frozenset[RealKey]
    began: Mapping[RealKey, float]
    down: frozenset[RealKey]
    presumed: frozenset[RealKey] = frozenset()


def failures_of(spec: Spec, health: Mapping[CheckId, Health], orders: Orders = NO_ORDERS) -> Failures:
    """A server counts where it does best, if it is in several services. One that was never up did not go down.

    One that gets no connections anyway is neither well nor does it fail: who drains a rack switches it off next. One
    that was down, and has not answered yet to what a reload asks of it, still fails, but is no news.
    """
    well: set[RealKey] = set()
    heard: set[RealKey] = set()
    doubted: dict[RealKey, float] = {}
    down: dict[RealKey, float] = {}
    for server in _counted(spec, orders):
        state = standing(server.checks, health)
        if state is Standing.DOWN:
            fell = failing_since(server, health)
            if fell:
                down[server.key] = fell
            continue
        wavered = _began(server, health, up=state is not Standing.UNPROVEN)
        if wavered:
            doubted[server.key] = wavered
        elif state is not Standing.UNPROVEN:
            well.add(server.key)
            if state is Standing.UP:
                heard.add(server.key)
    fallen = down.keys() - doubted.keys() - well
    began = {key: at for key, at in {**down, **doubted}.items() if key not in well}
    return Failures(frozenset(well), began, frozenset(fallen), presumed=frozenset(well - heard))


def newly_down(spec: Spec, health: Mapping[CheckId, Health], now: float) -> bool:
    """Whether a check is down whose failing is no history yet."""
    return any(
        _is_news(belief, check := spec.checks[key], spec.questions[check.question], now)
        for key, belief in health.items()
        if belief.answered and not belief.up
    )


def _is_news(belief: Health, check: Check, question: Question, now: float) -> bool:
    return now - belief.failing < max(MEMORY, worst_detection(check, question))


def _counted(spec: Spec, orders: Orders) -> Iterator[Server]:
    steered = {key for key, _ in orders}
    for service in spec.services.values():
        here = orders if service.key in steered else NO_ORDERS
        for pool in service.pools:
            for server in pool.servers:
                order = here.get((service.key, server.key)) if here else None
                if server.checks and not gets_nothing(server, order):
                    yield server


def failing_since(server: Server, health: Mapping[CheckId, Health]) -> float:
    """When the first of the server's checks that are down began to fail; 0 if none is, or if it never was up."""
    return _began(server, health, up=False)


def _began(server: Server, health: Mapping[CheckId, Health], *, up: bool) -> float:
    """When the first of the server's checks that are down, or up and in doubt, began to fail; 0 if there is none."""
    beliefs = (health.get(check, NEVER) for check in server.checks)
    concerned = (belief for belief in beliefs if belief.up is up and (belief.streak or not up))
    return min((belief.failing for belief in concerned if belief.failing), default=0.0)


def windows(spec: Spec, health: Mapping[CheckId, Health], now: float) -> tuple[float, float]:
    """Seconds within which the checks that fail would all have met with a death of the same instant; and MEMORY.

    What has failed for longer than that, such as a server that is gone for good, is no measure for it.
    """
    failing = [(check, spec.questions[check.question]) for check in _failing(spec, health)]
    news = [(check, asked) for check, asked in failing if _is_news(health.get(check.id, NEVER), check, asked, now)]
    window = max((asked.interval * (1 + JITTER) + asked.timeout for _, asked in news), default=0.0)
    slowest = max((worst_detection(check, asked) for check, asked in news), default=0.0)
    return max(MIN_WINDOW, window), max(MEMORY, slowest)


def recovery_time(spec: Spec, health: Mapping[CheckId, Health]) -> float:
    """Seconds within which the checks that fail would bring up what came back at the same instant as the others.

    After a cable was plugged in again, each server's MAC address has to be found anew first.
    """
    asked = [(check.rise, spec.questions[check.question]) for check in _failing(spec, health)]
    paces = (rise * (max(one.down_interval, one.fast_interval) * (1 + JITTER) + one.timeout) for rise, one in asked)
    return NEIGHBOURS + max(paces, default=0.0)


def _failing(spec: Spec, health: Mapping[CheckId, Health]) -> Sequence[Check]:
    canaries = frozenset(spec.guard.canaries)
    beliefs = ((check, health.get(check.id, NEVER)) for check in spec.checks.values() if check.id not in canaries)
    return [
        check for check, belief in beliefs if belief.streak or (not belief.up and (belief.answered or belief.failing))
    ]


def unrelated_services(spec: Spec, failing: AbstractSet[RealKey]) -> int:
    """How many groups of services have such a server and share no real server's address with one another."""
    return len(circles(service for service in spec.services.values() if not failing.isdisjoint(_keys(service))))


def circles(services: Iterable[Service]) -> list[list[Service]]:
    """Those that share a real server's address, with one another or by way of others of them, are together."""
    found = list(services)
    parents = list(range(len(found)))
    seen: dict[Address, int] = {}
    for index, service in enumerate(found):
        for address in {key.address for key in _keys(service)}:
            parents[_root(parents, seen.setdefault(address, index))] = _root(parents, index)
    together: dict[int, list[Service]] = {}
    for index, service in enumerate(found):
        together.setdefault(_root(parents, index), []).append(service)
    return list(together.values())


def _keys(service: Service) -> list[RealKey]:
    return [server.key for pool in service.pools for server in pool.servers]


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]  # the way is half as long next time
        index = parents[index]
    return index
