"""What a round did, as events: what goes on as in the round before is no news."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from lvsctl.daemon.reconcile import Round
from lvsctl.decide.explain.evidence import state
from lvsctl.events import Event, GuardTripped, OpRefused, RoundDone, ServiceChanged
from lvsctl.model import ServiceState, Spec, Step


def round_events(done: Round, before: Round | None) -> Iterator[Event]:
    """The events of one round, what was found first."""
    yield from done.decision.drift
    known = before.decision.desired.schedulers if before is not None else ()
    yield from (event for event in done.decision.desired.schedulers if event not in known)
    refused = {(step.op, refusal.errno) for step, refusal in before.refused} if before is not None else set()
    yield from (OpRefused(step, refusal) for step, refusal in done.refused if (step.op, refusal.errno) not in refused)
    yield from _withheld(done, before)
    yield RoundDone(done.done, done.refused)


def service_events(spec: Spec, done: Round, before: Mapping[str, ServiceState]) -> Iterator[ServiceChanged]:
    """The services that stand otherwise after this round. before: how each stood after the last, by name."""
    for service in spec.services.values():
        found, why = state(service, done.decision.desired, done.left.get(service.key))
        last = before.get(service.name)
        if found is not last:
            yield ServiceChanged(service.name, found, last, why)


def _withheld(done: Round, before: Round | None) -> Iterator[GuardTripped]:
    """One event for each reason, with the steps that were not withheld before for the same."""
    known = {(step.op, why) for step, why in before.withheld} if before is not None else set()
    reasons: dict[str, list[Step]] = defaultdict(list)
    for step, why in done.withheld:
        if (step.op, why) not in known:
            reasons[why].append(step)
    yield from (GuardTripped(tuple(steps), why) for why, steps in reasons.items())
