"""The one mutable thing: what is wanted, what is believed, what is ours; setting any of it wakes the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from lvsctl.decide.health import Standing, carry, judge, pace, standing
from lvsctl.decide.inquiry import Inquiry, answered, circles_of, everybody, inquire, widened
from lvsctl.decide.ladder import Ladder, climb
from lvsctl.decide.quiet import Since
from lvsctl.decide.reprieve import Fallen
from lvsctl.decide.spill.load import Loads, ServiceLoad
from lvsctl.decide.spill.watch import load_of, watch
from lvsctl.decide.suspicion import TRUSTED
from lvsctl.events import Event, HealthChanged, NotAsked, ServerChanged
from lvsctl.model import (
    Check,
    CheckId,
    Generation,
    Health,
    Outcome,
    Override,
    Pool,
    Question,
    QuestionId,
    RealKey,
    Seen,
    Server,
    Service,
    ServiceKey,
    Spec,
    Table,
    Verdict,
)


class World:
    """Everything that a round looks at, except the kernel.

    owned: services in conf.d or made by lvsctl earlier. left: the whole table as the last round left it, for
    telling drift from our own changes. ladder: which scheduler each service is given. names: of the services by key.
    overrides: what operators ordered, none whose time is over. quiet: who leaves the table, and since when each has had
    weight 0. settled: when every check had spoken for the first time. trust: whether this director suspects itself.
    fallen: whom rounds took out whose checks fail. answered: when each canary passed last. removed: whom checks alone
    took out within the last period, and when. inquiry: the newest of those that are made before checks take somebody
    out.
    resting: no service is to be in the table, as this director is not the active one.
    spill: the load of services with thresholds at the last look. generation: of the kernel, None if its version does
    not tell. turned: counts the times that a belief became another.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        health: Mapping[CheckId, Health],
        owned: frozenset[ServiceKey],
        clock: Callable[[], float],
        tell: Callable[[Event], None],
        hasten: Callable[[Iterable[QuestionId]], None] = lambda _: None,
    ) -> None:
        """hasten: has these asked out of turn."""
        self.spec = spec
        self.health = dict(health)
        self.owned = owned | {service.key for service in spec.services.values()}
        self.left: Table | None = None
        self.ladder = Ladder()
        self.overrides: Sequence[Override] = ()
        self.quiet: Since = {}
        self.settled: float | None = None
        self.trust = TRUSTED
        self.fallen: Fallen = {}
        self.answered: dict[CheckId, float] = {}
        self.removed: dict[RealKey, float] = {}
        self.inquiry: Inquiry | None = None
        self.resting = False
        self.spill: Loads = {}
        self.generation: Generation | None = None
        self.turned = 0
        self.wake = asyncio.Event()
        self._clock = clock
        self._tell = tell
        self._hasten = hasten
        self._passes: dict[QuestionId, float] = {}
        self._index(spec)

    def _index(self, spec: Spec) -> None:
        self.names = {service.key: service.name for service in spec.services.values()}
        self._askers = _askers(spec)
        self._canaries = frozenset(spec.guard.canaries)
        self._members = _members(spec)
        self._circles = circles_of(spec)

    def replace(self, spec: Spec, *, table: Table, missing: frozenset[str]) -> None:
        """A reload: verdicts whose question did not change are kept; servers new to us are presumed from `table`."""
        self.health = carry(self.spec, spec, self.health, have=table)
        self.turned += 1
        self.spec = spec
        self.ladder = Ladder(missing)
        self.answered = {canary: at for canary, at in self.answered.items() if canary in spec.guard.canaries}
        self.owned = self.owned | {service.key for service in spec.services.values()}
        self.inquiry = None  # its witnesses may be gone
        self._passes = {question: at for question, at in self._passes.items() if question in spec.questions}
        self._index(spec)
        self.wake.set()

    def order(self, overrides: Sequence[Override]) -> None:
        """Operators ordered something, or ended it: the next round goes by it."""
        self.overrides = overrides
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
        askers, now = self._askers.get(question.id, ()), self._clock()
        if outcome.verdict is Verdict.PASS:
            self._passes[question.id] = now - outcome.latency
        if outcome.verdict is Verdict.UNKNOWN and askers and not _unknown(self.health[askers[0].id].last):
            self._tell(NotAsked(question, outcome))
        for check in askers:
            if check.id in self._canaries and outcome.verdict is Verdict.PASS:
                self._canary_answered(check.id)
            before = self.health[check.id]
            after = judge(check, before, outcome, now)
            beliefs.append(after)
            if after.up is before.up and after.answered is before.answered:
                self.health[check.id] = after
            else:
                self._changed(check, question, after)
            asks = before.up and not after.up and self._inquire(check.id, now)
            if before.last is None or (after.up is not before.up and not asks):
                self.wake.set()
        if self.inquiry is not None:
            self._weigh(self.inquiry, question, outcome, now)
        return pace(question, beliefs)

    def _inquire(self, fell: CheckId, now: float) -> bool:
        """Whether others are asked first: then the round is due when they have answered, or do not."""
        if self.trust.suspicion is not None or fell not in self._members:
            return False
        made = inquire(self.inquiry, self.spec, self._circles, self.health, fell, passes=self._passes, now=now)
        if made is not None:
            self.inquiry = made
            if made.is_open(now):
                self._hasten(made.witnesses | made.canaries)
        asked = self.inquiry
        if asked is None or asked.wide or not asked.is_open(now):
            return False
        return self.health[fell].failing > asked.after

    def _weigh(self, before: Inquiry, question: Question, outcome: Outcome, now: float) -> None:
        """Take an answer to an inquiry in."""
        if not before.is_open(now):
            return
        after = answered(before, question.id, outcome, now)
        if after.grave and not after.wide:
            after = widened(after, self.spec, self._circles, self.health)
            self._hasten(everybody(after, self.spec, self.health))
        if after.wide is not before.wide or after.over:
            self.wake.set()
        self.inquiry = after

    def _canary_answered(self, check: CheckId) -> None:
        self.answered[check] = self._clock()
        if self.trust.suspicion is not None:
            self.wake.set()

    def _changed(self, check: Check, question: Question, after: Health) -> None:
        """Take a belief in that is another than before, and tell what it means for the servers that rest on it."""
        members = self._members.get(check.id, ())
        were = [_alive(server, self.health) for _, _, server in members]
        before, self.health[check.id] = self.health[check.id], after
        self.turned += 1
        assert after.last is not None  # noqa: S101 - nothing but an outcome changes a belief
        if after.up is not before.up:
            self._tell(HealthChanged(check.id, question, after.up, after.last))
        for (service, pool, server), was in zip(members, were, strict=True):
            now = _alive(server, self.health)
            if now is not None and now is not was:
                self._tell(ServerChanged(service.name, pool.name, server.key, now, question.kind, after.last))

    def looked(self, seen: Seen) -> None:
        """Take in what was seen of the load, and tell what began and what ended.

        Whoever looks must call it before anything else can run, so that no older look comes after a newer one.
        """
        watched = watch(self.spec, seen, self.spill, self._clock(), generation=self.generation)
        self.spill = watched.loads
        for event in watched.events:
            self._tell(event)

    def load_of(self, service: Service, seen: Seen) -> ServiceLoad:
        """The load of any service, after `looked(seen)`; one without thresholds has no past."""
        known = self.spill.get(service.key)
        return load_of(service, seen, self._clock()) if known is None else known

    def all_spoken(self) -> bool:
        """Whether every check has had an answer, UNKNOWN included."""
        return all(health.last is not None for health in self.health.values())


def _unknown(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.verdict is Verdict.UNKNOWN


_ALIVE = {Standing.UP: True, Standing.PRESUMED: True, Standing.DOWN: False, Standing.UNPROVEN: None}


def _alive(server: Server, health: Mapping[CheckId, Health]) -> bool | None:
    """None: not known yet."""
    return _ALIVE[standing(server.checks, health)]


def _members(spec: Spec) -> dict[CheckId, list[tuple[Service, Pool, Server]]]:
    members: dict[CheckId, list[tuple[Service, Pool, Server]]] = {}
    for service in spec.services.values():
        for pool in service.pools:
            for server in pool.servers:
                for check in server.checks:
                    members.setdefault(check, []).append((service, pool, server))
    return members


def _askers(spec: Spec) -> dict[QuestionId, list[Check]]:
    askers: dict[QuestionId, list[Check]] = {}
    for check in spec.checks.values():
        askers.setdefault(check.question, []).append(check)
    return askers
