"""Pairs of lvsctl and keepalived with one priority, with different intervals, and one that may not preempt."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests.directors.play import Kind, Play, met_again, on, patience, played, skew
from tests.directors.scenes import begin
from tests.directors.test_interop import BOTH, FORMS

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new"),
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]


def begin_together(play: Play) -> None:
    """Their timers fire in the same instant, or nearly so; one of them has the role then."""
    at = play.start(1, 2)
    play.allow(play.interval)
    play.passes(8)
    [one] = [host for host in (1, 2) if play.is_active(host)]
    play.takes(one, at, patience(play.me(one)))


def one_joins(play: Play) -> None:
    """Equals do not preempt, whatever their addresses."""
    at = play.start(1)
    play.passes(5)
    play.takes(1, at, patience(play.me(1)))
    play.start(2)
    play.passes(8)
    play.never(2)


def are_cut_off(play: Play) -> None:
    """And meet again, both active: the higher address decides."""
    one_joins(play)
    at = play.spoken(1)
    play.switch.deafen(1)
    play.switch.deafen(2)
    play.passes(6)
    since = play.takes(2, at, patience(play.me(2)))
    play.switch.deafen(1, deaf=False)
    play.switch.deafen(2, deaf=False)
    healed = play.passes(0)
    play.allow(healed + met_again(play.me(2)) - since)
    play.passes(5)
    play.gives(1, healed, met_again(play.me(2)))
    play.keeps(2, since)


EQUALS = {"begin together": begin_together, "one joins": one_joins, "cut off": are_cut_off}


@pytest.mark.parametrize("scene", EQUALS)
@pytest.mark.parametrize("higher", Kind)
@pytest.mark.parametrize("form", ["version 2", "version 3", "IPv6", "IPv6, unicast"])
def test_equal_priorities(
    form: str, higher: Kind, scene: str, tmp_path: Path, record_property: Callable[[str, str], None]
) -> None:
    low, high = (on(host, FORMS[form], priority=150) for host in (1, 2))
    second, first = BOTH[higher]
    with played(tmp_path, [(first, [low]), (second, [high])]) as play:
        EQUALS[scene](play)
        play.judge()
        record_property("figures", f"{form:<19} equals, {higher} has the higher address: {scene:<20} {play.text()}")


@pytest.mark.parametrize("active", Kind)
@pytest.mark.parametrize("form", ["version 2", "version 3", "IPv6", "IPv6, unicast"])
def test_no_preemption(form: str, active: Kind, tmp_path: Path, record_property: Callable[[str, str], None]) -> None:
    """The stronger one comes back, and waits until the other is dead."""
    first, second = BOTH[active]
    strong, weak = (on(host, FORMS[form], priority=priority, preempt=False) for host, priority in ((1, 200), (2, 100)))
    with played(tmp_path, [(first, [strong]), (second, [weak])]) as play:
        begin(play)
        at = play.stop(1)
        play.passes(3)
        play.takes(2, at, skew(weak))
        started = play.start(1)
        play.passes(8)
        play.keeps(2, started)
        play.never(1, started)
        at = play.spoken(2)
        play.kill(2)
        play.passes(5)
        play.takes(1, at, patience(strong))
        play.judge()
        record_property("figures", f"{form:<19} {active:<10} is back, may not preempt: {play.text()}")


@pytest.mark.parametrize("intervals", [(1.0, 2.0), (2.0, 1.0)])
@pytest.mark.parametrize("form, active", [*product(["version 3", "IPv6"], Kind), ("version 2", Kind.KEEPALIVED)])
def test_another_interval_is_learnt(
    form: str, active: Kind, intervals: tuple[float, float], tmp_path: Path, record_property: Callable[[str, str], None]
) -> None:
    """In version 3 by both. In version 2, where RFC 3768 discards such adverts, by lvsctl."""
    first, second = BOTH[active]
    mine, other = intervals
    strong = on(1, FORMS[form], priority=200, interval=mine)
    weak = on(2, FORMS[form], priority=100, interval=other)
    with played(tmp_path, [(first, [strong]), (second, [weak])]) as play:
        play.start(1)
        play.passes(5)
        play.start(2)
        play.passes(10)
        play.active(1)
        play.never(2)
        at = play.spoken(1)
        play.kill(1)
        play.passes(6)
        play.takes(2, at, patience(weak, mine))
        started = play.start(1)
        play.passes(6)
        play.takes(1, started, patience(strong))
        play.judge()
        record_property("figures", f"{form:<19} {active:<10} has {mine} s, the other {other} s: {play.text()}")


def test_keepalived_does_not_learn_another_interval_in_version_2(
    tmp_path: Path, record_property: Callable[[str, str], None]
) -> None:
    """It discards what the stronger one says, and there are two until somebody corrects it. lvsctl tells of it."""
    strong = on(1, FORMS["version 2"], priority=200, interval=1.0)
    weak = on(2, FORMS["version 2"], priority=100, interval=2.0)
    with played(tmp_path, [(Kind.LVSCTL, [strong]), (Kind.KEEPALIVED, [weak])]) as play:
        play.start(1)
        play.passes(5)
        at = play.start(2)
        play.passes(10)
        play.takes(2, at, patience(weak))
        assert play.is_active(1)
        assert "192.0.2.2 is configured otherwise than this director: interval" in play.routers[1].told()
        assert "advertisement interval mismatch mine=2 sec rcv'd=1 sec" in play.routers[2].told()
        record_property(
            "figures", f"version 2           lvsctl     has 1 s, the other 2 s: for ever two; {play.text()}"
        )
