"""How late the event loop is, measured on a loop that is made late."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from lvsctl.daemon.doubt import Doubt
from lvsctl.daemon.lag import STANDSTILL, TICK, Lag
from lvsctl.daemon.world import World
from lvsctl.events import Event, StoodStill
from tests.decide.making import spec


async def test_a_loop_that_was_held_up_is_seen_and_listeners_are_told() -> None:
    loop = asyncio.get_running_loop()
    lag = Lag(loop)
    told: list[float] = []
    lag.listeners.append(told.append)
    lag.start()
    try:
        held_up = TICK + 0.3
        time.sleep(held_up)  # the tick is due after TICK, and rings no sooner than this is over
        async with asyncio.timeout(10):
            while not told:
                await asyncio.sleep(0.01)
        assert told[0] >= 0.3 - 0.01
        assert lag.worst(60.0) >= told[0]
        assert lag.last == told[-1]
    finally:
        lag.stop()


async def test_a_delay_counts_from_the_moment_at_which_it_is_one_and_for_as_long_as_is_asked() -> None:
    now = 1000.0
    lag = Lag(asyncio.get_running_loop(), clock=lambda: now)
    told: list[float] = []
    lag.listeners.append(told.append)
    assert lag.worst(60.0) == 0.0
    lag.start()
    try:
        now += TICK + 30.0  # the machine slept: the loop's own clock has not seen it
        assert (lag.worst(1.0), told) == (30.0, [])
        async with asyncio.timeout(10):
            while not told:
                await asyncio.sleep(0.01)
        assert (lag.last, lag.worst(1.0)) == (30.0, 30.0) == (told[0], told[0])
        now += 2.0
    finally:
        lag.stop()
    assert (lag.worst(1.0), lag.worst(3.0)) == (0.0, 30.0)


@pytest.mark.parametrize(
    ("late", "events"),
    [(STANDSTILL - 0.01, []), (STANDSTILL + 0.01, [StoodStill(2.01)]), (600.0, [StoodStill(600.0)])],
    ids=["busy", "stood still", "slept"],
)
async def test_a_standstill_is_told_once_and_a_busy_loop_is_not(late: float, events: list[Event]) -> None:
    now = 1000.0
    told: list[Event] = []
    lag = Lag(asyncio.get_running_loop(), clock=lambda: now)
    Doubt(World(spec(), health={}, owned=frozenset(), clock=lambda: now, tell=told.append), told.append, lag)
    rung: list[float] = []
    lag.listeners.append(rung.append)
    lag.start()
    try:
        now += TICK + late
        async with asyncio.timeout(10):
            while len(rung) < 3:
                await asyncio.sleep(0.01)
    finally:
        lag.stop()
    assert [replace(one, seconds=round(one.seconds, 3)) for one in told if isinstance(one, StoodStill)] == events
    assert len(told) == len(events)


async def test_what_is_stopped_measures_no_more() -> None:
    lag = Lag(asyncio.get_running_loop())
    told: list[float] = []
    lag.listeners.append(told.append)
    lag.start()
    lag.stop()
    lag.stop()
    await asyncio.sleep(2 * TICK)
    assert told == []
