"""The estimates against a director that knows the flags: whatever happens, and whenever somebody looks."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.overload import lower_bound
from lvsctl.decide.spill.counting import LAG
from lvsctl.decide.spill.load import Loads
from lvsctl.decide.spill.watch import watch
from lvsctl.events import SpillEnded, SpillStarted
from lvsctl.kernel.connections import End
from lvsctl.kernel.memory import MAINLINE, MemoryIpvs
from lvsctl.model import (
    EditServer,
    Entry,
    Forward,
    Generation,
    RealAttrs,
    RealKey,
    Server,
    ServiceCounters,
    Traffic,
)
from tests.decide.making import VIP, real, service, spec

TICK = 2.0
"""Seconds between two runs of the kernel's estimator."""

CLIENT = IPv4Address("198.51.100.1")
A, B, SPARE = real(1), real(2), real(3)

Step: TypeAlias = tuple[str, float] | tuple[str, int, tuple[int, int]]
limits = st.sampled_from([(4, 2), (3, 0), (2, 2), (4, 4), (6, 1), (1, 0), (0, 0)])
edits = st.tuples(st.just("edit"), st.sampled_from([1, 2]), limits)
events = st.one_of(
    st.tuples(st.just("connect"), st.integers(1, 10)),
    st.tuples(st.just("reset"), st.integers(1, 8)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 4.0, 10.5, 11.0])),
)
looking = st.just(("look", 0))


class Tale:
    """A shop of two servers of threshold 4 and 2, and a spare one, over a director; looked at and told of.

    lag: its cumulative counters are those of the estimator's last run, as the kernel's are.
    """

    def __init__(self, scheduler: str, generation: Generation, *, lag: bool = False, quiet: float = 0.0) -> None:
        upper = [Server(key, RealAttrs(Forward.ROUTE, 5, 4, 2), ()) for key in (A, B)]
        self.shop = replace(
            service(upper, [Server(SPARE, RealAttrs(Forward.ROUTE, 1), ())], scheduler=scheduler), spill_quiet=quiet
        )
        self.attrs = {server.key: server.attrs for pool in self.shop.pools for server in pool.servers}
        table = {VIP: Entry(self.shop.attrs, dict(self.attrs))}
        self.ipvs = MemoryIpvs(table, schedulers=[*MAINLINE, "hprio"], generation=generation)
        self.generation, self.lag = generation, lag
        self.now = 0.0
        self.ports: list[int] = []
        self.estimated: dict[RealKey, int] = {}
        self.loads: Loads = {}
        self.told: list[object] = []
        self.spilled: list[float] = []  # when
        self.full: list[float] = []  # when all of the upper pool was
        self.changed: set[RealKey] = set()  # flags, since the last look
        self.wrong: set[RealKey] = set()

    async def play(self, *steps: Step) -> None:
        for step in steps:
            match step:
                case "connect", int(times):
                    for _ in range(times):
                        self.connect()
                case "reset", int(times):  # the oldest; their entries live 10 s more
                    for port in self.ports[:times]:
                        self.ipvs.end(VIP, CLIENT, port, End.RST, now=self.now)
                    del self.ports[:times]
                case "edit", int(number), (int(upper), int(lower)):
                    key = real(number)
                    self.attrs[key] = replace(self.attrs[key], upper=upper, lower=lower)
                    before = self.ipvs.overloaded(VIP)
                    await self.ipvs.apply([EditServer(VIP, key, self.attrs[key])])
                    self.note(before)
                case "wait", float(seconds):
                    await self.wait(seconds)
                case "look", _:
                    await self.look()

    def connect(self) -> None:
        before = self.ipvs.overloaded(VIP)
        port = 1024 + len(self.ports) + int(self.now * 2) % 50000
        while port in self.ports:
            port += 1
        picked = self.ipvs.connect(VIP, CLIENT, port, now=self.now)
        self.note(before)
        if picked is not None:
            self.ports.append(port)
        if picked == SPARE:
            self.spilled.append(self.now)

    async def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            before = self.ipvs.overloaded(VIP)
            self.now += 0.5
            self.ipvs.pass_time(self.now)
            self.note(before)
            if self.now % TICK == 0:
                rows = (await self.ipvs.look()).counters[VIP].servers
                self.estimated = {key: row.traffic.connections for key, row in rows.items()}

    def note(self, before: frozenset[RealKey]) -> None:
        flags = self.ipvs.overloaded(VIP)
        self.changed |= flags ^ before
        if {A, B} <= flags | before:
            self.full.append(self.now)

    async def look(self) -> None:
        seen = await self.ipvs.look()
        if self.lag:
            rows = seen.counters[VIP].servers.items()
            late = {key: row._replace(traffic=Traffic(self.estimated.get(key, 0))) for key, row in rows}
            seen = replace(seen, counters={VIP: ServiceCounters(Traffic(), late)})
        self.seen = seen
        found = watch(spec(self.shop), seen, self.loads, self.now, generation=self.generation)
        self.loads = found.loads
        self.told += found.events

    @property
    def estimate(self) -> frozenset[RealKey]:
        return frozenset(key for key, server in self.loads[VIP].servers.items() if server.overloaded)

    def counted(self) -> int:
        """Connections of all spills, those that go on, too."""
        ended = sum(event.connections for event in self.told if isinstance(event, SpillEnded))
        return ended + self.loads[VIP].spilled


