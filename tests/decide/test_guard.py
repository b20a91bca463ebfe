"""How much checks alone may take away: the empty configuration, the floors, the director that suspects itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.desired import desired
from lvsctl.decide.guard import HOLD, Guarded, guard
from lvsctl.decide.plan import diff
from lvsctl.decide.table import after_all
from lvsctl.model import (
    CheckId,
    DeleteServer,
    DeleteService,
    Health,
    OnDown,
    Plan,
    Service,
    ServiceKey,
    Spec,
    Step,
    Table,
)
from tests.decide.making import (
    DOWN,
    FAIL,
    PRESUMED,
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

LATER = 1000.0  # long after everything in these tests went down


def decided(wanted: Spec, health: dict[CheckId, Health], have: Table, now: float = LATER) -> tuple[Plan, Guarded]:
    """One round's plan, and what the guard makes of it."""
    want = desired(wanted, health, have)
    owned = {s.key for s in wanted.services.values()}
    plan = diff(want.table, have, owned=owned, why=want.why, hold=want.refused.keys())
    return plan, guard(plan, wanted, have, health, now, by_health=want.by_health)


def went_down(*times: float) -> dict[CheckId, Health]:
    """Server 1, 2, ... went down at these times; 0: is up."""
    return {check_of(n): replace(DOWN, since=at) if at else UP for n, at in enumerate(times, start=1)}


# --- the empty configuration ------------------------------------------------------------------------------------------


def test_an_empty_configuration_changes_nothing() -> None:
    have = {VIP: entry({1: 5})}
    plan = diff({}, have, owned={VIP})
    guarded = guard(plan, spec(), have, {}, LATER, by_health=frozenset())
    assert guarded.allowed == ()
    assert guarded.withheld == (
        (
            Step(DeleteService(VIP), "", "not in the configuration"),
            "the configuration has no services: nothing is changed",
        ),
    )


def test_an_empty_configuration_with_nothing_to_do_is_quiet() -> None:
    assert guard((), spec(), {}, {}, LATER, by_health=frozenset()) == Guarded((), ())


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


# --- the director suspects itself -------------------------------------------------------------------------------------


def town(*pools: list[int], floor: int = 0) -> tuple[Spec, Table]:
    """One service for each list of servers, and the table in which all of them are."""
    services: list[Service] = []
    for index, numbers in enumerate(pools):
        key = replace(VIP, address=ip_address("192.0.2.1") + index)
        services.append(service([server(n) for n in numbers], name=f"s{index}", key=key, floor=floor))
    keys: list[ServiceKey] = [s.key for s in services]
    return spec(*services), {key: entry(dict.fromkeys(numbers, 5)) for key, numbers in zip(keys, pools, strict=True)}


THREE = ([1, 2], [3, 4], [5, 6])


@pytest.mark.parametrize(
    ("sentence", "pools", "down_at", "now", "held"),
    [
        ("everything at once", THREE, (100, 100, 101, 101, 102, 102), 103, True),
        ("more than half, in three services", THREE, (100, 0, 101, 0, 102, 102), 103, True),
        ("half is not more than half", THREE, (100, 0, 101, 0, 102, 0), 103, False),
        ("two services may well fail together", ([1, 2], [3, 4]), (100, 100, 100, 100), 103, False),
        ("services that share a server are related", ([1, 2], [2, 3], [4, 5]), (100, 100, 100, 100, 100), 103, False),
        ("related by a third", ([1, 2], [3, 4], [2, 3], [5]), (100, 100, 100, 100, 100), 103, False),
        ("related by one that all share", ([1], [1, 2], [1, 3], [1, 4]), (100, 100, 100, 100), 103, False),
        ("one after the other is not at once", THREE, (100, 110, 120, 130, 140, 150), 151, False),
        ("still held just before the time is up", THREE, (100, 100, 101, 101, 102, 102), 100 + HOLD - 0.1, True),
        ("then it goes on, also for the last to go down", THREE, (100, 100, 101, 101, 102, 102), 100 + HOLD, False),
        ("what went down long before does not count", ([1, 2], [3, 4], [5, 6, 7]), (1, 1, 1, 1, 100, 0, 0), 101, False),
        ("nor does it hide what goes down now", THREE, (10, 200, 10, 200, 200, 0), 201, True),
        ("a straggler long before does not hide the rest", THREE, (95, 101, 101, 102, 102, 102), 103, True),
        ("most have come back: it was not for long", THREE, (100, 0, 0, 0, 0, 102), 103, False),
    ],
)
def test_suspicion(
    sentence: str, pools: tuple[list[int], ...], down_at: tuple[float, ...], now: float, held: bool
) -> None:
    wanted, have = town(*pools)
    plan, guarded = decided(wanted, went_down(*down_at), have, now)
    assert plan, sentence
    assert (guarded.allowed, len(guarded.withheld)) == (((), len(plan)) if held else (plan, 0)), sentence


def test_suspicion_says_what_it_saw_and_how_long_it_waits() -> None:
    wanted, have = town(*THREE)
    _, guarded = decided(wanted, went_down(100, 0, 101, 0, 102, 102), have, 103.0)
    assert {why for _, why in guarded.withheld} == {
        "4 of 6 servers of 3 unrelated services failed within 5.2 s: "
        "this director is suspected, and takes none away for 60 s"
    }


def test_the_window_is_as_long_as_the_slowest_check_takes() -> None:
    wanted, have = town(*THREE)
    spread = went_down(100, 100, 120, 120, 140, 140)
    assert not decided(wanted, spread, have, 141.0)[1].withheld
    slow = {key: replace(asked, interval=40.0) for key, asked in wanted.questions.items()}
    assert len(decided(replace(wanted, questions=slow), spread, have, 141.0)[1].withheld) == 6


