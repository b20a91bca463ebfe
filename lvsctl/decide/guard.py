"""How much checks alone may take away at once: plan -> what is allowed, what is withheld, and why."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TypeAlias

from lvsctl.decide.desired import Desired
from lvsctl.decide.health import NEVER
from lvsctl.decide.plan import subject_of, takes, touches_live
from lvsctl.decide.reprieve import KEPT, Reprieve
from lvsctl.decide.table import after_all, real_changes
from lvsctl.decide.why import Subject
from lvsctl.model import (
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

Removal: TypeAlias = tuple[ServiceKey, RealKey]


@dataclass(frozen=True, slots=True)
class Guarded:
    """The steps that may be carried out, in order, and those that may not, each with the reason.

    going: the live servers that are taken out because of their checks alone.
    """

    allowed: Plan
    withheld: tuple[tuple[Step, str], ...]
    going: frozenset[Removal] = frozenset()


def guard(
    plan: Plan,
    spec: Spec,
    have: Table,
    health: Mapping[CheckId, Health],
    *,
    by_health: AbstractSet[tuple[ServiceKey, RealKey]],
    gone: AbstractSet[RealKey] = frozenset(),
) -> Guarded:
    """Withhold what would change too much at once.

    An empty Spec allows nothing. Of the live servers that checks alone would take away (`by_health`, see Desired),
    none goes that its pool needs to keep its floor, and no more than `max_removed` in one period. What conf.d or an
    operator takes away is never withheld by either.

    gone: servers that checks alone have taken out in this period already.
    """
    if not spec.services:
        return Guarded((), tuple((step, "the configuration has no services: nothing is changed") for step in plan))
    removals = _removals(plan, spec, have, health, by_health)
    if not removals:
        return Guarded(plan, ())
    others = after_all(have, [step for step in plan if subject_of(step) not in removals])
    kept = _kept_by_floors(spec, others, removals)
    kept |= _kept_by_share(spec, have, {one: removals[one] for one in removals if one not in kept}, gone)
    return Guarded(
        tuple(step for step in plan if subject_of(step) not in kept),
        tuple((step, kept[subject]) for step in plan if (subject := subject_of(step)) in kept),
        frozenset(removals.keys() - kept.keys()),
    )


def spare(guarded: Guarded, want: Desired, reprieve: Reprieve | None) -> Guarded:
    """Tell of what `want` leaves in the table, or brings back, because of the reprieve: as steps that are withheld."""
    if reprieve is None:
        return guarded
    withheld = []
    for (service, server), instead in want.spared.items():
        attrs = want.table[service].servers[server]
        change = "" if instead is None else ", ".join(real_changes(attrs, instead))
        op = DeleteServer(service, server) if instead is None else EditServer(service, server, instead)
        withheld.append((Step(op, change, want.why[service, server]), reprieve.why))
    allowed = tuple(_because(step, want, reprieve) for step in guarded.allowed)
    return replace(guarded, allowed=allowed, withheld=(*guarded.withheld, *withheld))


def _because(step: Step, want: Desired, reprieve: Reprieve) -> Step:
    """What its checks say is no reason to bring a server in."""
    subject = subject_of(step)
    return replace(step, reason=reprieve.why) if subject in want.spared and step.reason == want.why[subject] else step


def _removals(
    plan: Plan,
    spec: Spec,
    have: Table,
    health: Mapping[CheckId, Health],
    by_health: AbstractSet[Removal],
) -> dict[Removal, float]:
    """The live servers that the plan takes out because of their checks, and when each went down.

    In the order in which they may go: who went down first comes first, then as configured.
    """
    taken = {subject_of(step) for step in plan if takes(step.op) and touches_live(step.op, have)} & by_health
    if not taken:
        return {}
    found = {
        (service.key, server.key): _down_since(server, health)
        for service in spec.services.values()
        for pool in service.pools
        for server in pool.servers
        if (service.key, server.key) in taken
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _down_since(server: Server, health: Mapping[CheckId, Health]) -> float:
    """When the first of the server's checks that are down went down; 0 if none did."""
    beliefs = (health.get(check, NEVER) for check in server.checks)
    return min((belief.since for belief in beliefs if belief.answered and not belief.up), default=0.0)


def _kept_by_floors(spec: Spec, table: Table, removals: Mapping[Removal, float]) -> dict[Subject, str]:
    """The removals that would take a pool below its floor: of its dead servers the last to go down are kept.

    table: as it would be without the removals.
    """
    kept: dict[Subject, str] = {}
    for service in spec.services.values():
        for pool in service.pools:
            dying = [server.key for server in pool.servers if (service.key, server.key) in removals]
            if not (pool.floor and dying):
                continue
            present = table[service.key].servers
            live = sum(server.key in present and present[server.key].weight > 0 for server in pool.servers)
            dying.sort(key=lambda server: removals[service.key, server], reverse=True)
            short = pool.floor - (live - len(dying))
            why = f"{KEPT}: the floor of pool {pool.name} is {pool.floor}"
            kept.update({(service.key, server): why for server in dying[: max(short, 0)]})
    return kept


def _kept_by_share(
    spec: Spec, have: Table, removals: Mapping[Removal, float], gone: AbstractSet[RealKey]
) -> dict[Subject, str]:
    """The removals beyond `max_removed`. A server counts once, however many services it is in.

    A share of those that are left: with 50% it takes four periods until nine dead of ten are out, and the logarithm of
    their number where nobody lives who would be better off with less.
    """
    live = {
        server
        for service in spec.services.values()
        if service.key in have
        for server, attrs in have[service.key].servers.items()
        if attrs.weight > 0
    }
    most = spec.guard.removable(len(live | gone))
    going = list(dict.fromkeys(server for _, server in removals if server not in gone))
    late = frozenset(going[max(most - len(gone), 0) :])
    why = f"{KEPT}: others go first, no more than {spec.guard.max_removed} within one period"
    return {subject: why for subject in removals if subject[1] in late}
