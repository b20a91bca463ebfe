"""The links that are the same for a service and for each of its servers."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.decide.explain.evidence import Evidence, Link, state
from lvsctl.decide.ladder import lacks, stand_in, there_now
from lvsctl.decide.plan import SWITCH_MOMENT
from lvsctl.decide.seats import pool_in_use
from lvsctl.model import PRIORITY_SCHEDULERS, RealKey, Role, Service, ServiceState

UNMADE = frozenset({ServiceState.REFUSED, ServiceState.WAITING, ServiceState.IDLE})
"""States in which no server of a service enters the table, whatever its checks say."""


def scheduler(evidence: Evidence, service: Service) -> Link:
    """What was wanted, what runs, and why."""
    wanted, used = service.attrs.scheduler, evidence.ladder.scheduler(service)
    if used is None:
        refused = evidence.desired.refused.get(service.key) if evidence.desired is not None else None
        says = f"{wanted} is wanted and none is used: {refused or lacks(wanted)}"
    elif used == wanted:
        says = f"{wanted} is wanted and used"
    elif evidence.ladder.waits(service):
        says = f"{there_now(wanted, used)}; {SWITCH_MOMENT}"
    else:
        says = stand_in(wanted, used)
    return Link("scheduler", says)


def pools(evidence: Evidence, service: Service) -> Link:
    """Who chooses among the pools, and what is chosen."""
    used = evidence.ladder.scheduler(service)
    if len(service.pools) == 1:
        return Link("pools", f"{service.pools[0].name} is the only one")
    if used is None:
        return Link("pools", "none is in use: the service is refused")
    if used in PRIORITY_SCHEDULERS:
        return Link("pools", f"all are in the table: {used} takes the highest weight that has room")
    in_use = pool_in_use(service, used, evidence.health, evidence.have.get(service.key), evidence.orders)
    willing = "takes connections" if any(key == service.key for key, _ in evidence.orders) else "is up"
    if in_use is None:
        return Link("pools", f"no server of any {willing}")
    higher = f", as no server of a higher one {willing}" if in_use else ""
    return Link("pools", f"{service.pools[in_use].name} is in use{higher}; {used} itself knows no priorities")


def soft_thresholds(service: Service, *, limited: bool) -> Iterator[Link]:
    """What persistence does to thresholds, where there are both. limited: whether there is an upper threshold."""
    if service.attrs.persistence and limited:
        yield Link(
            "persistence",
            f"makes thresholds soft: a client remembered (persistent {service.attrs.persistence}s) goes to its server "
            "even if that is full, and stays on a lower pool until it is forgotten",
        )


def standing(evidence: Evidence, service: Service) -> tuple[ServiceState, str]:
    """As `state`, with what keeps a service from being made."""
    found, why = state(service, evidence.desired, evidence.have.get(service.key))
    if found is ServiceState.WAITING:
        why = next((f"the kernel {link.says}" for link in refused(evidence, service, None)), why)
    return found, why


def place(evidence: Evidence, service: Service, server: RealKey) -> str:
    """Where a server is now: `has weight 5`, `is not in the table`."""
    found = evidence.found(service.key, server)
    if found is None:
        return "is not in the table"
    return f"has weight {found.weight}" + ("" if found.weight else ", so it gets no new connections")


def withheld(evidence: Evidence, service: Service, server: RealKey | None) -> Iterator[Link]:
    """What a guard holds back of the newest round's steps; server: of this one alone."""
    reasons = [
        why
        for step, why in evidence.withheld
        if step.op.service == service.key and (server is None or getattr(step.op, "server", None) == server)
    ]
    for why in dict.fromkeys(reasons):
        yield Link("guard", f"withholds {reasons.count(why)} step{'s' * (reasons.count(why) > 1)}: {why}")


def role(evidence: Evidence) -> Iterator[Link]:
    """What the role in a pair makes of the table; nothing where there is no pair."""
    if evidence.role is None:
        return
    is_it = "in fault" if evidence.role is Role.FAULT else evidence.role
    if evidence.resting:
        yield Link("role", f"this director is {is_it}, and has nothing in the table until it is active (standby: idle)")
    elif evidence.role is Role.ACTIVE:
        yield Link("role", "this director is active")
    else:
        yield Link("role", f"this director is {is_it}, and keeps its table as the active one does")


def refused(evidence: Evidence, service: Service, server: RealKey | None) -> Iterator[Link]:
    """What the kernel refused in the newest round; server: of this one alone, None: of the service itself."""
    for step, refusal in evidence.refused:
        if step.op.service == service.key and getattr(step.op, "server", None) == server:
            yield Link("kernel", f"refused {step.op.name} in the newest round: {refusal.message}")
