"""Takeover under traffic: lvsctl beside Debian's keepalived, on the same hosts, in the same run.

Where time travels (`--kernel new`), a figure is what the protocol's timers, the programs' own timers and the kernel's
make of it: it is exact and does not depend on what else this machine does, and the time for which a program computes
is not in it. On Debian's lab kernel time is real: computing is in the figures, and so is everything else that this
machine does meanwhile, and that a system call takes there thirty times as long as on a director; so the bound is not
asserted there.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.directors.stack import STACKS, Setup
from tests.directors.takeover import GRACE, Death, Figures, Record, measure, table
from tests.directors.town import SYNC_FLUSH, Town
from tests.lab import here

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new", "debian"),
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
    pytest.mark.timeout(600),
]


@pytest.mark.parametrize("death", Death)
@pytest.mark.parametrize("interval", [0.1, 1.0])
def test_takeover(town: Town, tmp_path: Path, record_property: Record, interval: float, death: Death) -> None:
    """One after the other dies, and whoever comes back waits behind who is active."""
    setup = Setup(interval, preempt=False)
    figures = {name: measure(town, tmp_path, kind, setup, death) for name, kind in STACKS.items()}
    record_property(
        "traffic",
        table(figures, f"{death}, adverts every {interval * 1000:.0f} ms; moved: of what the protocol allows"),
    )
    in_time_and_whole(figures["lvsctl"])


@pytest.mark.parametrize("death", Death)
def test_the_stronger_one_comes_back(town: Town, tmp_path: Path, record_property: Record, death: Death) -> None:
    """And takes over again, once what is connected was copied to it."""
    setup = Setup(0.1, delay=5.0)
    figures = {name: measure(town, tmp_path, kind, setup, death) for name, kind in STACKS.items()}
    record_property(
        "traffic",
        table(figures, f"{death}, adverts every 100 ms, preempt_delay 5 s; moved: of what the protocol allows"),
    )
    in_time_and_whole(figures["lvsctl"])


def in_time_and_whole(ours: Figures) -> None:
    assert {takeover.copied for takeover in ours.takeovers} == {ours.held}
    assert (ours.lost, ours.late) == (Counter(), Counter())
    assert all(age < SYNC_FLUSH for age in ours.young)
    if here.TIME_TRAVELS:
        assert all(takeover.took <= takeover.bound + GRACE for takeover in ours.takeovers)
