"""One round: look, decide, act, report.

`look_and_decide` is also `lvsctl plan`; `act` is the only place in the program that writes to the kernel's table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lvsctl.decide.desired import Desired, desired
from lvsctl.decide.guard import guard, spare
from lvsctl.decide.inquiry import WAITS, Inquiry, awaited, put_off
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.overrides import orders
from lvsctl.decide.plan import diff, drift, split, still_safe
from lvsctl.decide.quiet import Place, Since, late, leaving, next_late, still
from lvsctl.decide.reprieve import Fallen, fallen, reprieve
from lvsctl.decide.slow_start import Climb, next_step
from lvsctl.decide.suspicion import TRUSTED, Trust, consider
from lvsctl.decide.table import after_all
from lvsctl.events import DirectorTrusted, DriftFound
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import (
    CheckId,
    DeleteServer,
    EditServer,
    Health,
    Override,
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
    """What a round looks at besides the kernel; `World` is one.

    overrides: none whose time is over. quiet, fallen: those of the Decision before. settled: see slow_start.Climb.
    resting: this director is not the active one, and is to have no table meanwhile (`standby: idle`).
    """

    spec: Spec
    health: dict[CheckId, Health]
    owned: frozenset[ServiceKey]
    left: Table | None
    ladder: Ladder
    overrides: Sequence[Override]
    quiet: Since
    settled: float | None
    trust: Trust
    fallen: Fallen
    answered: dict[CheckId, float]
    removed: dict[RealKey, float]
    inquiry: Inquiry | None
    resting: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What was seen, what ought to be, and the steps from one to the other.

    quiet: servers that leave, and since when they have had weight 0. due: when time alone calls for the next round,
    None if it does not; both on the clock of `now`. going: live servers that the plan takes out because of their checks
    alone. fallen: whom a round took out whose checks fail. trust: whether this director suspects itself; trusted: the
    end of a suspicion, if it came just now. waiting: steps that are put off until the others have answered.
    """

    seen: Seen
    desired: Desired
    plan: Plan
    withheld: tuple[tuple[Step, str], ...]
    drift: tuple[DriftFound, ...]
    quiet: Since
    due: float | None
    going: frozenset[tuple[ServiceKey, RealKey]] = frozenset()
    fallen: Fallen = field(default_factory=dict)
    trust: Trust = TRUSTED
    trusted: DirectorTrusted | None = None
    waiting: tuple[tuple[Step, str], ...] = ()

    @property
    def held(self) -> tuple[tuple[Step, str], ...]:
        """All that is not done now although checks ask for it, each with the reason."""
        return self.withheld + self.waiting

    @property
    def have(self) -> Table:
        """The table as it was found."""
        return self.seen.table


@dataclass(frozen=True, slots=True)
class Round:
    """A round carried out. results: one for each step of `steps`; left: the table as it is now."""

    decision: Decision
    steps: Plan
    results: tuple[Refusal | None, ...]
    withheld: tuple[tuple[Step, str], ...]
    left: Table

    @property
    def seen(self) -> Seen:
        """The look with which the round began."""
        return self.decision.seen

    @property
    def done(self) -> Plan:
        return tuple(step for step, result in zip(self.steps, self.results, strict=True) if result is None)

    @property
    def refused(self) -> tuple[tuple[Step, Refusal], ...]:
        pairs = zip(self.steps, self.results, strict=True)
        return tuple((step, result) for step, result in pairs if result is not None)

    @property
    def taken_out(self) -> frozenset[RealKey]:
        """The servers that went because of their checks alone."""
        ops = (step.op for step in self.done)
        return frozenset(
            op.server
            for op in ops
            if isinstance(op, DeleteServer | EditServer) and (op.service, op.server) in self.decision.going
        )


async def look_and_decide(view: View, ipvs: Ipvs, now: float) -> Decision:
    """Read the kernel and decide; writes nothing, and leaves `view` as it is. now: on the clock of its health."""
    seen = await ipvs.look()
    spec, health, have = view.spec, view.health, seen.table
    held = orders(spec, view.overrides)
    quiet = still(view.quiet, leaving(spec, health, have, left=view.left, ladder=view.ladder, orders=held), now)
    idle = _idle(quiet, seen) | late(spec, quiet, now)
    climb = Climb(now, view.settled, spec.period)
    trust, trusted = consider(view.trust, spec, health, view.answered, now, orders=held)
    mercy = reprieve(trust.suspicion, view.fallen)
    want = desired(
        spec,
        health,
        have,
        left=view.left,
        ladder=view.ladder,
        idle=idle,
        overrides=view.overrides,
        climb=climb,
        reprieve=mercy,
        resting=view.resting,
    )
    plan = diff(
        want.table, have, owned=view.owned, left=view.left, why=want.why, hold=want.refused.keys(), eased=want.eased
    )
    waiting = awaited(view.inquiry, spec, health, want.by_health, now)
    plan, later = put_off(plan, waiting)
    recent = {server: at + spec.period for server, at in view.removed.items() if at + spec.period > now}
    guarded = guard(plan, spec, have, health, by_health=want.by_health, gone=recent.keys())
    guarded = spare(guarded, want, mercy)
    due = [moment for moment in (next_step(spec, health, climb), next_late(spec, quiet, now)) if moment is not None]
    if view.inquiry is not None and waiting:
        due.append(view.inquiry.until)
    if guarded.withheld and recent:
        due.append(min(recent.values()))  # perhaps others may go then
    return Decision(
        seen,
        want,
        guarded.allowed,
        guarded.withheld,
        drift(view.left, have, view.owned),
        quiet,
        due=min(due, default=None),
        going=guarded.going,
        fallen=fallen(view.fallen, guarded.allowed, have, want.unwell),
        trust=trust,
        trusted=trusted,
        waiting=tuple((step, WAITS) for step in later),
    )


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


def _idle(quiet: Since, seen: Seen) -> frozenset[Place]:
    """Those who leave and have no connections."""
    return frozenset(
        (service, server) for service, server in quiet if seen.counters[service].servers[server].total == 0
    )
