"""One round: look, decide, act, report.

`look_and_decide` is also `lvsctl plan`; `act` is the only place in the program that writes to the kernel's table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from lvsctl.decide.desired import Desired, desired, standing_by
from lvsctl.decide.guard import guard
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.plan import diff, drift, split, still_safe
from lvsctl.decide.table import after_all
from lvsctl.events import DriftFound
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import (
    CheckId,
    Counters,
    Health,
    Plan,
    RealKey,
    Refusal,
    Seen,
    ServiceKey,
    Spec,
    Step,
    Table,
)


class View(Protocol):
    """What a round looks at besides the kernel; `World` is one."""

    spec: Spec
    health: dict[CheckId, Health]
    owned: frozenset[ServiceKey]
    left: Table | None
    ladder: Ladder


@dataclass(frozen=True, slots=True)
class Decision:
    """What was found, what ought to be, and the steps from one to the other."""

    have: Table
    counters: Counters
    desired: Desired
    plan: Plan
    withheld: tuple[tuple[Step, str], ...]
    drift: tuple[DriftFound, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """A round carried out. results: one for each step of `steps`; left: the table as it is now."""

    decision: Decision
    steps: Plan
    results: tuple[Refusal | None, ...]
    withheld: tuple[tuple[Step, str], ...]
    left: Table

    @property
    def counters(self) -> Counters:
        """What was counted when the round looked."""
        return self.decision.counters

    @property
    def done(self) -> Plan:
        return tuple(step for step, result in zip(self.steps, self.results, strict=True) if result is None)

    @property
    def refused(self) -> tuple[tuple[Step, Refusal], ...]:
        pairs = zip(self.steps, self.results, strict=True)
        return tuple((step, result) for step, result in pairs if result is not None)


async def look_and_decide(view: View, ipvs: Ipvs, now: float) -> Decision:
    """Read the kernel and decide; writes nothing."""
    seen = await ipvs.look()
    have = seen.table
    idle = _idle(view, seen)
    want = desired(view.spec, view.health, have, left=view.left, ladder=view.ladder, idle=idle)
    plan = diff(want.table, have, owned=view.owned, left=view.left, why=want.why, hold=want.refused.keys())
    guarded = guard(plan, view.spec, have, view.health, now, by_health=want.by_health)
    return Decision(have, seen.counters, want, guarded.allowed, guarded.withheld, drift(view.left, have, view.owned))


async def act(decision: Decision, ipvs: Ipvs) -> Round:
    """Carry the plan out: first all that adds capacity, then, where that is safe, all that takes it."""
    makes, breaks = split(decision.plan)
    made = await _apply(makes, ipvs)
    table = after_all(decision.have, _done(makes, made))
    safe, kept = still_safe(breaks, table, decision.desired.table)
    broken = await _apply(safe, ipvs)
    return Round(
        decision,
        steps=makes + safe,
        results=made + broken,
        withheld=decision.withheld + tuple(kept),
        left=after_all(table, _done(safe, broken)),
    )


async def missing_schedulers(spec: Spec, ipvs: Ipvs) -> frozenset[str]:
    """The schedulers that conf.d names, fallbacks included, and that the kernel neither has nor can load."""
    return frozenset([name for name in sorted(scheduler_names(spec)) if not await ipvs.has_scheduler(name)])


def scheduler_names(spec: Spec) -> frozenset[str]:
    """All that conf.d names, fallbacks included."""
    names = {service.attrs.scheduler for service in spec.services.values()}
    return frozenset(names | {service.fallback for service in spec.services.values() if service.fallback is not None})


async def _apply(steps: Plan, ipvs: Ipvs) -> tuple[Refusal | None, ...]:
    return tuple(await ipvs.apply([step.op for step in steps])) if steps else ()


def _done(steps: Plan, results: Iterable[Refusal | None]) -> list[Step]:
    return [step for step, result in zip(steps, results, strict=True) if result is None]


def _idle(view: View, seen: Seen) -> frozenset[tuple[ServiceKey, RealKey]]:
    """Servers of pools that stand by and have no connections."""
    waiting = standing_by(view.spec, view.health, seen.table, left=view.left, ladder=view.ladder)
    return frozenset(
        (service, server) for service, server in waiting if seen.counters[service].servers[server].total == 0
    )
