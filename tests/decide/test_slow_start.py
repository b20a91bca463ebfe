"""Slow start: from weight 1 in a straight line to the full one, in few steps, and only for who came up meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.desired import desired
from lvsctl.decide.plan import diff
from lvsctl.decide.slow_start import STEPS, Climb, next_step
from lvsctl.decide.table import after_all
from lvsctl.model import Health, Spec
from tests.decide.making import PASS, PRESUMED, UP, VIP, check_of, entry, real, server, service, spec, weights
from tests.decide.test_overrides import DRAIN, WEIGHT, host, order


def slow(weight: int = 10, *, seconds: float = 100.0, checks: tuple[str, ...] = ("http",)) -> Spec:
    one = service([server(1, weight=weight, checks=checks), server(2, weight=weight)])
    return spec(replace(one, slow_start=seconds))


def came_up(at: float) -> Health:
    return Health(up=True, answered=True, last=PASS, since=at)


def weight_at(now: float, *, health: Health, settled: float | None = 1000.0, period: float = 5.0) -> int:
    beliefs = {check_of(1): health, check_of(2): UP}
    found = desired(slow(), beliefs, {}, climb=Climb(now, settled, period))
    assert found.table[VIP].servers[real(2)].weight == 10, "the other one is not concerned"
    return found.table[VIP].servers[real(1)].weight


@pytest.mark.parametrize(
    ("sentence", "since", "now", "weight"),
    [
        ("at first 1", 2000.0, 2000.0, 1),
        ("never 0", 2000.0, 2005.0, 1),
        ("not before the step is done", 2000.0, 2029.9, 2),
        ("in a straight line", 2000.0, 2030.0, 3),
        ("half of the time, half of the weight", 2000.0, 2050.0, 5),
        ("not full before the end", 2000.0, 2099.9, 9),
        ("full at the end", 2000.0, 2100.0, 10),
        ("and from then on", 2000.0, 9999.0, 10),
        ("who came up before all had spoken is not slow", 999.0, 1001.0, 10),
        ("nor at that moment", 1000.0, 1001.0, 10),
    ],
)
def test_the_weight_of_one_that_came_up(sentence: str, since: float, now: float, weight: int) -> None:
    assert weight_at(now, health=came_up(since)) == weight, sentence


def test_nobody_is_slow_at_a_start() -> None:
    assert weight_at(2000.0, health=came_up(2000.0), settled=None) == 10


def test_what_is_presumed_is_not_slow() -> None:
    have = {VIP: entry({1: 10, 2: 10})}
    beliefs = {check_of(1): replace(PRESUMED, since=2000.0), check_of(2): UP}
    found = desired(slow(), beliefs, have, climb=Climb(2000.0, 1000.0, 5.0))
    assert weights(found.table) == {1: 10, 2: 10}


def test_of_several_checks_the_last_to_pass_counts() -> None:
    wanted = slow(checks=("http", "tcp"))
    beliefs = {check_of(1): UP, check_of(1, "tcp"): came_up(2000.0), check_of(2): UP}
    assert weights(desired(wanted, beliefs, {}, climb=Climb(2050.0, 1000.0, 5.0)).table) == {1: 5, 2: 10}


@pytest.mark.parametrize(
    ("sentence", "found", "left", "weight"),
    [
        ("kept by a guard while its checks failed", 10, 10, 10),
        ("ordered to a share of its weight until now", 7, 7, 7),
        ("ordered beyond its weight until now", 90, 90, 10),
        ("quiesced", 0, 0, 2),
        ("somebody gave it a weight", 9, 2, 2),
        ("on its way", 1, 1, 2),
    ],
)
def test_nobody_falls_who_had_a_weight_when_it_came_up(sentence: str, found: int, left: int, weight: int) -> None:
    beliefs = {check_of(1): came_up(2000.0), check_of(2): UP}
    have, before = {VIP: entry({1: found, 2: 10})}, {VIP: entry({1: left, 2: 10})}
    climbing = desired(slow(), beliefs, have, left=before, climb=Climb(2020.0, 1000.0, 5.0))
    assert weights(climbing.table) == {1: weight, 2: 10}, sentence
    unknown = desired(slow(), beliefs, before, climb=Climb(2020.0, 1000.0, 5.0))
    assert weights(unknown.table) == {1: weight, 2: 10}, sentence


def test_an_order_is_carried_out_at_once() -> None:
    beliefs = {check_of(1): came_up(2000.0), check_of(2): UP}
    climb = Climb(2050.0, 1000.0, 5.0)
    ordered = desired(slow(), beliefs, {}, climb=climb, overrides=[order(host(1), WEIGHT, weight="8")])
    assert weights(ordered.table) == {1: 8, 2: 10}
    drained = desired(slow(), beliefs, {VIP: entry({1: 5})}, climb=climb, overrides=[order(host(1), DRAIN)])
    assert weights(drained.table) == {1: 0, 2: 10}


def test_why_and_what_a_step_says() -> None:
    beliefs = {check_of(1): came_up(2000.0), check_of(2): UP}
    have = {VIP: entry({1: 4, 2: 10})}
    found = desired(slow(), beliefs, have, climb=Climb(2050.0, 1000.0, 5.0))
    assert found.why[VIP, real(1)] == "up: L7OK 200 OK; slow start, 5 of weight 10 for now"
    assert found.why[VIP, real(2)] == "up: L7OK 200 OK"
    [step] = diff(found.table, have, owned={VIP}, why=found.why, eased=found.eased)
    assert (step.change, step.reason) == ("weight 4 -> 5", found.why[VIP, real(1)])


@given(
    st.integers(1, 2**31 - 1),
    st.floats(0.01, 31 * 86400),
    st.sampled_from([0.01, 1.0, 5.0, 60.0]),
    st.floats(1000.001, 1e9),
)
def test_it_takes_few_steps_upwards_and_wakes_for_each(full: int, seconds: float, period: float, since: float) -> None:
    """Whoever wakes when `next_step` says so sees every weight, never a lower one, and the full one at the end."""
    wanted = slow(full, seconds=seconds)
    beliefs = {check_of(1): came_up(since), check_of(2): UP}
    now, seen, table, edits = since, [0], {VIP: entry({1: 1, 2: full})}, 0
    for _ in range(STEPS + 2):
        climb = Climb(now, 1000.0, period)
        found = desired(wanted, beliefs, table, climb=climb)
        plan = diff(found.table, table, owned={VIP}, why=found.why, eased=found.eased)
        table, edits = after_all(table, plan), edits + len(plan)
        seen.append(table[VIP].servers[real(1)].weight)
        due = next_step(wanted, beliefs, climb)
        if due is None:
            break
        assert now < due <= since + seconds
        assert due - now >= min(1.0, seconds) * 0.999 or due == since + seconds
        now = due
    assert due is None
    assert seen == sorted(seen)
    assert seen[1] == 1
    assert seen[-1] == full
    assert edits <= min(STEPS + 1, full)
