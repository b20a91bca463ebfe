"""One round by hand: `lvsctl plan` and `lvsctl apply`. The same look, decide and act as the daemon's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lvsctl.checkapi import AnyKind
from lvsctl.checks.registry import installed
from lvsctl.checks.runner import ask_all
from lvsctl.config.load import Loaded, load
from lvsctl.daemon.overrides import Overrides, heed
from lvsctl.daemon.reconcile import act, look_and_decide, missing_schedulers
from lvsctl.daemon.state import State
from lvsctl.decide.health import assume_up, judge, presume
from lvsctl.decide.inquiry import Inquiry
from lvsctl.decide.ladder import Ladder
from lvsctl.decide.quiet import Since
from lvsctl.decide.reprieve import Fallen
from lvsctl.decide.suspicion import TRUSTED, Trust
from lvsctl.events import SchedulerMissing
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import (
    CheckId,
    Health,
    Override,
    Plan,
    Problem,
    RealKey,
    Refusal,
    ServiceKey,
    Spec,
    Step,
    Table,
)


@dataclass(frozen=True, slots=True)
class Once:
    """What was decided and done. results: one for each step of `plan`; empty when nothing was to be carried out.

    schedulers: stand-ins and refusals.
    """

    plan: Plan
    results: tuple[Refusal | None, ...]
    withheld: tuple[tuple[Step, str], ...]
    refused: Mapping[ServiceKey, str]
    warnings: tuple[Problem, ...]
    schedulers: tuple[SchedulerMissing, ...] = ()


@dataclass(slots=True)
class _Moment:
    """What the round looks at: nothing is remembered but what we own."""

    spec: Spec
    health: dict[CheckId, Health]
    owned: frozenset[ServiceKey]
    ladder: Ladder
    overrides: Sequence[Override] = ()
    left: Table | None = None
    quiet: Since = field(default_factory=dict)
    settled: float | None = None
    trust: Trust = TRUSTED
    fallen: Fallen = field(default_factory=dict)
    answered: dict[CheckId, float] = field(default_factory=dict)
    removed: dict[RealKey, float] = field(default_factory=dict)
    inquiry: Inquiry | None = None
    resting: bool = False


def plan(config: Path, *, state_dir: Path, checks: bool) -> Once:
    """What `apply` would do now; writes nothing. checks: False presumes every server up."""
    return _once(config, State(state_dir), checks=checks, write=False)


def apply(config: Path, *, state_dir: Path, checks: bool) -> Once:
    """Ask every check once (one answer decides), then do one round. Raises AlreadyRunning beside a daemon."""
    state = State(state_dir)
    with state.lock():
        return _once(config, state, checks=checks, write=True)


def _once(config: Path, state: State, *, checks: bool, write: bool) -> Once:
    kinds = installed()
    loaded = load(config, kinds)
    return asyncio.run(_with_kernel(loaded, kinds, state, checks=checks, write=write))


async def _with_kernel(
    loaded: Loaded, kinds: Mapping[str, AnyKind], state: State, *, checks: bool, write: bool
) -> Once:
    from lvsctl.kernel.netlink import NetlinkIpvs  # noqa: PLC0415 - pyroute2 is slow to import

    ipvs = NetlinkIpvs()
    try:
        return await one_round(loaded, kinds, state, ipvs, checks=checks, write=write)
    finally:
        await ipvs.close()


async def one_round(
    loaded: Loaded, kinds: Mapping[str, AnyKind], state: State, ipvs: Ipvs, *, checks: bool, write: bool
) -> Once:
    """Look and decide, and act if `write`."""
    spec = loaded.spec
    health = await _ask(spec, kinds, await ipvs.read()) if checks else assume_up(spec)
    wanted = {service.key for service in spec.services.values()}
    moment = _Moment(spec, health, state.owned() | wanted, Ladder(await missing_schedulers(spec, ipvs)))
    if checks:
        moment.answered = _canaries_that_pass(spec, health, asyncio.get_running_loop().time())
    overrides = Overrides(state.overrides, today=time.time, tell=lambda _: None)
    moment.overrides = await heed(overrides, moment, ipvs, None)
    decision = await look_and_decide(moment, ipvs, asyncio.get_running_loop().time())
    refused, schedulers = decision.desired.refused, decision.desired.schedulers
    if not write:
        return Once(decision.plan, (), decision.withheld, refused, loaded.warnings, schedulers)
    state.remember(moment.owned)
    done = await act(decision, ipvs)
    state.remember(wanted | (moment.owned & done.left.keys()))
    return Once(done.steps, done.results, done.withheld, refused, loaded.warnings, schedulers)


async def _ask(spec: Spec, kinds: Mapping[str, AnyKind], table: Table) -> dict[CheckId, Health]:
    """Health is presumed from the table as the daemon would, and then one answer decides where there is one.

    What was live and fails goes down now, so a director that reaches nobody suspects itself here too.
    """
    answers = await ask_all(kinds, spec.questions)
    now = asyncio.get_running_loop().time()
    health = presume(spec, table)
    for check in spec.checks.values():
        health[check.id] = judge(replace(check, fall=1), health[check.id], answers[check.question], now)
    return health


def _canaries_that_pass(spec: Spec, health: Mapping[CheckId, Health], now: float) -> dict[CheckId, float]:
    """They were asked beside the servers, so they answered when those failed already."""
    return {canary: now for canary in spec.guard.canaries if health[canary].up}
