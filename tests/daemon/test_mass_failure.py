"""Many servers begin to fail at one instant, in simulated time: who is out of the table afterwards, and how soon."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.daemon.reconcile import act, look_and_decide
from lvsctl.daemon.world import World
from lvsctl.decide.health import JITTER, presume, worst_detection
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

    def __init__(self, wanted: Spec, answers: Fate, *, seed: int, drained: frozenset[int] = frozenset()) -> None:
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
        )
        self.world.health |= {check_of(n): replace(self.world.health[check_of(n)], up=True) for n in drained}
        self.world.overrides = [drain(n) for n in drained]
        self._due = [
            (self.now + self._chance.random() * asked.interval, next(self._order), asked)
            for asked in wanted.questions.values()
        ]
        heapq.heapify(self._due)

    async def until(self, end: float) -> None:
        """Probe after probe, with a round whenever one wakes the loop, and once a period."""
        period = self.now
        while self.now < end:
            at, _, asked = heapq.heappop(self._due)
            while period <= min(at, end):
                self.now, period = max(self.now, period), period + PERIOD
                await self._round()
            if at > end:
                heapq.heappush(self._due, (at, next(self._order), asked))
                self.now = end
                break
            self.now = max(self.now, at)
            self._ask(asked)
            if self.world.wake.is_set():
                await self._round()

    def _ask(self, asked: Question) -> None:
        check = CheckId(f"{asked.id} 2/3")
        passed = self._answers(self._numbers[check], self.now)
        pace = self.world.heard(asked, PASS if passed else FAIL)
        due = self.now + pace * (1 + JITTER * self._chance.uniform(-1, 1))
        heapq.heappush(self._due, (due, next(self._order), asked))

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
            Pace(draw(st.integers(1, 4)), interval, fast, draw(st.integers(1, 3)), draw(st.sampled_from(OnDown)))
        )
    return tuple(found)


shares = st.sampled_from([Share(percent=50), Share(percent=100), Share(2)])
seeds = st.integers(0, 2**16)


@settings(max_examples=60)
@given(paces(), shares, seeds)
def test_when_everything_begins_to_fail_at_once_nobody_is_out_when_all_have_been_asked(
    found: tuple[Pace, ...], most: Share, seed: int
) -> None:
    wanted = town(*found, most=most)
    everybody = [n for one in wanted.services.values() for n in members(one)]
    theatre = Theatre(wanted, struck(*everybody), seed=seed)
    assert play(theatre, STRUCK + slowest(wanted)) == dict.fromkeys(everybody, 5)
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
    assert play(theatre, STRUCK + slowest(wanted)) == {n: 0 if n in drained else 5 for n in everybody}


def test_what_drains_goes_on_although_its_server_was_deleted_meanwhile() -> None:
    """The kernel remembers a deleted server that has connections: added again to its service it has them again."""
    fast, slow = Pace(2, fast=0.1, fall=1), Pace(2, interval=10.0)
    wanted = town(fast, slow, slow)
    theatre = Theatre(wanted, struck(*range(1, 7)), seed=1, drained=frozenset({2}))

    async def played() -> None:
        live, drained = (replace(server(2).attrs, weight=weight) for weight in (5, 0))
        await theatre.ipvs.apply([EditServer(VIP, real(1), drained), EditServer(VIP, real(2), live)])
        assert theatre.ipvs.connect(VIP, CLIENT, 1024, now=0) == real(2)
        await theatre.ipvs.apply([EditServer(VIP, real(1), live), EditServer(VIP, real(2), drained)])
        await theatre.until(STRUCK + 1.2)
        assert await theatre.table() == dict.fromkeys((3, 4, 5, 6), 5), "they are asked later"
        await theatre.until(STRUCK + slowest(wanted))
        assert await theatre.table() == {1: 5, 2: 0, 3: 5, 4: 5, 5: 5, 6: 5}
        assert (await theatre.ipvs.look()).counters[VIP].servers[real(2)].total == 1

    asyncio.run(played())


@pytest.mark.parametrize("operations", range(9))
def test_a_plan_that_was_interrupted_is_made_up_for(operations: int) -> None:
    """The kernel carries out so many, four that take out and four that bring back, and is silent for a while."""
    fast, slow = Pace(4, fast=0.1, fall=1), Pace(2, interval=10.0)
    wanted = town(fast, slow, slow, most=Share(percent=100))
    theatre = Theatre(wanted, struck(*range(1, 9)), seed=2)
    all_known = STRUCK + slowest(wanted)

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
