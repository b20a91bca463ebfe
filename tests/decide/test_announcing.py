"""Which announcements are due when: as tables, and as laws over any plan and any lateness."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.announcing import announce, campaign
from lvsctl.model import Announcing

T0 = 1000.0


def played(plan: Announcing, addresses: int, *, until: float, late: float = 0.0) -> list[tuple[float, tuple[int, ...]]]:
    """(seconds since the start, what was announced), by somebody who always comes `late` seconds after it is due."""
    state, found = campaign(T0), []
    while state.due is not None and state.due - T0 <= until:
        now = state.due + late
        state, due = announce(state, plan, addresses, now)
        found.append((round(now - T0, 6), due))
        assert state.due is None or state.due > now  # or he would never sleep
    return found


def test_five_at_once_and_five_again_as_keepalived_does() -> None:
    both = (0, 1) * 5
    assert played(Announcing(), 2, until=3600) == [(0.0, both), (5.0, both)]


def test_without_repetition_there_is_one_burst() -> None:
    assert played(Announcing(count=2, repeat_after=0), 1, until=3600) == [(0.0, (0, 0))]


def test_refreshments_go_on_for_ever_after_the_repetition() -> None:
    plan = Announcing(count=2, repeat_after=5, refresh=60)
    assert played(plan, 2, until=130) == [
        (0.0, (0, 1, 0, 1)),
        (5.0, (0, 1, 0, 1)),
        (65.0, (0, 1)),
        (125.0, (0, 1)),
    ]


def test_refreshments_come_without_a_repetition_too() -> None:
    plan = Announcing(count=2, repeat_after=0, refresh=60, refresh_count=3)
    assert played(plan, 1, until=70) == [(0.0, (0, 0)), (60.0, (0, 0, 0))]


def test_every_address_once_before_any_twice_and_not_too_many_at_once() -> None:
    plan = Announcing(count=2, repeat_after=0, at_once=3, pause=0.5)
    assert played(plan, 4, until=3600) == [(0.0, (0, 1, 2)), (0.5, (3, 0, 1)), (1.0, (2, 3))]


def test_before_anything_is_due_nothing_is() -> None:
    state, _ = announce(campaign(T0), Announcing(), 1, T0)
    assert announce(state, Announcing(), 1, T0 + 4.9) == (state, ())


def test_without_addresses_there_is_nothing_to_come() -> None:
    state, due = announce(campaign(T0), Announcing(refresh=60), 0, T0)
    assert (state.due, due) == (None, ())
    assert announce(state, Announcing(refresh=60), 0, T0 + 60) == (state, ())


def test_a_machine_that_slept_makes_one_burst_of_all_that_it_missed() -> None:
    plan = Announcing(count=1, repeat_after=5, refresh=10)
    state, _ = announce(campaign(T0), plan, 1, T0)
    state, due = announce(state, plan, 1, T0 + 3600)
    assert due == (0,)
    assert state.due == T0 + 3610


PLANS = st.builds(
    Announcing,
    count=st.integers(1, 5),
    repeat_after=st.sampled_from([0.0, 0.01, 5.0]),
    refresh=st.sampled_from([0.0, 1.0, 60.0]),
    refresh_count=st.integers(1, 3),
    at_once=st.integers(1, 50),
    pause=st.sampled_from([0.001, 0.01, 1.0]),
)


@given(PLANS, st.integers(1, 12), st.sampled_from([0.0, 0.003, 7.0, 1000.0]))
def test_never_faster_than_allowed_and_every_address_as_often(plan: Announcing, addresses: int, late: float) -> None:
    found = played(plan, addresses, until=10 if plan.refresh else math.inf, late=late)
    assert all(len(due) <= plan.at_once for _, due in found)
    assert all(later - sooner >= plan.pause - 1e-6 for (sooner, _), (later, _) in pairwise(found))
    sent = [number for _, due in found for number in due]
    burst = list(range(addresses)) * plan.count
    if not plan.refresh:
        assert sent == burst * (2 if plan.repeat_after else 1)
    assert sent[: len(burst)] == burst[: len(sent)]
