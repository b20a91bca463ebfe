"""How much checks alone may take away: the empty configuration, the floors, the suspicion, the largest share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.desired import desired
from lvsctl.decide.guard import Guarded, guard
from lvsctl.decide.plan import diff
from lvsctl.decide.table import after_all
from lvsctl.model import (
    CheckId,
    DeleteServer,
    DeleteService,
    Health,
    Limits,
    OnDown,
    Plan,
    RealKey,
    ServiceKey,
    Share,
    Spec,
    Step,
    Table,
)
from tests.decide.making import (
    DOWN,
    UNHEARD,
    UP,
    VIP,
    any_found,
    any_health,
    any_idle,
    check_of,
    entry,
    healths,
    real,
    server,
    service,
    spec,
    specs,
    weights,
)


def decided(
    wanted: Spec,
    health: dict[CheckId, Health],
    have: Table,
    *,
    gone: frozenset[RealKey] = frozenset(),
) -> tuple[Plan, Guarded]:
    """One round's plan, and what the guard makes of it."""
    want = desired(wanted, health, have)
    owned = {s.key for s in wanted.services.values()}
    plan = diff(want.table, have, owned=owned, why=want.why, hold=want.refused.keys())
    return plan, guard(plan, wanted, have, health, by_health=want.by_health, gone=gone)


def went_down(*times: float) -> dict[CheckId, Health]:
    """Server 1, 2, ... went down at these times; 0: is up."""
    return {check_of(n): replace(DOWN, since=at) if at else UP for n, at in enumerate(times, start=1)}


# --- the empty configuration ------------------------------------------------------------------------------------------


def test_an_empty_configuration_changes_nothing() -> None:
    have = {VIP: entry({1: 5})}
    plan = diff({}, have, owned={VIP})
    guarded = guard(plan, spec(), have, {}, by_health=frozenset())
    assert guarded.allowed == ()
    assert guarded.withheld == (
        (
            Step(DeleteService(VIP), "", "not in the configuration"),
            "the configuration has no services: nothing is changed",
        ),
    )


def test_an_empty_configuration_with_nothing_to_do_is_quiet() -> None:
    assert guard((), spec(), {}, {}, by_health=frozenset()) == Guarded((), ())


# --- floors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "floor", "on_down", "down_at", "found", "then"),
    [
        ("no floor: all that are dead go", 0, OnDown.REMOVE, (1, 2, 3), {1: 5, 2: 5, 3: 5}, {}),
        ("above the floor: the dead go", 2, OnDown.REMOVE, (0, 0, 3), {1: 5, 2: 5, 3: 5}, {1: 5, 2: 5}),
        ("well above the floor", 1, OnDown.REMOVE, (0, 0, 3, 4), {1: 5, 2: 5, 3: 5, 4: 5}, {1: 5, 2: 5}),
        ("at the floor: the last to go down is kept", 2, OnDown.REMOVE, (0, 2, 3), {1: 5, 2: 5, 3: 5}, {1: 5, 3: 5}),
        ("the floor is the whole pool: all are kept", 2, OnDown.REMOVE, (1, 2), {1: 5, 2: 5}, {1: 5, 2: 5}),
        ("quiesce: kept with its weight", 1, OnDown.QUIESCE, (2, 1), {1: 5, 2: 5}, {1: 5, 2: 0}),
        ("down at the same time: the first configured is kept", 1, OnDown.REMOVE, (1, 1), {1: 5, 2: 5}, {1: 5}),
        ("one that was never in the table is not added for the floor", 2, OnDown.REMOVE, (2, 1), {1: 5}, {1: 5}),
        ("below the floor already: nothing else goes", 3, OnDown.REMOVE, (0, 1), {1: 5, 2: 5}, {1: 5, 2: 5}),
        ("who comes up now counts: the dead may go", 1, OnDown.REMOVE, (1, 0), {1: 5}, {2: 5}),
        ("weightless servers do not hold the floor, and may go", 1, OnDown.REMOVE, (1, 2), {1: 5, 2: 0}, {1: 5}),
    ],
)  # fmt: skip
def test_floors(
    sentence: str,
    floor: int,
    on_down: OnDown,
    down_at: tuple[float, ...],
    found: dict[int, int],
    then: dict[int, int],
) -> None:
    health = went_down(*down_at)
    web = spec(service([server(n) for n in range(1, len(health) + 1)], floor=floor, on_down=on_down))
    have = {VIP: entry(found)}
    _, guarded = decided(web, health, have)
    assert weights(after_all(have, guarded.allowed)) == then, sentence