def test_servers_that_were_never_up_did_not_go_down() -> None:
    wanted, have = town(*THREE)
    health = {check: replace(DOWN, since=0.0) for check in wanted.checks}
    plan, guarded = decided(wanted, health, have, 1.0)
    assert guarded == Guarded(plan, ())


@pytest.mark.parametrize("belief", [replace(DOWN, since=100.0), replace(UP, streak=1, last=FAIL)])
def test_a_server_that_is_well_in_another_service_does_not_fail(belief: Health) -> None:
    wanted, have = town(*THREE)
    keys = {n: replace(VIP, port=8000 + n) for n in (1, 3, 5)}
    tcp = [service([server(n, checks=["tcp"])], name=f"tcp{n}", key=key) for n, key in keys.items()]
    wanted = spec(*wanted.services.values(), *tcp)
    health = went_down(*[100.0] * 6) | {check_of(n, "tcp"): UP for n in keys}
    health |= {check_of(n): belief for n in keys}
    plan, guarded = decided(wanted, health, have | {key: entry({n: 5}) for n, key in keys.items()}, 101.0)
    assert plan
    assert guarded == Guarded(plan, ())


def in_doubt(*numbers: int) -> dict[CheckId, Health]:
    return {check_of(n): replace(UP, streak=1, last=FAIL) for n in numbers}


@pytest.mark.parametrize(
    ("sentence", "doubtful", "now", "held"),
    [
        ("most of the others fail too: the very first removal waits", (2, 3, 5), 101.0, True),
        ("half of them is not more than half", (2, 3), 101.0, False),
        ("two services are not three", (2, 3, 4), 101.0, False),
        ("they still only fail after the window: it is them", (2, 3, 5), 107.0, False),
    ],
)
def test_those_that_are_about_to_go_down_are_counted(
    sentence: str, doubtful: tuple[int, ...], now: float, held: bool
) -> None:
    wanted, have = town(*THREE)
    _, guarded = decided(wanted, went_down(100, 0, 0, 0, 0, 0) | in_doubt(*doubtful), have, now)
    assert bool(guarded.withheld) is held, sentence


def test_while_it_suspects_itself_it_adds_and_follows_the_configuration() -> None:
    wanted, have = town(*THREE)
    keys = [s.key for s in wanted.services.values()]
    have = dict(have) | {keys[0]: entry({1: 5, 9: 5}), keys[2]: entry({5: 5})}
    _, guarded = decided(wanted, went_down(100, 100, 100, 100, 100, 0), have, 101.0)
    result = after_all(have, guarded.allowed)
    assert [weights(result, key) for key in keys] == [{1: 5}, {3: 5, 4: 5}, {5: 5, 6: 5}]


def test_after_the_hold_the_floors_still_stand() -> None:
    wanted, have = town(*THREE, floor=1)
    health = went_down(100, 101, 101, 100, 102, 101)
    _, guarded = decided(wanted, health, have, 100.0 + HOLD)
    result = after_all(have, guarded.allowed)
    assert [weights(result, s.key) for s in wanted.services.values()] == [{2: 5}, {3: 5}, {5: 5}]


# --- properties -------------------------------------------------------------------------------------------------------


@given(st.data(), specs(), st.floats(0, 100))
def test_every_step_is_allowed_or_withheld_in_order_and_floors_hold(
    data: st.DataObject, wanted: Spec, now: float
) -> None:
    health, have = data.draw(any_health(wanted)), data.draw(any_found(wanted))
    want = desired(wanted, health, have, idle=data.draw(any_idle(wanted)))
    plan = diff(want.table, have, owned=set(), why=want.why)
    guarded = guard(plan, wanted, have, health, now, by_health=want.by_health)
    withheld = [step for step, _ in guarded.withheld]
    assert [step for step in plan if step in withheld] == withheld
    assert tuple(step for step in plan if step not in withheld) == guarded.allowed
    result = after_all(have, guarded.allowed)
    for wanted_service in wanted.services.values():
        for pool in wanted_service.pools:
            subjects = [(wanted_service.key, member.key) for member in pool.servers]
            if all(subject in want.by_health for subject in subjects):  # nothing but health speaks against these
                assert live(result, subjects) >= min(pool.floor, live(have, subjects))


def live(table: Table, subjects: list[tuple[ServiceKey, object]]) -> int:
    held = [table[key].servers.get(member) for key, member in subjects if key in table]  # type: ignore[call-overload]
    return sum(attrs is not None and attrs.weight > 0 for attrs in held)


@given(st.data(), specs())
def test_nothing_that_health_did_not_ask_for_is_withheld(data: st.DataObject, wanted: Spec) -> None:
    health = dict.fromkeys(wanted.checks, UP)
    have = data.draw(any_found(wanted))
    want = desired(wanted, health, have)
    plan = diff(want.table, have, owned=set())
    assert guard(plan, wanted, have, health, LATER, by_health=want.by_health) == Guarded(plan, ())


def test_an_unproven_server_that_somebody_raised_counts_as_taken_by_health() -> None:
    web = spec(service([server(1)], floor=1))
    _, guarded = decided(web, {check_of(1): UNHEARD}, {VIP: entry({1: 5})})
    assert len(guarded.withheld) == 1


def test_presumed_up_counts_as_having_been_up() -> None:
    wanted, have = town(*THREE)
    _, guarded = decided(wanted, went_down(100, 100, 100, 0, 100, 0) | {check_of(6): PRESUMED}, have, 101.0)
    assert "4 of 6 servers" in guarded.withheld[0][1]
