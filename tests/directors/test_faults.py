"""A hundred random faults on a pair: never two actives beyond what the protocol allows, always one again, equal tables.

The seed is printed; LVSCTL_SEED=n plays it again, LVSCTL_FAULTS=n so many of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.directors.judge import Bounds, History, Lasted, Moved, judge
from tests.directors.misfortune import COUNT, STARTING, Fault, Kind, misfortunes
from tests.directors.pair import Pair, Setup, standing
from tests.directors.stack import Lvsctl, Stack
from tests.directors.town import Town
from tests.directors.wiretap import Wiretap

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new"),  # sleeping costs nothing there, and nobody is late
    pytest.mark.timeout(6 * 3600),
]

SEED = int(os.environ.get("LVSCTL_SEED", "5"))
FAULTS = int(os.environ.get("LVSCTL_FAULTS", COUNT))
SLACK = 0.02
CALM = 30.0
"""Seconds before the first and after the last."""


class Player:
    """Does to a pair what is written. lasted: what was done."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._jumped = 0.0
        self.lasted: list[Lasted] = []

    def play(self, faults: Sequence[Fault]) -> None:
        scenes = [(fault.at, 0, fault) for fault in faults] + [(fault.until, 1, fault) for fault in faults]
        began, since = time.monotonic(), dict[Fault, float]()
        try:
            for at, ends, fault in sorted(scenes, key=lambda scene: scene[:2]):
                time.sleep(max(0.0, began + at - time.monotonic()))
                if ends:
                    self._mend(fault)
                    self.lasted.append(Lasted(fault.kind, fault.who, since[fault], time.monotonic()))
                else:
                    since[fault] = time.monotonic()
                    self._strike(fault)
        finally:
            self._put_clock(-self._jumped)

    def _strike(self, fault: Fault) -> None:
        town, stack = self._pair.town, self._pair.b if fault.who == "b" else self._pair.a
        match fault.kind:
            case Kind.KILL:
                stack.kill()
            case Kind.ORPHAN:
                daemon(stack).kill()
                stack.wait()
            case Kind.MUTE:
                [speaker, _] = stack.processes()
                os.kill(speaker, signal.SIGKILL)
            case Kind.FREEZE:
                stack.signal(signal.SIGSTOP)
            case Kind.STUN:
                daemon(stack).send_signal(signal.SIGSTOP)
            case Kind.PART:
                town.part()
            case Kind.DEAFEN:
                town.deafen(stack.host)
            case Kind.UNPLUG:
                town.unplug(stack.host)
            case Kind.CLOCK:
                self._put_clock(fault.jump)

    def _mend(self, fault: Fault) -> None:
        town, stack = self._pair.town, self._pair.b if fault.who == "b" else self._pair.a
        match fault.kind:
            case Kind.KILL | Kind.ORPHAN:
                stack.start()
            case Kind.FREEZE:
                stack.signal(signal.SIGCONT)
            case Kind.STUN:
                daemon(stack).send_signal(signal.SIGCONT)
            case Kind.PART:
                town.join()
            case Kind.DEAFEN:
                town.hear(stack.host)
            case Kind.UNPLUG:
                town.plug(stack.host)

    def _put_clock(self, seconds: float) -> None:
        time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
        self._jumped += seconds


def daemon(stack: Stack) -> subprocess.Popen[str]:
    assert stack.process is not None
    return stack.process


@pytest.mark.parametrize("interval", [1.0, 0.1])
def test_a_hundred_faults(town: Town, tmp_path: Path, interval: float) -> None:
    setup, faults = Setup(interval=interval), misfortunes(SEED, interval, FAULTS)
    print(f"seed {SEED}: {dict(Counter(fault.kind for fault in faults))}, {faults[-1].until:.0f} s")
    with standing(town, tmp_path, Lvsctl, setup) as pair, Wiretap(town).listening() as wiretap:
        player = Player(pair)
        time.sleep(CALM)
        began = time.monotonic()
        player.play(faults)
        time.sleep(CALM)
        ended = time.monotonic()
        moved = [Moved(one.when, one.host.name, one.there) for one in pair.witness.moved]
        bounds = Bounds(interval, max(setup.bound(host) for host in town.directors), STARTING, SLACK)
        found = judge(History(began, ended, player.lasted, moved, wiretap.said), bounds)
        print(f"both acted for {found.two:.3f} s, beyond what excuses it for {found.longest_two * 1000:.0f} ms at most")
        print(f"nobody acted for {found.longest_none:.3f} s at most; a corpse had the address for {found.corpse:.1f} s")
        assert not found.wrong, "\n".join([*found.wrong, pair.a.says(), pair.b.says()])
        assert town.vips() == [town.a]
        pair.settled()
