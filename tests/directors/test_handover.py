"""A director that is asked to go hands over first: SIGTERM, and `lvsctl failover --wait` before a restart.

On which kernel what is meant by a figure: see test_takeover.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.directors.handover import Figures, measure, table
from tests.directors.stack import STACKS, Lvsctl, Setup, Stack
from tests.directors.takeover import GRACE, Record
from tests.directors.town import SYNC_FLUSH, Town
from tests.lab import here

pytestmark = [pytest.mark.kernel, pytest.mark.kernels("new", "debian"), pytest.mark.timeout(600)]

AT_ONCE = 0.02
"""Seconds: accepted in the very moment of the exchange."""


def terminated(stack: Stack) -> None:
    stack.terminate()
    assert stack.wait() == 0


def upgraded(stack: Stack) -> None:
    """As an operator would, with `systemctl restart` for the rest."""
    assert isinstance(stack, Lvsctl)
    stack.lvsctl("failover", "--wait")
    terminated(stack)


def nothing_is_lost(figures: Figures) -> None:
    assert (figures.lost, figures.failed) == (Counter(), Counter())
    assert all(age < SYNC_FLUSH for age in figures.young)
    if (
        here.TIME_TRAVELS
    ):  # those that the kernel had not copied yet are, but what comes while the stronger one preempts
        assert all(age < AT_ONCE for age in figures.young)
    assert figures.roles == ({"backup"}, {"master"})


@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
@pytest.mark.parametrize("interval", [0.1, 1.0])
def test_sigterm(town: Town, tmp_path: Path, record_property: Record, interval: float) -> None:
    setup = Setup(interval)
    figures = {name: measure(town, tmp_path, kind, setup, terminated) for name, kind in STACKS.items()}
    record_property(
        "traffic", table(figures, f"SIGTERM, adverts every {interval * 1000:.0f} ms; moved: of the skew time")
    )
    ours = figures["lvsctl"]
    nothing_is_lost(ours)
    assert ours.went < ours.came, "the address was off before it came to the other"
    if here.TIME_TRAVELS:
        assert ours.came < ours.skew + GRACE


def test_upgrade(town: Town, tmp_path: Path, record_property: Record) -> None:
    figures = measure(town, tmp_path, Lvsctl, Setup(peers=True), upgraded)
    record_property("traffic", table({"lvsctl": figures}, "lvsctl failover --wait, then a restart"))
    nothing_is_lost(figures)
    assert figures.went < figures.came


def test_a_standby_without_a_table(town: Town, tmp_path: Path, record_property: Record) -> None:
    """It has one as soon as it is active, and what was copied to it without one goes on."""
    figures = measure(town, tmp_path, Lvsctl, Setup(idle=True), terminated)
    record_property("traffic", table({"lvsctl": figures}, "SIGTERM, standby: idle, adverts every second"))
    nothing_is_lost(figures)
