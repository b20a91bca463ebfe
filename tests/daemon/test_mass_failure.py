"""Many servers begin to fail at one instant, in simulated time: who is out of the table afterwards, and how soon."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.daemon.reconcile import act, look_and_decide
from lvsctl.daemon.world import World
from lvsctl.decide.health import JITTER, presume, worst_detection
from lvsctl.decide.inquiry import LONGEST, WITNESSES
from lvsctl.errors import KernelError
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import (
    Action,
    CheckId,
    EditServer,
    Limits,
    OnDown,
    Op,
    Override,
    Question,
    QuestionId,
    ServerSubject,
    Service,
    Share,
    Spec,
)
from tests.decide.making import FAIL, PASS, VIP, check_of, entry, real, server, service, spec, weights

STRUCK = 1000.0
"""When it happens; the director has run for a while."""

CLIENT = IPv4Address("198.51.100.1")
SINCE = 30.0
PERIOD = 5.0

Fate = Callable[[int, float], bool]
"""Whether a server answers at a moment."""


class Theatre:
    """A director, its probes and its rounds, in a world where time passes as it is told to."""

    def __init__(
        self, wanted: Spec, answers: Fate, *, seed: int, drained: frozenset[int] = frozenset(), mute: bool = False
    ) -> None:
        """mute: who does not answer says nothing until the probe's time is over."""
        self._mute = mute
        self._again: set[QuestionId] = set()
        self.now = STRUCK - SINCE
        self.told: list[str] = []
        self._answers = answers
        self._chance = random.Random(seed)
        self._numbers = {check_of(n): n for one in wanted.services.values() for n in members(one)}
        self._order = count()
        table = {
            one.key: entry({n: 0 if n in drained else 5 for n in members(one)}) for one in wanted.services.values()
        }
        self.ipvs = MemoryIpvs(table)
        self.world = World(
            wanted,
            health=presume(wanted, table),
            owned=frozenset(table),
            clock=lambda: self.now,
            tell=lambda event: self.told.append(type(event).__name__),
            hasten=self._hasten,
        )
        self.world.health |= {check_of(n): replace(self.world.health[check_of(n)], up=True) for n in drained}
        self.world.overrides = [drain(n) for n in drained]
        self._due: list[tuple[float, int, Question, float | None]] = []
        self._awaited: dict[QuestionId, float] = {}  # when each is asked next; an older entry of `_due` is void
        self.least = len(self._numbers)  # how many of them were in the table with a weight
        self.waited: dict[int, float] = {}  # who went, and so many seconds after it was down
        for asked in wanted.questions.values():
            self._plan(asked, self.now + self._chance.random() * asked.interval)

    async def until(self, end: float) -> None:
        """Probe after probe, with a round whenever one wakes the loop, and once a period."""
        period = self.now
        while self.now < end:
            at, order, asked, began = heapq.heappop(self._due)
            while period <= min(at, end):
                self.now, period = max(self.now, period), period + PERIOD
                await self._round()
            if at > end:
                heapq.heappush(self._due, (at, order, asked, began))
                self.now = end
                break
            self.now = max(self.now, at)
            self._go_on(asked, at, began)
            if self.world.wake.is_set():
                await self._round()

    def _plan(self, asked: Question, at: float) -> None:
        self._awaited[asked.id] = at
        heapq.heappush(self._due, (at, next(self._order), asked, None))

    def _hasten(self, questions: Iterable[QuestionId]) -> None:
        """As `Runner` does it."""
        hasty = list(questions)
        for place, question in enumerate(hasty):
            at = self.now + min(0.01, 1.0 / len(hasty)) * place
            if question not in self._awaited:
                self._again.add(question)
            elif self._awaited[question] > at:
                self._plan(self.world.spec.questions[question], at)

    def _go_on(self, asked: Question, at: float, began: float | None) -> None:
        """A probe begins, or ends with what its server was like at its beginning."""
        check = CheckId(f"{asked.id} 2/3")
        if began is None:
            if self._awaited.get(asked.id) == at:
                del self._awaited[asked.id]
                passes = self._answers(self._numbers[check], self.now)
                heapq.heappush(self._due, (self.now + self._takes(asked, passes), next(self._order), asked, self.now))
            return
        passed = self._answers(self._numbers[check], began)
        pace = self.world.heard(asked, replace(PASS if passed else FAIL, latency=self.now - began))
        due = began + pace * (1 + JITTER * self._chance.uniform(-1, 1))
        self._plan(asked, self.now if asked.id in self._again else max(due, self.now))
        self._again.discard(asked.id)

    def _takes(self, asked: Question, passes: bool) -> float:
        """Seconds: who answers does so soon; who does not says so soon, or says nothing."""
        return asked.timeout if self._mute and not passes else self._chance.random() * asked.timeout / 50

    async def _round(self) -> None:
        """As Daemon does it."""
        world = self.world
        world.wake.clear()
        decision = await look_and_decide(world, self.ipvs, self.now)
        if decision.trust.suspicion is not None and world.trust.suspicion is None:
            self.told.append("DirectorSuspected")
        world.trust, world.quiet, world.fallen = decision.trust, decision.quiet, decision.fallen
        world.left = None
        try:
            done = await act(decision, self.ipvs)
        except KernelError:
            return
        world.left = done.left
        recent = {server: at for server, at in world.removed.items() if self.now - at < PERIOD}
        world.removed = recent | dict.fromkeys(done.taken_out, self.now)
        if done.steps:
            self._note({n for n, weight in (await self.table()).items() if weight})

    def _note(self, serving: AbstractSet[int]) -> None:
        self.least = min(self.least, len(serving))
        for n in self._numbers.values():
            if n not in serving:
                self.waited.setdefault(n, self.now - self.world.health[check_of(n)].since)

    async def table(self) -> dict[int, int]:
        """Server -> weight, of all services."""
        found = await self.ipvs.read()
        return {n: weight for key in found for n, weight in (weights(found, key) or {}).items()}


