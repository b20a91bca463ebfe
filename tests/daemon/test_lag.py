"""How late the event loop is, measured on a loop that is made late."""

from __future__ import annotations

import asyncio
import time

from lvsctl.daemon.lag import TICK, Lag


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
        assert lag.worst(-1.0) == 0.0
    finally:
        lag.stop()


async def test_what_is_stopped_measures_no_more() -> None:
    lag = Lag(asyncio.get_running_loop())
    told: list[float] = []
    lag.listeners.append(told.append)
    lag.start()
    lag.stop()
    lag.stop()
    await asyncio.sleep(2 * TICK)
    assert told == []
