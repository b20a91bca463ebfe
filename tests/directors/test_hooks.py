"""Operators' programs do their worst at every transition, and no takeover is late for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.directors.misfortune import STARTING
from tests.directors.pair import Pair, Setup, standing
from tests.directors.stack import Lvsctl, Stack, waited
from tests.directors.town import Town

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new"),  # what would wait for a hook, even for a moment, is late there
    pytest.mark.timeout(3600),
]

INTERVAL = 1.0
SLACK = 0.02
TIMEOUT = 5
WORST = {
    "hangs for ever": "exec sleep 100000",
    "does not heed SIGTERM": "trap '' TERM; while :; do sleep 1; done",
    "crashes": "kill -SEGV $$",
    "forks, and its child keeps the pipe": "(trap '' HUP TERM; exec sleep 100000) &",
    "leaves a daemon of its own": "setsid sleep 60 &",
    "prints a gigabyte": "exec dd if=/dev/zero bs=1M count=1000",
    "prints for ever": "exec yes",
    "cannot be started": "exec /nowhere",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """pair: with the same program as every hook, which does what `play` says."""

    pair: Pair
    hook: Path
    told: Path

    def play(self, text: str) -> None:
        """From the next transition on."""
        new = self.hook.with_suffix(".new")
        new.write_text(f'#!/bin/sh\necho "$2 $3 $4" >>{self.told}\n{text}\n')
        new.chmod(0o755)
        new.rename(self.hook)

    def active(self) -> tuple[Stack, Stack]:
        """And the other one."""
        [host] = self.pair.town.vips()
        return self.pair.stack(host), self.pair.stack(self.pair.town.other(host))


@pytest.fixture(scope="module")
def stage(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("hooks")
    hooks = ", ".join(f"{name}: [{folder}/hook]" for name in ("on_active", "on_standby", "on_fault", "on_stop"))
    setup = Setup(interval=INTERVAL, preempt=False, more=(f"hooks: {{{hooks}, timeout: {TIMEOUT}s}}",))
    (folder / "hook").write_text("#!/bin/sh\n")
    (folder / "hook").chmod(0o755)
    with standing(town, folder, Lvsctl, setup) as pair:
        yield Stage(pair, folder / "hook", folder / "told")


@pytest.mark.parametrize("text", WORST.values(), ids=WORST)
def test_no_takeover_is_late(stage: Stage, text: str) -> None:
    """Three in a row, while the programs of those before still run."""
    pair, town = stage.pair, stage.pair.town
    stage.play(text)
    for _ in range(3):
        active, other = stage.active()
        unplugged = time.monotonic()
        town.unplug(active.host)
        waited("takeover", lambda other=other: town.vips() == [other.host], pair.a, pair.b)
        went, came = pair.witness.went(active.host, unplugged), pair.witness.came(other.host, unplugged)
        town.plug(active.host)
        assert went is not None
        assert came is not None
        print(f"given up after {went - unplugged:.3f} s, taken over after {came - unplugged:.3f} s")
        assert went - unplugged < SLACK
        assert came - unplugged < pair.setup.bound(other.host) + SLACK
        time.sleep(INTERVAL)


@pytest.mark.parametrize("text", WORST.values(), ids=WORST)
def test_no_handover_is_late_and_the_end_is_bounded(stage: Stage, text: str) -> None:
    """SIGTERM to the active one: the other has the address at once, whatever is still waited for here."""
    pair = stage.pair
    stage.play(text)
    time.sleep(STARTING + 4 * INTERVAL)  # the other, which may have begun just now, takes part
    active, other = stage.active()
    stopped = active.terminate()
    waited("handover", lambda: pair.town.vips() == [other.host], pair.a, pair.b)
    came = pair.witness.came(other.host, stopped)
    assert active.wait() == 0
    ended = time.monotonic()
    active.start()
    pair.settled()
    assert came is not None
    print(f"handed over after {came - stopped:.3f} s, ended after {ended - stopped:.1f} s")
    assert came - stopped < pair.setup.skew(other.host) + SLACK
    assert ended - stopped < 2 * (TIMEOUT + 4) + 1


def test_after_all_that_they_are_told_the_last_state(stage: Stage) -> None:
    stage.play("exit 0")
    time.sleep(2 * (TIMEOUT + 4))
    stage.told.write_text("")
    active, other = stage.active()
    stage.pair.town.unplug(active.host)
    time.sleep(10 * INTERVAL)
    stage.pair.town.plug(active.host)
    time.sleep(10 * INTERVAL)
    assert sorted(stage.told.read_text().splitlines()) == sorted(
        [f"web FAULT {priority(active)}", f"web MASTER {priority(other)}", f"web BACKUP {priority(active)}"]
    )


def priority(stack: Stack) -> int:
    return {"a": 150, "b": 100}[stack.host.name]
