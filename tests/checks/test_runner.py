"""A set of questions kept being asked: spread, jitter, pace, order, limits. Time is looptime's."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import resource
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from lvsctl.checkapi import Ask, CannotAsk, Kind, Params
from lvsctl.checks.runner import NEVER, Runner, ask_all
from lvsctl.model import Outcome, Question, QuestionId, Target, Verdict

pytestmark = pytest.mark.looptime


@dataclass
class World:
    """A check kind that takes `lasts` seconds, and everything that was asked and heard of it."""

    lasts: float = 0.1
    lingers: float = 0.0  # seconds of cleaning up when cancelled
    started: dict[str, list[float]] = field(default_factory=dict)
    heard: list[tuple[str, Outcome]] = field(default_factory=list)
    now_open: list[str] = field(default_factory=list)
    most_open: int = 0
    overlaps: int = 0
    result: Callable[[Ask[Params]], Outcome] = lambda asked: asked.passed("L4OK", "")
    pace: Callable[[Question], float] = lambda question: question.interval

    async def run(self, asked: Ask[Params]) -> Outcome:
        who = str(asked.target.port)
        self.started.setdefault(who, []).append(asyncio.get_running_loop().time())
        self.overlaps += who in self.now_open
        self.now_open.append(who)
        self.most_open = max(self.most_open, len(self.now_open))
        try:
            await asyncio.sleep(self.lasts)
            return self.result(asked)
        except asyncio.CancelledError:
            await asyncio.sleep(self.lingers)
            raise
        finally:
            self.now_open.remove(who)

    def hear(self, question: Question, outcome: Outcome) -> float:
        self.heard.append((question.id, outcome))
        return self.pace(question)

    @asynccontextmanager
    async def runner(self, *, seed: int = 1, limit: int | None = None):
        runner = Runner(self.kinds, self.hear, chance=random.Random(seed), limit=limit)
        try:
            yield runner
        finally:
            await runner.close()
        assert self.now_open == []

    @property
    def kinds(self):
        return {"fake": Kind("fake", "", Params, self.run)}


def questions(
    *numbers: int, interval: float = 2.0, kind: str = "fake", timeout: float = 1.0
) -> dict[QuestionId, Question]:
    made = [
        Question(
            QuestionId(str(n)),
            kind,
            Target(ip_address("192.0.2.1"), n),
            Params(),
            timeout,
            interval,
            interval,
            interval,
        )
        for n in numbers
    ]
    return {question.id: question for question in made}


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(("count", "spread"), [(1, 0.0), (3, 0.02), (100, 0.99), (1000, 0.999)])
async def test_first_probes_start_at_once_spread_over_at_most_a_second(count, spread):
    world = World()
    async with world.runner() as runner:
        begun = now()
        runner.keep(questions(*range(1, count + 1)))
        await asyncio.sleep(1.0)
    first = [starts[0] - begun for starts in world.started.values()]
    assert len(first) == count
    assert min(first) == pytest.approx(0, abs=0.005)
    assert max(first) == pytest.approx(spread, abs=0.005)


async def test_later_probes_follow_the_pace_from_start_to_start_with_jitter():
    world = World(lasts=0.5)
    async with world.runner() as runner:
        runner.keep(questions(1))
        await asyncio.sleep(400)
    starts = world.started["1"]
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    assert len(gaps) > 150
    assert 1.8 - 0.01 <= min(gaps) < 1.85 and 2.15 < max(gaps) <= 2.2 + 0.01
    assert sum(gaps) / len(gaps) == pytest.approx(2.0, abs=0.03)


async def test_who_is_hastened_is_asked_out_of_turn_and_then_in_turn_again():
    world = World(lasts=0.1)
    async with world.runner() as runner:
        runner.keep(questions(1, 2, 3, interval=60.0))
        await asyncio.sleep(10)
        begun = now()
        runner.hasten([QuestionId("3"), QuestionId("1"), QuestionId("9")])
        await asyncio.sleep(30)
        assert {who: [start - begun for start in starts[1:]] for who, starts in world.started.items()} == {
            "1": [pytest.approx(0.01, abs=0.005)],
            "2": [],
            "3": [pytest.approx(0.0, abs=0.005)],
        }
        await asyncio.sleep(40)
    assert [len(world.started[who]) for who in "123"] == [3, 2, 3]
    [_, hastened, after] = world.started["1"]
    assert after - hastened == pytest.approx(60, rel=0.11)


async def test_who_is_being_asked_is_asked_again_when_that_is_done():
    world = World(lasts=3.0)
    async with world.runner() as runner:
        runner.keep(questions(1, interval=60.0, timeout=5))
        await asyncio.sleep(1)
        runner.hasten([QuestionId("1")])
        runner.hasten([QuestionId("1")])
        await asyncio.sleep(30)
    first, again = world.started["1"]
    assert again - first == pytest.approx(3.0, abs=0.01)
    assert world.overlaps == 0


async def test_everybody_is_hastened_within_a_second():
    world = World()
    async with world.runner() as runner:
        everybody = questions(*range(1, 1001), interval=60.0)
        runner.keep(everybody)
        await asyncio.sleep(10)
        begun = now()
        runner.hasten(everybody)
        await asyncio.sleep(1.0)
    second = [starts[1] - begun for starts in world.started.values()]
    assert (len(second), max(second)) == (1000, pytest.approx(0.999, abs=0.005))


async def test_nobody_is_hastened_who_would_be_asked_sooner():
    world = World(lasts=0.0)
    async with world.runner() as runner:
        runner.keep(questions(1, 2, 3, interval=0.015))
        await asyncio.sleep(1)
        for _ in range(100):
            runner.hasten([QuestionId("1"), QuestionId("2"), QuestionId("3")])
        before = len(world.started["3"])
        await asyncio.sleep(0.15)
    assert len(world.started["3"]) >= before + 8, "it is not put off"


async def test_heard_decides_the_pace():
    world = World(lasts=0.0)
    paces = iter([0.5, 5.0, 1.0, NEVER])
    world.pace = lambda _: next(paces)
    async with world.runner() as runner:
        runner.keep(questions(1))
        await asyncio.sleep(60)
    starts = world.started["1"]
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    assert gaps == [pytest.approx(0.5, rel=0.11), pytest.approx(5, rel=0.11), pytest.approx(1, rel=0.11)]


async def test_never_two_probes_of_one_question():
    """A probe that lasts longer than its interval is followed by the next at once."""
    world = World(lasts=3.0)
    async with world.runner() as runner:
        runner.keep(questions(1, 2, interval=1.0, timeout=5))
        await asyncio.sleep(30)
    assert world.overlaps == 0
    assert len(world.started["1"]) == 10


async def test_the_deadline_of_a_question_is_its_own():
    world = World(lasts=9)
    async with world.runner() as runner:
        runner.keep(questions(1, timeout=0.5))
        await asyncio.sleep(1)
    assert [(outcome.verdict, outcome.code) for _, outcome in world.heard] == [("fail", "L4TOUT")]


async def test_gone_questions_are_cancelled_and_unchanged_ones_not_disturbed():
    world = World(lasts=0.5)
    async with world.runner() as runner:
        runner.keep(questions(1, 2))
        await asyncio.sleep(0.2)
        runner.keep(questions(2, 3))
        await asyncio.sleep(0.1)
        assert sorted(world.now_open) == ["2", "3"]
        await asyncio.sleep(5)
    assert len(world.started["1"]) == 1
    assert "1" not in {who for who, _ in world.heard}
    assert len(world.started["2"]) == 3


async def test_gone_before_its_time_and_gone_between_two_probes():
    world = World()
    async with world.runner() as runner:
        runner.keep(questions(*range(1, 51)))
        runner.keep(questions(1))
        await asyncio.sleep(1)
        runner.keep({})
        await asyncio.sleep(10)
        assert (list(world.started), len(world.started["1"])) == (["1"], 1)
        assert runner.stats.questions == 0


async def test_gone_and_come_back_waits_for_the_old_probe_to_be_over():
    world = World(lasts=0.5, lingers=0.3)
    async with world.runner() as runner:
        runner.keep(questions(1))
        await asyncio.sleep(0.1)
        runner.keep({})
        runner.keep(questions(1))
        await asyncio.sleep(0.1)
        assert len(world.started["1"]) == 1
        await asyncio.sleep(0.3)
        assert len(world.started["1"]) == 2
    assert world.overlaps == 0


async def test_gone_come_back_and_gone_again_is_not_asked():
    world = World(lasts=0.5, lingers=0.3)
    async with world.runner() as runner:
        runner.keep(questions(1))
        await asyncio.sleep(0.1)
        runner.keep({})
        runner.keep(questions(1))
        await asyncio.sleep(0.1)
        runner.keep({})
        await asyncio.sleep(9)
    assert len(world.started["1"]) == 1


async def test_longer_timings_take_effect_at_the_next_scheduling():
    world = World(lasts=0.0)
    async with world.runner() as runner:
        runner.keep(questions(1, interval=2))
        await asyncio.sleep(0.1)
        runner.keep(questions(1, interval=10))
        await asyncio.sleep(2.2)
        assert len(world.started["1"]) == 2
        await asyncio.sleep(8.7)
        assert len(world.started["1"]) == 2


async def test_shorter_timings_do_not_wait_for_what_the_longer_ones_had_planned():
    """An operator who turns an hour into two seconds does not mean in an hour."""
    world = World(lasts=0.0)
    numbers = range(1, 101)
    async with world.runner() as runner:
        runner.keep(questions(*numbers, interval=3600))
        await asyncio.sleep(2)
        changed = now()
        runner.keep(questions(*numbers, interval=2))
        await asyncio.sleep(2.01)
        seconds = sorted(world.started[str(n)][1] - changed for n in numbers)
        assert seconds[-1] <= 2.0
        assert max(after - before for before, after in itertools.pairwise(seconds)) < 0.2, "not all at once"


async def test_heard_may_change_what_is_kept():
    world = World()
    async with world.runner() as runner:

        def stop(question: Question) -> float:
            runner.keep({})
            return 0.0

        world.pace = stop
        runner.keep(questions(1))
        await asyncio.sleep(10)
        assert runner.stats.questions == 0
    assert len(world.started["1"]) == 1


async def test_a_bug_in_heard_does_not_stop_the_asking(caplog):
    world = World()

    def broken(question: Question) -> float:
        raise KeyError(question.id)

    world.pace = broken
    async with world.runner() as runner:
        runner.keep(questions(1))
        await asyncio.sleep(5)
    assert len(world.started["1"]) == 3
    assert caplog.records[0].getMessage() == "an outcome of 1 was not taken in"


async def test_a_kind_that_cancels_its_own_task_is_asked_again():
    def cancel_myself(asked: Ask[Params]) -> Outcome:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise asyncio.CancelledError

    world = World(result=cancel_myself)
    async with world.runner() as runner:
        runner.keep(questions(1))
        await asyncio.sleep(5)
    assert len(world.started["1"]) == 3
    assert {(o.verdict, o.detail) for _, o in world.heard} == {
        ("unknown", "bug in check kind fake: it cancelled its task")
    }


async def test_a_kind_that_waits_for_ever_in_its_cleaning_up_is_asked_again():
    world = World(lasts=9, lingers=1e9)
    async with world.runner() as runner:
        runner.keep(questions(1, timeout=1.0))
        await asyncio.sleep(5)
    assert [outcome.code for _, outcome in world.heard] == ["L4TOUT"] * 2
    assert len(world.started["1"]) == 3


async def test_a_kind_remembers_from_one_probe_of_a_question_to_the_next():
    def count(asked: Ask[Params]) -> Outcome:
        asked.memory["probes"] = asked.memory.get("probes", 0) + 1
        return asked.passed("L4OK", str(asked.memory["probes"]))

    world = World(result=count)
    async with world.runner() as runner:
        runner.keep(questions(1, 2))
        await asyncio.sleep(3)
        runner.keep(questions(2))
        runner.keep(questions(1, 2))
        await asyncio.sleep(1)
    assert [outcome.detail for who, outcome in world.heard if who == "1"] == ["1", "2", "1"]


async def test_the_limit_makes_a_line_and_no_unknowns():
    world = World(lasts=0.5)
    async with world.runner(limit=3) as runner:
        runner.keep(questions(*range(1, 11), interval=60))
        await asyncio.sleep(0.3)
        assert (runner.stats.in_flight, runner.stats.waiting) == (3, 7)
        await asyncio.sleep(5)
        assert (runner.stats.in_flight, runner.stats.waiting) == (0, 0)
        assert runner.stats.verdicts == {Verdict.PASS: 10, Verdict.FAIL: 0, Verdict.UNKNOWN: 0}
    assert world.most_open == 3
    order = sorted(world.started, key=lambda who: world.started[who])
    assert order == [str(n) for n in range(1, 11)], "first come, first served"


async def test_waiting_in_line_does_not_use_up_the_deadline():
    world = World(lasts=0.9)
    async with world.runner(limit=1) as runner:
        runner.keep(questions(1, 2, 3, timeout=1.0, interval=60))
        await asyncio.sleep(4)
        assert runner.stats.verdicts[Verdict.PASS] == 3


async def test_one_that_is_gone_leaves_the_line():
    world = World(lasts=0.5)
    async with world.runner(limit=1) as runner:
        runner.keep(questions(1, 2, 3, interval=60))
        await asyncio.sleep(0.3)
        runner.keep(questions(1, 3, interval=60))
        await asyncio.sleep(3)
    assert sorted(world.started) == ["1", "3"]


async def test_a_cancelled_probe_makes_room():
    world = World(lasts=0.5)
    async with world.runner(limit=1) as runner:
        runner.keep(questions(1, 2, interval=60))
        await asyncio.sleep(0.1)
        runner.keep(questions(2, interval=60))
        await asyncio.sleep(0.1)
        assert world.now_open == ["2"]


@pytest.mark.parametrize(("soft", "limit"), [(64 + 30, 10), (1024, 320), (20, 1)])
async def test_the_default_limit_follows_the_descriptors(monkeypatch, soft, limit):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, 4096))
    world = World(lasts=0.9)
    runner = Runner(world.kinds, world.hear)
    runner.keep(questions(*range(1, 401), interval=60))
    await asyncio.sleep(0.85)
    assert runner.stats.in_flight == min(limit, 340)
    await runner.close()


async def test_unknown_is_counted_and_a_kind_that_is_not_installed_is_unknown():
    def refuse(asked: Ask[Params]) -> Outcome:
        raise CannotAsk("no")

    world = World(result=refuse)
    async with world.runner() as runner:
        runner.keep(questions(1, interval=60) | questions(2, kind="gone", interval=60))
        await asyncio.sleep(1)
        assert runner.stats.verdicts[Verdict.UNKNOWN] == 2
    assert sorted(outcome.detail for _, outcome in world.heard) == ["no", "no check kind gone is installed"]


async def test_close_leaves_no_task_and_no_descriptor():
    before = os.listdir("/proc/self/fd")
    world = World(lasts=0.5, lingers=0.2)
    async with world.runner(limit=5) as runner:
        runner.keep(questions(*range(1, 20)))
        await asyncio.sleep(0.4)
        assert world.now_open
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert os.listdir("/proc/self/fd") == before


async def test_close_without_ever_asking():
    runner = Runner({}, lambda *_: 1.0)
    await runner.close()
    assert runner.stats.in_flight == 0


async def test_ask_all_has_an_answer_for_every_question():
    world = World(lasts=0.5)
    asked = questions(*range(1, 21)) | questions(99, kind="gone")
    begun = now()
    answers = await ask_all(world.kinds, asked, limit=50)
    assert answers.keys() == asked.keys()
    assert {outcome.verdict for outcome in answers.values()} == {Verdict.PASS, Verdict.UNKNOWN}
    assert now() - begun < 1.5
    assert all(len(starts) == 1 for starts in world.started.values())
    assert await ask_all(world.kinds, {}) == {}
