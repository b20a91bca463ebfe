"""How much checks alone may take away at once: plan -> what is allowed, what is withheld, and why."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from lvsctl.decide.health import NEVER, Standing, standing, worst_detection
from lvsctl.decide.plan import takes, touches_live
from lvsctl.decide.table import after_all
from lvsctl.decide.why import Subject
from lvsctl.model import (
    Address,
    AddServer,
    CheckId,
    DeleteServer,
    EditServer,
    Health,
    Plan,
    RealKey,
    Server,
    ServiceKey,
    Spec,
    Step,
    Table,
)

HOLD = 60.0
"""Seconds, at least, for which a director that suspects itself takes no server away."""

SUSPECT_SERVICES = 3
"""Unrelated services that must fail together before the director suspects itself and not them."""

MIN_WINDOW = 5.0
"""Seconds within which failures count as one, at least."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """The steps that may be carried out, in order, and those that may not, each with the reason."""

    allowed: Plan
    withheld: tuple[tuple[Step, str], ...]


def guard(
    plan: Plan,
    spec: Spec,
    have: Table,
    health: Mapping[CheckId, Health],
    now: float,
    *,
    by_health: AbstractSet[tuple[ServiceKey, RealKey]],
) -> Guarded:
    """Withhold what would change too much at once.

    An empty Spec allows nothing. Of the live servers that checks alone would take away (`by_health`, see Desired),
    none goes while the director suspects itself, and none that its pool needs to keep its floor. What the
    configuration takes away is never withheld by either.
    """
    if not spec.services:
        return Guarded((), tuple((step, "the configuration has no services: nothing is changed") for step in plan))
    removals = frozenset(_subject(step) for step in plan if takes(step.op) and touches_live(step.op, have)) & by_health
    if not removals:
        return Guarded(plan, ())
    suspicion = _suspicion(spec, health, now)
    if suspicion:
        kept = dict.fromkeys(removals, suspicion)
    else:
        others = after_all(have, [step for step in plan if _subject(step) not in removals])
        kept = _kept_by_floors(spec, others, removals, health)
    return Guarded(
        tuple(step for step in plan if _subject(step) not in kept),
        tuple((step, kept[_subject(step)]) for step in plan if _subject(step) in kept),
    )


def _subject(step: Step) -> Subject:
    op = step.op
    return op.service, op.server if isinstance(op, AddServer | EditServer | DeleteServer) else None


def _kept_by_floors(
    spec: Spec, table: Table, removals: AbstractSet[Subject], health: Mapping[CheckId, Health]
) -> dict[Subject, str]:
    """The removals that would take a pool below its floor: of its dead servers the last to go down are kept.

    table: as it would be without the removals.
    """
    kept: dict[Subject, str] = {}
    for service in spec.services.values():
        for pool in service.pools:
            dying = [server for server in pool.servers if (service.key, server.key) in removals]
            if not (pool.floor and dying):
                continue
            present = table[service.key].servers
            live = sum(server.key in present and present[server.key].weight > 0 for server in pool.servers)
            dying.sort(key=lambda server: _down_since(server, health), reverse=True)
            short = pool.floor - (live - len(dying))
            why = f"down but kept: the floor of pool {pool.name} is {pool.floor}"
            kept.update({(service.key, server.key): why for server in dying[: max(short, 0)]})
    return kept


def _down_since(server: Server, health: Mapping[CheckId, Health]) -> float:
    """When the first of the server's checks that are down went down; 0 if none did."""
    beliefs = (health.get(check, NEVER) for check in server.checks)
    return min((belief.since for belief in beliefs if belief.answered and not belief.up), default=0.0)


def _suspicion(spec: Spec, health: Mapping[CheckId, Health], now: float) -> str | None:
    """Why this director rather than the servers is to be suspected, or None.

    It is when more than half of all checked servers that were up fail within one window, in at least
    SUSPECT_SERVICES unrelated services, and the first of them went down less than the hold ago. Those that fail but are
    not down yet count too: else half of everything would be gone before the rest could tell.
    """
    up, failing, fallen = _states(spec, health)
    window = _window(spec, health)
    hold = max(HOLD, window)  # or slow checks would go down when the hold for the first is over
    order = [*sorted(fallen, key=fallen.__getitem__), *failing]
    times = [fallen.get(server, now) for server in order]
    first = 0
    while first < len(fallen):
        end = bisect_right(times, times[first] + window)
        were_up = len(up) + len(order) - first
        if 2 * (end - first) <= were_up:
            first += 1
            continue
        services = _unrelated(spec, frozenset(order[first:end]))
        if services >= SUSPECT_SERVICES and now < times[first] + hold:
            return (
                f"{end - first} of {were_up} servers of {services} unrelated services failed within {window:g} s: "
                f"this director is suspected, and takes none away for {hold:g} s"
            )
        first = end
    return None


def _states(
    spec: Spec, health: Mapping[CheckId, Health]
) -> tuple[AbstractSet[RealKey], AbstractSet[RealKey], dict[RealKey, float]]:
    """The checked servers that are well, those that are up but failing, and when each of the others went down.

    A server counts where it does best, if it is in several services. One that was never up did not go down.
    """
    well: set[RealKey] = set()
    failing: set[RealKey] = set()
    fallen: dict[RealKey, float] = {}
    for service in spec.services.values():
        for server in (server for pool in service.pools for server in pool.servers if server.checks):
            state = standing(server.checks, health)
            if state in (Standing.UP, Standing.PRESUMED):
                doubt = any(health[check].streak for check in server.checks)
                (failing if doubt else well).add(server.key)
            elif state is Standing.DOWN and (since := _down_since(server, health)):
                fallen[server.key] = since
    alive = well | failing
    return well, failing - well, {key: since for key, since in fallen.items() if key not in alive}


def _window(spec: Spec, health: Mapping[CheckId, Health]) -> float:
    """Seconds within which the checks that are down would have found a death of the same instant."""
    beliefs = ((check, health.get(check.id, NEVER)) for check in spec.checks.values())
    down = (check for check, belief in beliefs if belief.answered and not belief.up)
    return max([MIN_WINDOW, *(worst_detection(check, spec.questions[check.question]) for check in down)])


def _unrelated(spec: Spec, fallen: AbstractSet[RealKey]) -> int:
    """How many groups of services have lost a server and share no real server's address with one another."""
    parents: list[int] = []
    seen: dict[Address, int] = {}
    for service in spec.services.values():
        keys = [server.key for pool in service.pools for server in pool.servers]
        if fallen.isdisjoint(keys):
            continue
        index = len(parents)
        parents.append(index)
        for address in {key.address for key in keys}:
            parents[_root(parents, seen.setdefault(address, index))] = index
    return sum(parent == index for index, parent in enumerate(parents))


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]  # the way is half as long next time
        index = parents[index]
    return index