def members(one: Service) -> list[int]:
    return [int(member.key.address) & 255 for pool in one.pools for member in pool.servers]


def drain(number: int) -> Override:
    return Override(ServerSubject(None, real(number).address, None), Action.DRAIN, "alice", "", since=0.0)


@dataclass(frozen=True)
class Pace:
    """How one service asks its servers."""

    servers: int
    interval: float = 1.0
    fast: float = 1.0
    fall: int = 2
    on_down: OnDown = OnDown.REMOVE


def town(*paces: Pace, most: Share = Share(percent=50)) -> Spec:  # noqa: B008 - frozen
    """One service for each; none shares a server with another."""
    number = count(1)
    services: dict[str, tuple[Service, Pace]] = {}
    for index, pace in enumerate(paces):
        key = replace(VIP, address=ip_address("192.0.2.1") + index)
        made = service([server(next(number)) for _ in range(pace.servers)], name=f"s{index}", key=key)
        services[made.name] = replace(made, on_down=pace.on_down), pace
    wanted = spec(*(one for one, _ in services.values()))
    of = {check_of(n): pace for one, pace in services.values() for n in members(one)}
    checks = {key: replace(check, fall=of[key].fall) for key, check in wanted.checks.items()}
    questions = {
        check.question: replace(
            wanted.questions[check.question], interval=of[key].interval, fast_interval=of[key].fast, down_interval=1.0
        )
        for key, check in checks.items()
    }
    return replace(wanted, checks=checks, questions=questions, guard=Limits(hold=300.0, max_removed=most))


def slowest(wanted: Spec) -> float:
    """Seconds after which everybody who died has been found out."""
    return max(worst_detection(check, wanted.questions[check.question]) for check in wanted.checks.values())


def struck(*dead: int) -> Fate:
    return lambda number, now: number not in dead or now < STRUCK


def one_after_the_other(first: Iterable[int], later: float) -> Fate:
    """All die, the others so many seconds later: when the first are judged, the others answer."""
    early = frozenset(first)
    return lambda number, now: now < STRUCK + (0.0 if number in early else later)


def play(theatre: Theatre, end: float) -> dict[int, int]:
    """The table at the end."""

    async def played() -> dict[int, int]:
        await theatre.until(end)
        return await theatre.table()

    return asyncio.run(played())


@st.composite
def paces(draw: st.DrawFn) -> tuple[Pace, ...]:
    """Three to six unrelated services that ask as they like."""
    found = []
    for _ in range(draw(st.integers(3, 6))):
        interval = draw(st.floats(1.0, 10.0))
        fast = draw(st.floats(0.1, 1.0).map(lambda share, most=interval: max(0.1, share * most)))
        found.append(
            Pace(
                draw(st.sampled_from([1, 2, 3, 4, 20])),
                interval,
                fast,
                draw(st.integers(1, 3)),
                draw(st.sampled_from(OnDown)),
            )
        )
    return tuple(found)


shares = st.sampled_from([Share(percent=50), Share(percent=100), Share(2)])
seeds = st.integers(0, 2**16)


@settings(max_examples=60)
@given(paces(), shares, seeds, st.booleans())
def test_when_everything_begins_to_fail_at_once_nobody_is_ever_out(
    found: tuple[Pace, ...], most: Share, seed: int, mute: bool
) -> None:
    wanted = town(*found, most=most)
    everybody = [n for one in wanted.services.values() for n in members(one)]
    theatre = Theatre(wanted, struck(*everybody), seed=seed, mute=mute)
    assert play(theatre, STRUCK + slowest(wanted) + LONGEST) == dict.fromkeys(everybody, 5)
    assert theatre.least == len(everybody)
    assert theatre.told.count("DirectorSuspected") == 1


@settings(max_examples=60)
@given(paces(), shares, seeds, st.floats(0.0, 0.9), st.data())
def test_who_is_out_because_it_failed_a_little_earlier_is_back_when_all_have_been_asked(
    found: tuple[Pace, ...], most: Share, seed: int, later: float, data: st.DataObject
) -> None:
    wanted = town(*found, most=most)
    services = [members(one) for one in wanted.services.values()]
    everybody = [n for numbers in services for n in numbers]
    first = data.draw(st.sampled_from(services))
    theatre = Theatre(wanted, one_after_the_other(first, later), seed=seed)
    assert play(theatre, STRUCK + later + slowest(wanted) + LONGEST) == dict.fromkeys(everybody, 5)
    assert theatre.told.count("DirectorSuspected") == 1


