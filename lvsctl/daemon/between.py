"""Between two rounds: how long nothing need be done, and that the service manager hears of us meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lvsctl.daemon.systemd import notify, watchdog_period

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon

STARTING = 60.0
"""Seconds beyond the period that systemd is asked to wait for a round, before the first complete one."""


def alive(daemon: Daemon) -> None:
    """Keep the service manager from losing patience."""
    patience = daemon.world.spec.period + STARTING
    notify("WATCHDOG=1" if daemon.ready else f"EXTEND_TIMEOUT_USEC={patience * 1e6:.0f}")


async def wait(daemon: Daemon, *, rest: float) -> None:
    """Until something happens or the period ends; for `rest` seconds, as long as the round took, whatever happens, so
    that probes get a turn."""
    await _rest(daemon, rest)
    try:
        async with asyncio.timeout(_pause(daemon)):
            await daemon.world.wake.wait()
    except TimeoutError:
        pass


async def _rest(daemon: Daemon, seconds: float) -> None:
    """Leave the loop to the probes; where the kernel is slow that is longer than a service manager waits."""
    longest = watchdog_period() or seconds
    while seconds > longest:
        await asyncio.sleep(longest)
        alive(daemon)
        seconds -= longest
    await asyncio.sleep(seconds)
    alive(daemon)


def _pause(daemon: Daemon) -> float:
    """Seconds until time alone calls for a round."""
    now, period = daemon.loop.time(), daemon.world.spec.period
    pause = min(period, watchdog_period() or period)
    if daemon.last.error is None:  # else no round could end a suspicion now
        pause = min(pause, daemon.doubt.patience(now))
    if daemon.world.ladder.missing:
        pause = min(pause, daemon.lookout.recheck)
    end = daemon.overrides.next_end()
    due = [daemon.due, daemon.clock.moment(end) if end is not None else None, daemon.pairing.due]
    return min([pause, *(max(one - now, 0.0) for one in due if one is not None)])
