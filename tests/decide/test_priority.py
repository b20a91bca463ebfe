from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.priority import count, due, priority, reasons
from lvsctl.model import Condition, Penalties, Steadiness

OK, DEGRADED, SPILLING, DOWN = Condition
SHOP = {"shop": Penalties(degraded=5, spilling=10, down=50)}
STEADY = Steadiness(patience=2.0, hold=30.0)


def after(*looks: tuple[float, Condition], steadiness: Steadiness = STEADY):
    counted = {}
    for now, seen in looks:
        counted = count(counted, {"shop": seen}, SHOP, steadiness, now)
    return counted


@pytest.mark.parametrize(
    ("looks", "wanted", "next_change", "what"),
    [
        ([(0, OK)], 100, inf, "nothing is taken while all is well"),
        ([(0, DOWN)], 50, inf, "the first look counts at once"),
        ([(0, OK), (9, DOWN)], 100, 11, "worse counts only once it has lasted"),
        ([(0, OK), (9, DOWN), (11, DOWN)], 50, inf, "then it does"),
        ([(0, OK), (9, DOWN), (10, OK), (11, DOWN)], 100, 13, "a break begins it anew"),
        (
            [(0, OK), (9, DOWN), (10, DEGRADED), (11, DEGRADED)],
            95,
            inf,
            "bad and less bad are both worse than ok",
        ),
        ([(0, DOWN), (5, OK)], 50, 35, "better counts only once it has been so for longer"),
        ([(0, DOWN), (5, OK), (34, SPILLING), (35, OK)], 100, inf, "whatever it was, it was better all the while"),
        ([(0, DOWN), (5, OK), (34, DOWN), (35, OK)], 50, 65, "a relapse begins it anew"),
        ([(0, DEGRADED), (5, OK), (6, DOWN), (7, DOWN)], 95, 8, "from leaning better to leaning worse the time is new"),
    ],
)
def test_what_a_service_takes(looks, wanted, next_change, what):
    counted = after(*looks)
    assert priority(100, counted, SHOP) == wanted, what
    assert due(counted, SHOP, STEADY) == next_change, what


def test_services_add_up_but_nobody_falls_below_1():
    penalties = {"a": Penalties(down=60), "b": Penalties(down=60)}
    counted = count({}, {"a": DOWN, "b": DOWN, "c": DOWN}, penalties, STEADY, 0.0)
    assert priority(150, counted, penalties) == 30
    assert priority(100, counted, penalties) == 1


def test_the_owner_of_the_addresses_stays_the_owner():
    assert priority(255, after((0, DOWN)), SHOP) == 255


def test_a_service_that_left_is_forgotten():
    counted = count(after((0, DOWN)), {}, SHOP, STEADY, 1.0)
    assert priority(100, counted, SHOP) == 100


def test_the_reasons_name_the_dearest_first_and_leave_out_who_takes_nothing():
    penalties = {"a": Penalties(degraded=5), "b": Penalties(down=60), "c": Penalties(down=1)}
    counted = count({}, {"a": DEGRADED, "b": DOWN, "c": OK, "d": DOWN}, penalties, STEADY, 0.0)
    assert reasons(counted, penalties) == ("service b is down: -60", "service a is degraded: -5")


@given(
    st.lists(st.tuples(st.floats(0.1, 5.0), st.sampled_from(Condition)), min_size=1, max_size=40),
    st.floats(0.0, 5.0),
    st.floats(5.0, 40.0),
)
def test_a_service_that_flaps_faster_than_the_hold_never_raises_the_priority(steps, patience, hold):
    """Never two raises within `hold`, whatever is seen; and what lasts counts in the end."""
    steadiness, now, counted, raises = Steadiness(patience, hold), 0.0, {}, []
    last = None
    for pause, seen in steps:
        now += pause
        counted = count(counted, {"shop": seen}, SHOP, steadiness, now)
        wanted = priority(100, counted, SHOP)
        if last is not None and wanted > last:
            raises.append(now)
        last = wanted
    assert all(later - earlier > hold - 1e-6 for earlier, later in pairwise(raises))
    end = due(counted, SHOP, steadiness)
    if end < inf:
        counted = count(counted, {"shop": steps[-1][1]}, SHOP, steadiness, end)
    assert counted["shop"].condition is steps[-1][1]
    assert due(counted, SHOP, steadiness) == inf