@settings(max_examples=60)
@given(paces(), seeds, st.data())
def test_and_who_was_drained_is_there_with_its_connections(
    found: tuple[Pace, ...], seed: int, data: st.DataObject
) -> None:
    """Of each service one server stays in use, so three still fail."""
    wanted = town(*found)
    everybody = [n for one in wanted.services.values() for n in members(one)]
    spare = [n for one in wanted.services.values() for n in members(one)[1:]]
    drained = frozenset(data.draw(st.lists(st.sampled_from(spare)))) if spare else frozenset()
    theatre = Theatre(wanted, struck(*everybody), seed=seed, drained=drained)
    assert play(theatre, STRUCK + slowest(wanted) + LONGEST) == {n: 0 if n in drained else 5 for n in everybody}


def test_what_drains_goes_on_although_its_server_was_deleted_meanwhile() -> None:
    """The kernel remembers a deleted server that has connections: added again to its service it has them again."""
    fast, slow = Pace(2, fast=0.1, fall=1), Pace(2, interval=10.0)
    wanted = town(fast, slow, slow)
    theatre = Theatre(wanted, one_after_the_other((1, 2), 1.3), seed=1, drained=frozenset({2}))

    async def played() -> None:
        live, drained = (replace(server(2).attrs, weight=weight) for weight in (5, 0))
        await theatre.ipvs.apply([EditServer(VIP, real(1), drained), EditServer(VIP, real(2), live)])
        assert theatre.ipvs.connect(VIP, CLIENT, 1024, now=0) == real(2)
        await theatre.ipvs.apply([EditServer(VIP, real(1), live), EditServer(VIP, real(2), drained)])
        await theatre.until(STRUCK + 1.2)
        assert await theatre.table() == dict.fromkeys((3, 4, 5, 6), 5), "the others answer"
        await theatre.until(STRUCK + 1.3 + slowest(wanted))
        assert await theatre.table() == {1: 5, 2: 0, 3: 5, 4: 5, 5: 5, 6: 5}
        assert (await theatre.ipvs.look()).counters[VIP].servers[real(2)].total == 1

    asyncio.run(played())


@pytest.mark.parametrize("operations", range(9))
def test_a_plan_that_was_interrupted_is_made_up_for(operations: int) -> None:
    """The kernel carries out so many, four that take out and four that bring back, and is silent for a while."""
    fast, slow = Pace(4, fast=0.1, fall=1), Pace(2, interval=10.0)
    wanted = town(fast, slow, slow, most=Share(percent=100))
    theatre = Theatre(wanted, one_after_the_other(range(1, 5), 1.0), seed=2)
    all_known = STRUCK + 1.0 + slowest(wanted)

    def refuse(number: int, _: Op) -> int:
        if number > operations and theatre.now < all_known:
            raise KernelError("it does not answer")
        return 0

    theatre.ipvs.refuse = refuse
    assert play(theatre, all_known + PERIOD) == dict.fromkeys(range(1, 9), 5)


@settings(max_examples=60)
@given(paces(), seeds, st.data())
def test_when_one_service_or_a_rack_that_is_less_than_half_dies_it_is_out_in_time(
    found: tuple[Pace, ...], seed: int, data: st.DataObject
) -> None:
    wanted = town(*found, most=Share(percent=100))
    services = [members(one) for one in wanted.services.values()]
    everybody = [n for numbers in services for n in numbers]
    rack = [numbers[0] for numbers in services][: len(everybody) // 2]
    dead = data.draw(st.sampled_from([rack, *services]))
    theatre = Theatre(wanted, struck(*dead), seed=seed)
    left = {n: weight for n, weight in play(theatre, STRUCK + slowest(wanted)).items() if weight}
    assert left == {n: 5 for n in everybody if n not in dead}
    assert "DirectorSuspected" not in theatre.told


@settings(max_examples=60)
@given(paces(), seeds, st.booleans(), st.data())
def test_one_server_or_service_that_dies_waits_for_no_more_than_the_answers_of_a_few(
    found: tuple[Pace, ...], seed: int, mute: bool, data: st.DataObject
) -> None:
    wanted = town(*found, most=Share(percent=100))
    services = [members(one) for one in wanted.services.values()]
    dead = data.draw(st.sampled_from([*services, [services[0][0]], [services[-1][-1]]]))
    theatre = Theatre(wanted, struck(*dead), seed=seed, mute=mute)
    play(theatre, STRUCK + slowest(wanted) + 1.0)
    assert theatre.waited.keys() == set(dead)
    assert max(theatre.waited.values()) <= WITNESSES * 0.01 + 1.0 / 50 + 0.001, (
        "they begin so far apart, and answer so soon"
    )