def test_what_the_floor_keeps_is_down_but_kept() -> None:
    web = spec(service([server(1)], floor=1))
    _, guarded = decided(web, went_down(1), {VIP: entry({1: 5})})
    step = Step(DeleteServer(VIP, real(1)), "", "down: L4CON connection refused")
    assert guarded.withheld == ((step, "down but kept: the floor of pool a is 1"),)


def test_each_pool_has_its_own_floor() -> None:
    shop = spec(service([server(1), server(2)], [server(3), server(4)], scheduler="hprio", floor=1))
    have = {VIP: entry({1: 5, 2: 5, 3: 1, 4: 1})}
    _, guarded = decided(shop, went_down(1, 2, 4, 3), have)
    assert weights(after_all(have, guarded.allowed)) == {2: 5, 3: 1}


def test_a_lower_pool_that_goes_back_to_standby_has_no_floor() -> None:
    shop = spec(service([server(1)], [server(2)], floor=1))
    have = {VIP: entry({2: 5})}
    _, guarded = decided(shop, went_down(0, 1), have)
    assert weights(after_all(have, guarded.allowed)) == {1: 5}


def test_a_server_taken_out_of_the_configuration_goes_whatever_the_floor() -> None:
    web = spec(service([server(1)], floor=5))
    have = {VIP: entry({1: 5, 2: 5})}
    plan, guarded = decided(web, healths("U"), have)
    assert guarded == Guarded(plan, ())
    assert weights(after_all(have, plan)) == {1: 5}


def test_a_server_drained_by_configuration_drains_whatever_the_floor() -> None:
    web = spec(service([server(1, weight=0)], floor=1, on_down=OnDown.QUIESCE))
    have = {VIP: entry({1: 5})}
    for letter in "UD":
        plan, guarded = decided(web, healths(letter), have)
        assert guarded == Guarded(plan, ())
        assert weights(after_all(have, plan)) == {1: 0}


# --- how many may go at once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "most", "down_at", "gone", "left"),
    [
        ("half of six, those that went down first", Share(percent=50), (3, 2, 1, 6, 5, 4), (), [4, 5, 6]),
        ("a percentage is rounded down", Share(percent=50), (1, 2, 3, 4, 5), (), [3, 4, 5]),
        ("but one may always go", Share(percent=1), (1, 2, 3, 4, 5), (), [2, 3, 4, 5]),
        ("a percentage does not limit three or fewer", Share(percent=50), (1, 2, 3), (), []),
        ("a number does", Share(1), (1, 2, 3), (), [2, 3]),
        ("fewer than may go are down", Share(percent=50), (0, 0, 0, 2, 1), (), [1, 2, 3]),
        ("all of them, if conf.d says so", Share(percent=100), (1, 2, 3, 4, 5, 6), (), []),
        ("who went in this period already counts, and is one of those that there were", Share(percent=50),
         (0, 0, 1, 2, 3, 4), (7, 8), [1, 2, 5, 6]),
        ("nothing is left of this period's", Share(2), (1, 2, 0, 0), (7, 8), [1, 2, 3, 4]),
    ],
)  # fmt: skip
def test_how_many_go_at_once(
    sentence: str, most: Share, down_at: tuple[float, ...], gone: tuple[int, ...], left: list[int]
) -> None:
    web = replace(spec(service([server(n) for n in range(1, len(down_at) + 1)])), guard=Limits(max_removed=most))
    have = {VIP: entry(dict.fromkeys(range(1, len(down_at) + 1), 5))}
    _, guarded = decided(web, went_down(*down_at), have, gone=frozenset(real(n) for n in gone))
    assert list(weights(after_all(have, guarded.allowed)) or {}) == left, sentence


def test_what_waits_for_the_next_period_is_down_but_kept() -> None:
    web = spec(service([server(n) for n in (1, 2, 3, 4)]))
    _, guarded = decided(web, went_down(1, 2, 3, 4), {VIP: entry({1: 5, 2: 5, 3: 5, 4: 5})})
    assert [(step.op.name, why) for step, why in guarded.withheld] == 2 * [
        ("delete-server", "down but kept: others go first, no more than 50% within one period")
    ]


@pytest.mark.parametrize(
    ("sentence", "dead", "periods"),
    [
        ("up to half go at once", 500, 1),
        ("a little more than half", 501, 2),
        ("three of four", 750, 2),
        ("nine of ten", 900, 4),
        ("nobody lives: there is no hurry", 1000, 10),
    ],
)
def test_how_many_periods_it_takes_until_all_the_dead_are_out(sentence: str, dead: int, periods: int) -> None:
    """Of a thousand, as after a suspicion that was unfounded."""
    web = spec(service([server(n) for n in range(1, 1001)]))
    health = went_down(*(1.0 if n < dead else 0.0 for n in range(1000)))
    have, taken = {VIP: entry(dict.fromkeys(range(1, 1001), 5))}, 0
    while (found := decided(web, health, have))[0]:
        have, taken = dict(after_all(have, found[1].allowed)), taken + 1
    assert (len(have[VIP].servers), taken) == (1000 - dead, periods), sentence