both = pytest.mark.parametrize("generation", Generation)


@both
@pytest.mark.parametrize("scheduler", ["hprio", "fo"])
@given(steps=st.lists(events | edits, max_size=40))
async def test_who_looks_at_every_moment_knows_everything(
    scheduler: str, generation: Generation, steps: list[Step]
) -> None:
    tale = Tale(scheduler, generation)
    await tale.play(("look", 0))
    for step in steps:
        parts: list[Step] = [step]
        if step[0] in ("connect", "reset"):
            parts = [(step[0], 1), ("wait", 0.5)] * int(step[1])  # type: ignore[call-overload]
        elif step[0] == "wait":
            parts = [("wait", 0.5)] * round(step[1] * 2)  # type: ignore[operator]
        for part in parts:
            await tale.play(part, ("look", 0))
            assert tale.estimate == tale.ipvs.overloaded(VIP), part


@both
@given(
    steps=st.lists(
        st.lists(events, max_size=6).flatmap(lambda some: st.tuples(st.just(some), st.none() | edits)), max_size=12
    )
)
async def test_an_estimate_is_wrong_only_about_a_flag_that_changed_unseen_between_the_thresholds(
    generation: Generation, steps: list[tuple[list[Step], Step | None]]
) -> None:
    tale = Tale("hprio", generation)
    await tale.play(("look", 0))
    for happened, edit in steps:
        tale.changed.clear()
        await tale.play(*happened, ("look", 0))
        truth = tale.ipvs.overloaded(VIP)
        for key in tale.estimate ^ truth:
            assert key in tale.wrong | tale.changed
            row, attrs = tale.seen.counters[VIP].servers[key], tale.attrs[key]
            if generation is Generation.NEW:
                assert lower_bound(attrs) <= row.total < attrs.upper
        tale.wrong = set(tale.estimate ^ truth)
        if edit is not None:
            await tale.play(edit)


@both
@pytest.mark.parametrize("lag", [False, True])
@given(steps=st.lists(events | looking, max_size=60), quiet=st.sampled_from([0.0, 10.0]))
async def test_no_spill_is_missed_none_is_invented_and_every_connection_is_counted(
    generation: Generation, lag: bool, steps: list[Step], quiet: float
) -> None:
    tale = Tale("hprio", generation, lag=lag, quiet=quiet)
    await tale.play(("look", 0), ("wait", 4.0), ("look", 0))
    wrong, counted = False, 0
    before = tale.now
    for step in steps:
        told = len(tale.told)
        await tale.play(step)
        if step[0] != "look":
            continue
        if any(moment > before for moment in tale.spilled) and not lag:
            assert tale.loads[VIP].spills
        held = tale.seen.counters[VIP].servers[SPARE].total
        assert held <= tale.counted() <= len(tale.spilled), "at least those that are there, and none that did not come"
        assert tale.counted() >= counted, "what was told of stays told"
        counted = tale.counted()
        started = any(isinstance(event, SpillStarted) for event in tale.told[told:])
        wrong = wrong or bool(tale.estimate - tale.ipvs.overloaded(VIP))
        if started and not wrong:
            assert any(moment >= before - LAG for moment in tale.full)
        before = tale.now
    await tale.play(("look", 0), ("wait", 4.0), ("look", 0))
    assert tale.counted() == len(tale.spilled)
    if tale.spilled:
        assert any(isinstance(event, SpillStarted) for event in tale.told)
