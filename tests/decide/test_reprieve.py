"""Whom a director that suspects itself spares: who stays, who comes back, with what weight, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.desired import Desired, desired
from lvsctl.decide.guard import guard, spare
from lvsctl.decide.plan import diff
from lvsctl.decide.reprieve import Reprieve, fallen, reprieve
from lvsctl.decide.slow_start import Climb
from lvsctl.decide.suspicion import Suspicion
from lvsctl.decide.table import after_all, same_entry
from lvsctl.model import (
    Action,
    AddServer,
    DeleteServer,
    EditServer,
    Health,
    NewWeight,
    OnDown,
    Override,
    ServerSubject,
    Spec,
    Table,
)
from tests.decide.making import (
    DOWN,
    ROUTE,
    UNHEARD,
    UP,
    VIP,
    any_found,
    any_health,
    any_idle,
    check_of,
    entry,
    real,
    server,
    service,
    spec,
    specs,
    weights,
)

WHY = "down but kept: 4 of 6 servers failed, this director suspects itself"
REMOVE, QUIESCE = OnDown.REMOVE, OnDown.QUIESCE
BEGAN = 100.0

WITH_IT = replace(DOWN, failing=BEGAN + 1)
"""It began to fail with the others."""

BEFORE = replace(DOWN, failing=BEGAN - 1)
ASKED_ANEW = replace(UNHEARD, failing=BEGAN + 1)
"""It was down when a reload came, which asks something else of it."""


def suspecting(fell: Mapping[int, int]) -> Reprieve:
    return Reprieve(WHY, BEGAN, {(VIP, real(n)): weight for n, weight in fell.items()})


def order(action: Action, weight: int | None = None) -> Override:
    wanted = None if weight is None else NewWeight(weight)
    return Override(ServerSubject(None, real(1).address, None), action, "alice", "", since=0.0, weight=wanted)


@pytest.mark.parametrize(
    ("sentence", "belief", "found", "fell", "on_down", "then"),
    [
        ("down: it stays", WITH_IT, {1: 5}, {}, REMOVE, 5),
        ("down: it keeps its weight", WITH_IT, {1: 5}, {}, QUIESCE, 5),
        ("down, whatever began before: nobody goes now", BEFORE, {1: 5}, {}, REMOVE, 5),
        ("never answered, but somebody sends it connections: it keeps them", UNHEARD, {1: 5}, {}, REMOVE, 5),
        ("it fell a moment before: it is back", WITH_IT, {}, {1: 5}, REMOVE, 5),
        ("it went to weight 0 a moment before: it has its weight again", WITH_IT, {1: 0}, {1: 5}, QUIESCE, 5),
        ("conf.d gives it more by now", WITH_IT, {}, {1: 2}, REMOVE, 5),
        ("it is asked something else by now, and has not answered", ASKED_ANEW, {}, {1: 5}, REMOVE, 5),
        ("it fell for a reason of its own", BEFORE, {}, {1: 5}, REMOVE, None),
        ("it was at weight 0 long before", BEFORE, {1: 0}, {1: 5}, QUIESCE, 0),
        ("it was not in the table when it failed", WITH_IT, {}, {}, REMOVE, None),
        ("nor does it get more than it had there", WITH_IT, {1: 0}, {1: 0}, REMOVE, 0),
        ("it had connections left: they go on", WITH_IT, {}, {1: 0}, REMOVE, 0),
        ("it has answered again", UP, {}, {1: 5}, REMOVE, 5),
    ],
)
def test_who_is_spared(
    sentence: str, belief: Health, found: dict[int, int], fell: dict[int, int], on_down: OnDown, then: int | None
) -> None:
    wanted = spec(service([server(1), server(2)], on_down=on_down))
    health = {check_of(1): belief, check_of(2): UP}
    result = desired(wanted, health, {VIP: entry(found | {2: 5})}, reprieve=suspecting(fell))
    assert weights(result.table) == ({} if then is None else {1: then}) | {2: 5}, sentence


@pytest.mark.parametrize(
    ("sentence", "ordered", "found", "fell", "then"),
    [
        ("disabled: it is out", order(Action.DISABLE), {1: 5}, {}, None),
        ("disabled: it stays out", order(Action.DISABLE), {}, {1: 5}, None),
        ("drained: weight 0", order(Action.DRAIN), {1: 5}, {}, 0),
        ("drained while it was out: its connections may finish", order(Action.DRAIN), {}, {1: 5}, 0),
        ("it drained when it fell", order(Action.DRAIN), {}, {1: 0}, 0),
        ("it drained, and stays", order(Action.DRAIN), {1: 0}, {}, 0),
        ("it drained, and was not there", order(Action.DRAIN), {}, {}, None),
        ("another weight", order(Action.WEIGHT, 9), {1: 5}, {}, 9),
        ("another weight for one that fell", order(Action.WEIGHT, 9), {}, {1: 5}, 9),
        ("no weight at all", order(Action.WEIGHT, 0), {}, {1: 5}, 0),
    ],
)
def test_what_an_operator_ordered_holds(
    sentence: str, ordered: Override, found: dict[int, int], fell: dict[int, int], then: int | None
) -> None:
    wanted = spec(service([server(1)]))
    result = desired(
        wanted, {check_of(1): WITH_IT}, {VIP: entry(found)}, overrides=(ordered,), reprieve=suspecting(fell)
    )
    assert weights(result.table) == ({} if then is None else {1: then}), sentence


def test_what_conf_d_says_by_now_holds() -> None:
    """Server 1 has weight 0 in it, server 2 is not in it any more."""
    wanted = spec(service([server(1, weight=0), server(3)]))
    health = {check_of(n): WITH_IT for n in (1, 2, 3)}
    result = desired(wanted, health, {VIP: entry({2: 5})}, reprieve=suspecting({1: 5, 2: 5, 3: 5}))
    assert weights(result.table) == {1: 0, 3: 5}


@pytest.mark.parametrize(("found", "fell"), [({1: 2}, {}), ({}, {1: 2})])
def test_who_was_in_slow_start_goes_on_from_where_it_was(found: dict[int, int], fell: dict[int, int]) -> None:
    wanted = spec(replace(service([server(1)]), slow_start=60.0))
    climb = Climb(BEGAN + 3, settled=1.0, period=5.0)
    have = {VIP: entry(found)}
    result = desired(wanted, {check_of(1): WITH_IT}, have, climb=climb, reprieve=suspecting(fell))
    assert weights(result.table) == {1: 2}
    assert result.eased == {(VIP, real(1))}


def test_who_came_in_its_place_stays_beside_it() -> None:
    """The upper pool is believed to live, and the lower one has answered."""
    wanted = spec(service([server(1)], [server(2)]))
    health = {check_of(1): WITH_IT, check_of(2): UP}
    result = desired(wanted, health, {VIP: entry({2: 5})}, reprieve=suspecting({1: 5}))
    assert weights(result.table) == {1: 5, 2: 5}
    both_down = {check_of(1): WITH_IT, check_of(2): WITH_IT}
    result = desired(wanted, both_down, {VIP: entry({1: 5})}, reprieve=suspecting({}))
    assert weights(result.table) == {1: 5}, "who stood by comes in only when it has answered"


# --- how it is told ---------------------------------------------------------------------------------------------------


def test_what_is_not_done_is_told_as_withheld_and_what_is_done_is_not_put_down_to_the_checks() -> None:
    wanted = spec(service([server(1), server(2)], on_down=REMOVE))
    have = {VIP: entry({1: 5})}
    health = {check_of(n): WITH_IT for n in (1, 2)}
    mercy = reprieve(Suspicion("4 of 6 servers failed", BEGAN, BEGAN + 2, BEGAN + 62), {(VIP, real(2)): 5})
    want = desired(wanted, health, have, reprieve=mercy)
    plan = diff(want.table, have, owned={VIP}, why=want.why)
    told = spare(guard(plan, wanted, have, health, by_health=want.by_health), want, mercy)
    assert [(step.op, step.reason) for step in told.allowed] == [(AddServer(VIP, real(2), ROUTE), WHY)]
    assert [(step.op, step.reason, why) for step, why in told.withheld] == [
        (DeleteServer(VIP, real(n)), "down: L4CON connection refused", WHY) for n in (1, 2)
    ]
    assert told.going == frozenset()


def test_who_would_have_weight_0_is_told_so() -> None:
    wanted = spec(service([server(1)], on_down=QUIESCE))
    have = {VIP: entry({1: 5})}
    want, mercy = desired(wanted, {check_of(1): WITH_IT}, have, reprieve=suspecting({})), suspecting({})
    told = spare(guard((), wanted, have, {}, by_health=want.by_health), want, mercy)
    [(step, _)] = told.withheld
    assert (step.op, step.change) == (EditServer(VIP, real(1), replace(ROUTE, weight=0)), "weight 5 -> 0")


def test_without_a_suspicion_nothing_is_spared() -> None:
    assert reprieve(None, {(VIP, real(1)): 5}) is None


# --- who has fallen ---------------------------------------------------------------------------------------------------


def test_the_fallen_are_remembered_with_the_weight_that_they_had_until_they_are_up_again() -> None:
    wanted = spec(service([server(1), server(2), server(3)], on_down=REMOVE))
    one, two, three = ((VIP, real(n)) for n in (1, 2, 3))
    have = {VIP: entry({1: 5, 2: 5, 3: 0})}
    want = desired(wanted, {check_of(1): DOWN, check_of(2): UP, check_of(3): DOWN}, have)
    plan = diff(want.table, have, owned={VIP})
    first = fallen({}, plan, have, want.unwell)
    assert first == {one: 5, three: 0}
    assert fallen(first, (), {VIP: entry({2: 5})}, want.unwell) == first, "and while they are out"
    back = {VIP: entry({1: 0, 2: 5})}
    plan = diff(want.table, back, owned={VIP})
    assert fallen(first, plan, back, want.unwell) == first, "what they have meanwhile does not count"
    assert fallen(first, (), back, want.unwell - {one}) == {three: 0}
    assert two not in first


# --- laws -------------------------------------------------------------------------------------------------------------


@given(st.data(), specs())
def test_the_laws_of_a_reprieve(data: st.DataObject, wanted: Spec) -> None:
    beliefs = data.draw(any_health(wanted))
    health = {
        check: replace(belief, failing=data.draw(st.sampled_from([0.0, BEGAN - 1, BEGAN + 1])))
        for check, belief in beliefs.items()
    }
    have, idle = data.draw(any_found(wanted)), data.draw(any_idle(wanted))
    places = [(one.key, member.key) for one in wanted.services.values() for p in one.pools for member in p.servers]
    mercy = Reprieve(WHY, BEGAN, data.draw(st.dictionaries(st.sampled_from(places), st.sampled_from([0, 5]))))
    hard = desired(wanted, health, have, idle=idle)
    mild = desired(wanted, health, have, idle=idle, reprieve=mercy)
    told = spare(guard((), wanted, have, health, by_health=frozenset()), mild, mercy)
    assert same(after_all(mild.table, [step for step, _ in told.withheld]), hard.table), "no more than it says"
    assert mild.spared.keys() <= hard.unwell
    assert live(have, hard) <= live(mild.table, hard), "checks take nobody out"
    again = desired(wanted, health, mild.table, reprieve=replace(mercy, fallen={}))
    assert live(mild.table, hard) <= live(again.table, hard), "who is back stays, whatever is remembered"


def live(table: Table, hard: Desired) -> set[object]:
    """Of those whom checks alone keep from having connections, who has them."""
    return {
        (key, member)
        for key, member in hard.by_health
        if key in table and member in table[key].servers and table[key].servers[member].weight
    }


def same(one: Table, other: Table) -> bool:
    return one.keys() == other.keys() and all(same_entry(one[key], other[key]) for key in one)
