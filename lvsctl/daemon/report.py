"""What a round did, as events; and what each event says in the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from structlog.typing import FilteringBoundLogger

from lvsctl.daemon.reconcile import Round
from lvsctl.decide.ladder import lacks, way_out
from lvsctl.events import (
    DriftFound,
    Event,
    GuardTripped,
    HealthChanged,
    NotAsked,
    OpRefused,
    RoundDone,
    SchedulerAppeared,
    SchedulerMissing,
)
from lvsctl.model import Op, Step

SHOWN = 10
"""Withheld steps that a line of the log names; when a whole site fails there are thousands, round after round."""


def round_events(done: Round, before: Round | None) -> Iterator[Event]:
    """The events of one round, what was found first. What goes on as in the round before is no news."""
    yield from done.decision.drift
    known = before.decision.desired.schedulers if before is not None else ()
    yield from (event for event in done.decision.desired.schedulers if event not in known)
    refused = {(step.op, refusal.errno) for step, refusal in before.refused} if before is not None else set()
    yield from (OpRefused(step, refusal) for step, refusal in done.refused if (step.op, refusal.errno) not in refused)
    if _held(done) != _held(before):
        yield from _withheld(done)
    yield RoundDone(done.done, done.refused)


def _held(done: Round | None) -> set[Op]:
    return {step.op for step, _ in done.withheld} if done is not None else set()


def _withheld(done: Round) -> Iterator[GuardTripped]:
    reasons: dict[str, list[Step]] = defaultdict(list)
    for step, why in done.withheld:
        reasons[why].append(step)
    yield from (GuardTripped(tuple(steps), why) for why, steps in reasons.items())


def log_event(log: FilteringBoundLogger, event: Event) -> None:
    """Write one event to the log; a round that did nothing says nothing."""
    match event:
        case HealthChanged(question=question, up=up, outcome=outcome):
            say = log.info if up else log.warning
            say(
                "server is up" if up else "server is down",
                check=question.kind,
                target=str(question.target),
                code=outcome.code,
                detail=outcome.detail,
            )
        case NotAsked(question=question, outcome=outcome):
            log.error(
                "a check cannot be asked; its servers stay as they are",
                check=question.kind,
                target=str(question.target),
                detail=outcome.detail,
            )
        case DriftFound(service=service, what=what):
            log.warning("somebody else changed the table", service=str(service), what=what)
        case OpRefused(step=step, refusal=refusal):
            log.error("the kernel refused an operation", op=describe(step), error=refusal.message)
        case GuardTripped(withheld=withheld, why=why):
            log.warning("steps withheld", why=why, count=len(withheld), steps=[describe(s) for s in withheld[:SHOWN]])
        case SchedulerMissing(wanted=wanted, used=used, services=services):
            if used is None:
                todo = f"{way_out(wanted)}, or allow a scheduler_fallback that the kernel has"
                log.error(f"{lacks(wanted)}, services are refused: {todo}", services=list(services))
            else:
                log.warning(f"{lacks(wanted)}: {used} is used", services=list(services))
        case SchedulerAppeared(scheduler=scheduler, used=used, services=services):
            what = "it is used" if used == scheduler else f"{used} is used until the next reload"
            log.info(f"the kernel has the scheduler {scheduler} now: {what}", services=list(services))
        case RoundDone(done=done):
            for step in done:
                log.info("applied", op=describe(step), reason=step.reason)


def describe(step: Step) -> str:
    """One line that names the operation: "edit-server tcp 192.0.2.1:80 10.0.0.1:80 (weight 5 -> 0)"."""
    server = getattr(step.op, "server", None)
    words = [step.op.name, str(step.op.service), *([str(server)] if server is not None else [])]
    return " ".join(words) + (f" ({step.change})" if step.change else "")
