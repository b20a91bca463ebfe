"""The one mutable thing: what is wanted, what is believed, what is ours; setting any of it wakes the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from lvsctl.decide.health import carry, judge, pace
from lvsctl.decide.ladder import Ladder, climb
from lvsctl.events import Event, HealthChanged, NotAsked
from lvsctl.model import Check, CheckId, Health, Outcome, Question, QuestionId, ServiceKey, Spec, Table, Verdict


class World:
    """Everything that a round looks at, except the kernel.

    owned: services in conf.d or made by lvsctl earlier. left: the whole table as the last round left it, for
    telling drift from our own changes. ladder: which scheduler each service is given.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        health: Mapping[CheckId, Health],
        owned: frozenset[ServiceKey],
        clock: Callable[[], float],
        tell: Callable[[Event], None],
    ) -> None:
        self.spec = spec
        self.health = dict(health)
        self.owned = owned | {service.key for service in spec.services.values()}
        self.left: Table | None = None
        self.ladder = Ladder()
        self.wake = asyncio.Event()
        self._clock = clock
        self._tell = tell
        self._askers = _askers(spec)

    def replace(self, spec: Spec, *, table: Table, missing: frozenset[str]) -> None:
        """A reload: verdicts whose question did not change are kept; servers new to us are presumed from `table`."""
        self.health = carry(self.spec, spec, self.health, have=table)
        self.spec = spec
        self.ladder = Ladder(missing)
        self.owned = self.owned | {service.key for service in spec.services.values()}
        self._askers = _askers(spec)
        self.wake.set()

    def found_missing(self, missing: frozenset[str]) -> None:
        """The kernel was asked again, without a reload: tells what has appeared."""
        self._climb(missing, {})

    def found(self, have: Table) -> bool:
        """Whether the table shows more schedulers than were known of: somebody else has put them to use."""
        before = self.ladder
        if before.missing or before.kept:
            self._climb(before.missing, have)
        return self.ladder != before

    def _climb(self, missing: frozenset[str], have: Table) -> None:
        self.ladder, news = climb(self.spec, self.ladder, missing, have)
        for event in news:
            self._tell(event)

    def heard(self, question: Question, outcome: Outcome) -> float:
        """Take an answer in; returns the seconds until the question is due again."""
        beliefs = []
        askers = self._askers.get(question.id, ())
        if outcome.verdict is Verdict.UNKNOWN and askers and not _unknown(self.health[askers[0].id].last):
            self._tell(NotAsked(question, outcome))
        for check in askers:
            before = self.health[check.id]
            after = judge(check, before, outcome, self._clock())
            self.health[check.id] = after
            beliefs.append(after)
            if after.up != before.up:
                self._tell(HealthChanged(check.id, question, after.up, outcome))
            if after.up != before.up or before.last is None:
                self.wake.set()
        return pace(question, beliefs)

    def all_spoken(self) -> bool:
        """Whether every check has had an answer, UNKNOWN included."""
        return all(health.last is not None for health in self.health.values())


def _unknown(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.verdict is Verdict.UNKNOWN


def _askers(spec: Spec) -> dict[QuestionId, list[Check]]:
    askers: dict[QuestionId, list[Check]] = {}
    for check in spec.checks.values():
        askers.setdefault(check.question, []).append(check)
    return askers
