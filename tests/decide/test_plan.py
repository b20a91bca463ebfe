"""From what is to what ought to be: order, reasons, drift, and what survives refusals and interruptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.plan import SWITCH_MOMENT, diff, drift, split, still_safe
from lvsctl.decide.table import (
    after,
    after_all,
    is_live,
    real_changes,
    same_entry,
    same_real,
    same_service,
    service_changes,
)
from lvsctl.events import DriftFound
from lvsctl.model import (
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Entry,
    Forward,
    Op,
    Plan,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    Step,
    Table,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from tests.decide.making import (
    OTHER_VIP,
    ROUTE,
    VIP,
    entry,
    kernel_after,
    kernel_after_all,
    kernel_tables,
    owned_keys,
    real,
    real_attrs,
    service_attrs,
    tables,
    weights,
)

# --- what is the same to the kernel -----------------------------------------------------------------------------------

GUE = RealAttrs(Forward.TUNNEL, 5, tunnel=Tunnel(TunnelType.GUE, 5555))
LOCAL = replace(ROUTE, forward=Forward.LOCAL)


@pytest.mark.parametrize(
    ("sentence", "one", "two", "says"),
    [
        ("equal", ROUTE, replace(ROUTE), ""),
        ("weight", ROUTE, replace(ROUTE, weight=0), "weight 5 -> 0"),
        ("thresholds", ROUTE, replace(ROUTE, upper=60, lower=30), "upper 50 -> 60, lower 20 -> 30"),
        ("forwarding", ROUTE, replace(ROUTE, forward=Forward.MASQUERADE), "forward route -> masquerade"),
        ("a local server equals any forwarding", ROUTE, LOCAL, ""),
        ("and any encapsulation", GUE, replace(LOCAL, upper=0, lower=0), ""),
        ("but not any weight", ROUTE, replace(LOCAL, weight=1), "weight 5 -> 1"),
        ("encapsulation counts with tunnel", GUE, replace(GUE, tunnel=Tunnel(TunnelType.GRE)),
         "tunnel gue port 5555 checksum none -> gre checksum none"),
        ("checksum too", GUE, replace(GUE, tunnel=replace(GUE.tunnel, checksum=TunnelChecksum.REMOTE)),
         "tunnel gue port 5555 checksum none -> gue port 5555 checksum remote"),
        ("and without it does not", ROUTE, replace(ROUTE, tunnel=GUE.tunnel), ""),
    ],
)  # fmt: skip
def test_servers_that_are_the_same(sentence: str, one: RealAttrs, two: RealAttrs, says: str) -> None:
    assert ", ".join(real_changes(one, two)) == says, sentence
    assert same_real(one, two) == same_real(two, one) == (not says), sentence


WRR = ServiceAttrs("wrr", persistence=150)


@pytest.mark.parametrize(
    ("sentence", "one", "two", "says"),
    [
        ("equal", WRR, replace(WRR), ""),
        ("scheduler", WRR, replace(WRR, scheduler="rr"), "scheduler wrr -> rr"),
        ("flags", WRR, replace(WRR, flags=ServiceFlag.ONE_PACKET | ServiceFlag.SCHED_1),
         "flags none -> one-packet,sched-1"),
        ("persistence", WRR, replace(WRR, persistence=0), "persistence 150 s -> 0 s"),
        ("its prefix", WRR, replace(WRR, persistence_prefix=24), "persistence prefix /32 -> /24"),
        ("which means nothing without it", ServiceAttrs("rr"), ServiceAttrs("rr", persistence_prefix=24), ""),
        ("its engine", WRR, replace(WRR, persistence_engine="sip"), "persistence engine none -> sip"),
    ],
)  # fmt: skip
def test_services_that_are_the_same(sentence: str, one: ServiceAttrs, two: ServiceAttrs, says: str) -> None:
    assert ", ".join(service_changes(one, two)) == says, sentence
    assert same_service(one, two) == same_service(two, one) == (not says), sentence


@given(real_attrs, real_attrs)
def test_servers_differ_exactly_when_there_are_words_for_it(one: RealAttrs, two: RealAttrs) -> None:
    assert same_real(one, two) == (not list(real_changes(one, two)))


# --- what an operation does -------------------------------------------------------------------------------------------

BEFORE: Table = {VIP: entry({1: 5, 2: 5})}


@pytest.mark.parametrize(
    ("sentence", "op", "then"),
    [
        ("a server is added last", AddServer(VIP, real(3), ROUTE), {1: 5, 2: 5, 3: 5}),
        ("one that is there is not", AddServer(VIP, real(1), replace(ROUTE, weight=9)), {1: 5, 2: 5}),
        ("an edit keeps the place", EditServer(VIP, real(1), replace(ROUTE, weight=9)), {1: 9, 2: 5}),
        ("one that is not there is not edited", EditServer(VIP, real(3), ROUTE), {1: 5, 2: 5}),
        ("a server is deleted", DeleteServer(VIP, real(1)), {2: 5}),
        ("one that is not there is not", DeleteServer(VIP, real(3)), {1: 5, 2: 5}),
        ("a service that is there is not added again", AddService(VIP, WRR), {1: 5, 2: 5}),
        ("another service is none of its business", DeleteService(OTHER_VIP), {1: 5, 2: 5}),
        ("nor are servers of a service that is not there", AddServer(OTHER_VIP, real(3), ROUTE), {1: 5, 2: 5}),
        ("a service takes its servers with it", DeleteService(VIP), None),
    ],
)
def test_what_an_operation_does(sentence: str, op: Op, then: Mapping[int, int] | None) -> None:
    result = after(BEFORE, op)
    assert weights(result) == then, sentence
    assert list(weights(result) or ()) == list(then or ()), sentence
    assert {VIP: entry({1: 5, 2: 5})} == BEFORE, "a table is a value"


def test_a_service_is_added_empty_and_edited_with_its_servers() -> None:
    assert after(BEFORE, AddService(OTHER_VIP, WRR))[OTHER_VIP] == Entry(WRR, {})
    assert after(BEFORE, EditService(VIP, WRR))[VIP] == Entry(WRR, BEFORE[VIP].servers)


@given(tables, tables)
def test_a_plan_does_what_its_operations_do_one_by_one(want: Table, have: Table) -> None:
    plan = diff(want, have, owned=have.keys())
    one_by_one: Table = have
    for step in plan:
        one_by_one = after(one_by_one, step.op)
    assert after_all(have, plan) == one_by_one


# --- order and words --------------------------------------------------------------------------------------------------


def test_a_plan_makes_before_it_breaks_across_all_services() -> None:
    gone = replace(VIP, port=1)
    want = {VIP: Entry(ServiceAttrs("rr"), entry({1: 0, 2: 7, 3: 5}).servers), OTHER_VIP: entry({5: 5})}
    have = {gone: entry({1: 5}), VIP: entry({1: 5, 2: 5, 4: 5})}
    steps = diff(want, have, owned={gone, VIP, OTHER_VIP})
    assert [(step.op, step.change, step.reason) for step in steps] == [
        (AddService(OTHER_VIP, ServiceAttrs("wrr")), "", "configuration"),
        (EditService(VIP, ServiceAttrs("rr")), "scheduler wrr -> rr", f"configuration; {SWITCH_MOMENT}"),
        (EditServer(VIP, real(2), replace(ROUTE, weight=7)), "weight 5 -> 7", "configuration"),
        (AddServer(VIP, real(3), ROUTE), "", "configuration"),
        (AddServer(OTHER_VIP, real(5), ROUTE), "", "configuration"),
        (EditServer(VIP, real(1), replace(ROUTE, weight=0)), "weight 5 -> 0", "configuration"),
        (DeleteServer(VIP, real(4)), "", "not in the configuration"),
        (DeleteService(gone), "", "not in the configuration"),
    ]
    assert not any(step.drift for step in steps)
    makes, breaks = split(steps)
    assert (len(makes), len(breaks)) == (5, 3)
    assert makes + breaks == steps


def test_health_is_the_reason_where_it_takes_away_or_gives_back_and_nowhere_else() -> None:
    want = {VIP: entry({1: 0, 2: 5, 3: 7, 4: 5})}
    have = {VIP: entry({1: 5, 2: 0, 3: 5, 5: 5, 6: 5})}
    why = {(VIP, real(n)): f"health of {n}" for n in range(1, 6)}
    reasons = {step.op.server: step.reason for step in diff(want, have, owned=set(), why=why)}  # type: ignore[union-attr]
    assert reasons == {
        real(1): "health of 1",
        real(2): "health of 2",
        real(3): "configuration",
        real(4): "health of 4",
        real(5): "health of 5",
        real(6): "not in the configuration",
    }


def test_a_service_has_the_reason_that_it_is_given() -> None:
    why = {(VIP, None): "because"}
    assert [step.reason for step in diff({VIP: entry({})}, {}, owned=set(), why=why)] == ["because"]
    steps = diff({VIP: entry({}, "rr")}, {VIP: entry({})}, owned=set(), why=why)
    assert [step.reason for step in steps] == [f"because; {SWITCH_MOMENT}"]
    engine = {VIP: replace(entry({}), attrs=replace(entry({}).attrs, persistence_engine="sip"))}
    assert [step.reason for step in diff(engine, {VIP: entry({})}, owned=set(), why=why)] == ["because"]


def test_what_a_switch_of_the_scheduler_costs_is_said_in_these_words() -> None:
    assert (
        SWITCH_MOMENT
        == "new connections are refused while the kernel changes it: about 20 ms, at worst 130 ms as measured"
    )


# --- drift ------------------------------------------------------------------------------------------------------------

LEFT: Table = {VIP: entry({1: 5, 2: 5})}


@pytest.mark.parametrize(
    ("sentence", "have", "repairs", "found"),
    [
        ("nothing happened", LEFT, [], []),
        (
            "the service was deleted",
            {},
            ["somebody deleted it"] * 3,
            [f"service {VIP} is gone"],
        ),
        ("a server was deleted", {VIP: entry({2: 5})}, ["somebody deleted it"], ["server 10.0.0.1:80 is gone"]),
        (
            "a weight was changed",
            {VIP: entry({1: 7, 2: 5})},
            ["somebody changed weight 5 -> 7"],
            ["server 10.0.0.1:80: weight 5 -> 7"],
        ),
        (
            "a server was added",
            {VIP: entry({1: 5, 2: 5, 3: 5})},
            ["somebody added it"],
            ["server 10.0.0.3:80 was added"],
        ),
        (
            "the scheduler was changed",
            {VIP: entry({1: 5, 2: 5}, "rr")},
            [f"somebody changed scheduler wrr -> rr; {SWITCH_MOMENT}"],
            [f"service {VIP}: scheduler wrr -> rr"],
        ),
        (
            "a service of ours came back",
            LEFT | {OTHER_VIP: entry({})},
            ["somebody added it"],
            [f"service {OTHER_VIP} was added"],
        ),
        ("the order is nobody's business", {VIP: entry({2: 5, 1: 5})}, [], []),
    ],
)
def test_what_somebody_else_did_is_undone_and_told(
    sentence: str, have: Table, repairs: list[str], found: list[str]
) -> None:
    owned = {VIP, OTHER_VIP}
    steps = diff(LEFT, have, owned=owned, left=LEFT)
    assert [step.reason for step in steps] == repairs, sentence
    assert all(step.drift for step in steps), sentence
    told = drift(LEFT, have, owned)
    assert sorted(event.what for event in told) == sorted(found), sentence


def test_what_we_want_otherwise_by_now_is_not_drift_though_it_is_told() -> None:
    want = {VIP: entry({1: 0, 2: 5})}
    have = {VIP: entry({1: 7, 2: 5})}
    [step] = diff(want, have, owned={VIP}, left=LEFT)
    assert (step.change, step.reason, step.drift) == ("weight 7 -> 0", "configuration", False)
    assert drift(LEFT, have, {VIP}) == (DriftFound(VIP, "server 10.0.0.1:80: weight 5 -> 7"),)


def test_what_is_taken_over_from_somebody_else_is_not_drift() -> None:
    found = {VIP: entry({1: 7, 3: 5}, "rr")}
    assert not any(step.drift for step in diff(LEFT, found, owned={VIP}, left=found))
    assert not any(step.drift for step in diff(LEFT, found, owned={VIP}, left=None))
    assert drift(found, found, {VIP}) == ()
    assert drift(None, found, {VIP}) == ()


def test_what_is_not_ours_does_not_drift() -> None:
    assert drift(LEFT, {}, set()) == ()
    assert drift({}, LEFT, set()) == ()


@given(kernel_tables, kernel_tables, owned_keys)
def test_steps_back_to_what_was_left_are_all_drift(left: Table, have: Table, owned: frozenset[ServiceKey]) -> None:
    plan = diff({key: left[key] for key in left.keys() & owned}, have, owned=owned, left=left)
    assert all(step.drift for step in plan)
    assert bool(plan) == bool(drift(left, have, owned))


# --- properties of every plan -----------------------------------------------------------------------------------------


def finished(want: Table, have: Table, owned: frozenset[ServiceKey], result: Table) -> bool:
    """Whether `result` is what a plan from `have` to `want` ought to lead to."""
    foreign = have.keys() - owned - want.keys()
    return (
        result.keys() == want.keys() | foreign
        and all(same_entry(want[key], result[key]) for key in want)
        and all(have[key] == result[key] for key in foreign)
    )


@given(tables, kernel_tables, owned_keys)
def test_carried_out_it_leads_there_and_planned_again_it_is_empty(
    want: Table, have: Table, owned: frozenset[ServiceKey]
) -> None:
    result = kernel_after_all(have, [step.op for step in diff(want, have, owned=owned)])
    assert finished(want, have, owned, result)
    assert diff(want, result, owned=owned) == ()


@given(tables, kernel_tables, owned_keys, st.integers(0, 20))
def test_interrupted_after_any_operation_and_planned_again_it_finishes(
    want: Table, have: Table, owned: frozenset[ServiceKey], done: int
) -> None:
    half = kernel_after_all(have, [step.op for step in diff(want, have, owned=owned)[:done]])
    result = kernel_after_all(half, [step.op for step in diff(want, half, owned=owned)])
    assert finished(want, have, owned, result)


@given(tables, kernel_tables, owned_keys)
def test_a_service_with_a_live_server_before_and_after_has_one_throughout(
    want: Table, have: Table, owned: frozenset[ServiceKey]
) -> None:
    alive = {key for key in want if is_live(want[key]) and is_live(have.get(key))}
    table = have
    for step in diff(want, have, owned=owned):
        table = kernel_after(table, step.op)
        assert all(is_live(table[key]) for key in alive)


@given(tables, kernel_tables, owned_keys)
def test_only_what_is_wanted_or_owned_is_ever_touched(want: Table, have: Table, owned: frozenset[ServiceKey]) -> None:
    steps = diff(want, have, owned=owned)
    assert {step.op.service for step in steps} <= want.keys() | owned
    assert not any(isinstance(step.op, DeleteService) and step.op.service in want for step in steps)


@given(tables, kernel_tables, owned_keys, owned_keys)
def test_what_is_on_hold_stays(
    want: Table, have: Table, owned: frozenset[ServiceKey], hold: frozenset[ServiceKey]
) -> None:
    steps = diff(want, have, owned=owned, hold=hold)
    assert not {step.op.service for step in steps} & (hold - want.keys())


@given(tables, kernel_tables, owned_keys)
def test_it_makes_first_and_the_halves_are_the_whole(want: Table, have: Table, owned: frozenset[ServiceKey]) -> None:
    plan = diff(want, have, owned=owned)
    makes, breaks = split(plan)
    assert makes + breaks == plan
    table = have
    for step in makes:
        lively = {key for key in table if is_live(table[key])}
        table = kernel_after(table, step.op)
        assert lively <= {key for key in table if is_live(table[key])}


# --- when the kernel refuses ------------------------------------------------------------------------------------------


def carried_out(want: Table, have: Table, owned: frozenset[ServiceKey], refused: frozenset[int]) -> tuple[Table, Plan]:
    """One round in which the kernel refuses the makes with these numbers; the table, and the breaks withheld."""
    makes, breaks = split(diff(want, have, owned=owned))
    done = [step.op for number, step in enumerate(makes) if number not in refused]
    table = kernel_after_all(have, done)
    safe, withheld = still_safe(breaks, table, want)
    return kernel_after_all(table, [step.op for step in safe]), tuple(step for step, _ in withheld)


@given(tables, kernel_tables, owned_keys, st.frozensets(st.integers(0, 12)))
def test_whatever_is_refused_a_live_service_that_ought_to_live_lives(
    want: Table, have: Table, owned: frozenset[ServiceKey], refused: frozenset[int]
) -> None:
    alive = {key for key in want if is_live(want[key]) and is_live(have.get(key))}
    result, _ = carried_out(want, have, owned, refused)
    assert all(is_live(result[key]) for key in alive)
    assert finished(want, have, owned, carried_out(want, result, owned, frozenset())[0])


@given(tables, kernel_tables, owned_keys)
def test_while_nothing_is_refused_nothing_is_withheld(want: Table, have: Table, owned: frozenset[ServiceKey]) -> None:
    assert carried_out(want, have, owned, frozenset())[1] == ()


@pytest.mark.parametrize(
    ("sentence", "have", "want", "then"),
    [
        ("its last live servers stay", {1: 5, 2: 5}, {3: 5}, {1: 5, 2: 5}),
        ("its dead ones do not", {1: 5, 2: 0}, {3: 5}, {1: 5}),
        ("nor do any where another lives", {1: 5, 2: 5}, {2: 5, 3: 5}, {2: 5}),
        ("nor where none ought to live", {1: 5}, {3: 0}, {}),
        ("a server to be weightless keeps its weight", {1: 5}, {1: 0, 3: 5}, {1: 5}),
    ],
)
def test_when_the_only_addition_is_refused(
    sentence: str, have: dict[int, int], want: dict[int, int], then: dict[int, int]
) -> None:
    result, _ = carried_out({VIP: entry(want)}, {VIP: entry(have)}, frozenset(), frozenset({0}))
    assert weights(result) == then, sentence


def test_what_is_withheld_says_why() -> None:
    have, want = {VIP: entry({1: 5})}, {VIP: entry({3: 5})}
    [(step, why)] = still_safe((Step(DeleteServer(VIP, real(1)), "", ""),), have, want)[1]
    assert step.op == DeleteServer(VIP, real(1))
    assert why == "the kernel refused what was to take its place: it stays until that succeeds"


@given(service_attrs, service_attrs)
def test_sameness_of_services_is_symmetric(one: ServiceAttrs, two: ServiceAttrs) -> None:
    assert same_service(one, two) == same_service(two, one)


def test_ipv6_servers_are_written_with_brackets() -> None:
    six = RealKey(ip_address("2001:db8::9"), 80)
    have = {VIP: Entry(WRR, {})}
    assert drift({VIP: Entry(WRR, {six: ROUTE})}, have, {VIP})[0].what == "server [2001:db8::9]:80 is gone"