def test_a_server_counts_once_however_many_services_it_is_in() -> None:
    other = replace(VIP, port=81)
    both = spec(*(service([server(n) for n in (1, 2, 3, 4)], name=str(key), key=key) for key in (VIP, other)))
    have = {key: entry({1: 5, 2: 5, 3: 5, 4: 5}) for key in (VIP, other)}
    _, guarded = decided(both, went_down(1, 2, 3, 0), have)
    result = after_all(have, guarded.allowed)
    assert [weights(result, key) for key in (VIP, other)] == [{3: 5, 4: 5}] * 2


def test_what_the_floor_keeps_takes_nobodys_place() -> None:
    web = service([server(n) for n in (1, 2)], name="web", floor=2)
    shop = service([server(n) for n in (3, 4)], name="shop", key=replace(VIP, port=81))
    have = {VIP: entry({1: 5, 2: 5}), shop.key: entry({3: 5, 4: 5})}
    _, guarded = decided(spec(web, shop), went_down(1, 1, 2, 2), have)
    result = after_all(have, guarded.allowed)
    assert (weights(result), weights(result, shop.key)) == ({1: 5, 2: 5}, {})


# --- properties -------------------------------------------------------------------------------------------------------


@st.composite
def rounds(draw: st.DrawFn) -> tuple[Spec, dict[CheckId, Health], Table, frozenset[RealKey]]:
    """What a round may meet with, under any limit."""
    share = draw(st.sampled_from([Share(1), Share(2), Share(percent=25), Share(percent=50), Share(percent=100)]))
    wanted = replace(draw(specs()), guard=Limits(max_removed=share))
    health, have = draw(any_health(wanted)), draw(any_found(wanted))
    return wanted, health, have, draw(st.frozensets(st.sampled_from([real(n) for n in range(1, 7)]), max_size=2))


@given(st.data(), rounds())
def test_the_laws_of_the_guard(
    data: st.DataObject, met: tuple[Spec, dict[CheckId, Health], Table, frozenset[RealKey]]
) -> None:
    wanted, health, have, gone = met
    want = desired(wanted, health, have, idle=data.draw(any_idle(wanted)))
    plan = diff(want.table, have, owned=set(), why=want.why)
    guarded = guard(plan, wanted, have, health, by_health=want.by_health, gone=gone)
    withheld = [step for step, _ in guarded.withheld]
    assert [step for step in plan if step in withheld] == withheld, "every step is allowed or withheld, in order"
    assert tuple(step for step in plan if step not in withheld) == guarded.allowed
    subjects = {(step.op.service, getattr(step.op, "server", None)) for step in withheld}
    assert subjects <= want.by_health, "what an operator or conf.d takes out is never withheld"
    result = after_all(have, guarded.allowed)
    taken = {subject for subject in want.by_health if live(have, [subject]) and not live(result, [subject])}
    assert guarded.going == taken
    before = {server for key in have for server in have[key].servers if live(have, [(key, server)])} | gone
    removed = {server for _, server in taken} | gone
    assert len(removed) <= max(wanted.guard.removable(len(before)), len(gone)), "no more than the share in one period"
    for wanted_service in wanted.services.values():
        for pool in wanted_service.pools:
            members = [(wanted_service.key, member.key) for member in pool.servers]
            if all(member in want.by_health for member in members):  # nothing but health speaks against these
                assert live(result, members) >= min(pool.floor, live(have, members)), "checks never break a floor"


def live(table: Table, subjects: Iterable[tuple[ServiceKey, RealKey]]) -> int:
    held = [table[key].servers.get(member) for key, member in subjects if key in table]
    return sum(attrs is not None and attrs.weight > 0 for attrs in held)


@given(st.data(), specs())
def test_nothing_that_health_did_not_ask_for_is_withheld(data: st.DataObject, wanted: Spec) -> None:
    health = dict.fromkeys(wanted.checks, UP)
    have = data.draw(any_found(wanted))
    want = desired(wanted, health, have)
    plan = diff(want.table, have, owned=set())
    assert guard(plan, wanted, have, health, by_health=want.by_health) == Guarded(plan, ())


def test_an_unproven_server_that_somebody_raised_counts_as_taken_by_health() -> None:
    web = spec(service([server(1)], floor=1))
    _, guarded = decided(web, {check_of(1): UNHEARD}, {VIP: entry({1: 5})})
    assert len(guarded.withheld) == 1
