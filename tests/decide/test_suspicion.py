"""When the director suspects itself, for how long, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.failures import failures_of
from lvsctl.decide.health import carry, judge
from lvsctl.decide.overrides import orders as orders_of
from lvsctl.decide.suspicion import TRUSTED, Suspicion, Trust, canaries_seen, consider
from lvsctl.events import DirectorTrusted
from lvsctl.model import (
    Action,
    Check,
    CheckId,
    Health,
    Limits,
    NewWeight,
    Override,
    QuestionId,
    ServerSubject,
    Service,
    Share,
    Spec,
    Target,
)
from tests.decide.making import (
    DOWN,
    FAIL,
    PASS,
    PRESUMED,
    UNHEARD,
    UNKNOWN,
    UP,
    VIP,
    any_health,
    check_of,
    question,
    real,
    server,
    service,
    spec,
    specs,
)

HOLD = Limits().hold
CANARY = CheckId("tcp 192.0.2.254:22 2/3")


def town(*pools: list[int]) -> Spec:
    """One service for each list of servers, and a canary."""
    services: list[Service] = []
    for index, numbers in enumerate(pools):
        key = replace(VIP, address=ip_address("192.0.2.1") + index)
        services.append(service([server(n) for n in numbers], name=f"s{index}", key=key))
    made = spec(*services)
    asked = replace(question("tcp canary"), kind="tcp", target=Target(ip_address("192.0.2.254"), 22))
    return replace(
        made,
        questions={**made.questions, asked.id: asked},
        checks={**made.checks, CANARY: Check(CANARY, asked.id, 2, 3)},
        guard=Limits(canaries=(CANARY,)),
    )


def failed(*times: float, fell: float = 0.0) -> dict[CheckId, Health]:
    """Server 1, 2, ... began to fail at these times and went down `fell` seconds later; 0: is well."""
    return {
        check_of(n): replace(DOWN, failing=at, since=at + fell) if at else UP for n, at in enumerate(times, start=1)
    }


def in_doubt(at: float, *numbers: int) -> dict[CheckId, Health]:
    """These began to fail then, and are not down yet."""
    return {check_of(n): replace(UP, streak=1, last=FAIL, failing=at) for n in numbers}


def suspected(wanted: Spec, health: Mapping[CheckId, Health], now: float, answered: float = 0.0) -> Suspicion | None:
    trust, news = consider(TRUSTED, wanted, health, {CANARY: answered}, now)
    assert news is None
    return trust.suspicion


THREE = ([1, 2], [3, 4], [5, 6])
ALL = (100.0, 100.0, 101.0, 101.0, 102.0, 102.0)


# --- how it begins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "pools", "began", "now", "is_suspected"),
    [
        ("everything at once", THREE, ALL, 103, True),
        ("more than half, in three services", THREE, (100, 0, 101, 0, 102, 102), 103, True),
        ("half is not more than half", THREE, (100, 0, 101, 0, 102, 0), 103, False),
        ("two services may well fail together", ([1, 2], [3, 4]), (100, 100, 100, 100), 103, False),
        ("services that share a server are related", ([1, 2], [2, 3], [4, 5]), (100, 100, 100, 100, 100), 103, False),
        ("related by a third", ([1, 2], [3, 4], [2, 3], [5]), (100, 100, 100, 100, 100), 103, False),
        ("related by one that all share", ([1], [1, 2], [1, 3], [1, 4]), (100, 100, 100, 100), 103, False),
        ("one after the other is not at once", THREE, (100, 110, 120, 130, 140, 150), 151, False),
        ("what is a minute old is history", THREE, ALL, 160, False),
        ("what went down long before does not count", ([1, 2], [3, 4], [5, 6, 7]), (1, 1, 1, 1, 100, 0, 0), 101, False),
        ("nor does it hide what goes down now", THREE, (10, 200, 10, 200, 200, 0), 201, True),
        ("a straggler long before does not hide the rest", THREE, (95, 101, 101, 102, 102, 102), 103, True),
        ("most have come back: it was not for long", THREE, (100, 0, 0, 0, 0, 102), 103, False),
    ],
)
def test_when_it_begins(
    sentence: str, pools: tuple[list[int], ...], began: tuple[float, ...], now: float, is_suspected: bool
) -> None:
    assert (suspected(town(*pools), failed(*began), now) is not None) is is_suspected, sentence


def test_it_says_what_it_saw_and_when_it_ends() -> None:
    found = suspected(town(*THREE), failed(100, 0, 101, 0, 102, 102), 103.0)
    why = "4 of 6 servers of 3 unrelated services failed within 5 s"
    assert found == Suspicion(why, began=97.0, since=103.0, until=103.0 + HOLD)


@pytest.mark.parametrize(
    ("sentence", "limits", "is_suspected"),
    [
        ("as it is by default", Limits(), True),
        ("more services are asked for", Limits(services=4), False),
        ("a larger share is asked for", Limits(share=Share(percent=70)), False),
        ("just less than what failed", Limits(share=Share(percent=60)), True),
    ],
)
def test_the_limits_of_conf_d(sentence: str, limits: Limits, is_suspected: bool) -> None:
    wanted = replace(town(*THREE), guard=limits)
    assert (suspected(wanted, failed(100, 0, 101, 0, 102, 102), 103.0) is not None) is is_suspected, sentence


def test_the_window_is_as_long_as_the_slowest_check_takes_to_be_asked_again() -> None:
    wanted = town(*THREE)
    spread = failed(100, 100, 115, 115, 130, 130)
    assert suspected(wanted, spread, 131.0) is None
    slow = {key: replace(asked, interval=30.0) for key, asked in wanted.questions.items()}
    assert suspected(replace(wanted, questions=slow), spread, 131.0) is not None


def test_servers_that_were_never_up_did_not_fail() -> None:
    wanted = town(*THREE)
    assert suspected(wanted, {check: replace(DOWN, since=0.0) for check in wanted.checks}, 1.0) is None


@pytest.mark.parametrize("belief", [replace(DOWN, failing=100.0), replace(UP, streak=1, last=FAIL, failing=100.0)])
def test_a_server_that_is_well_in_another_service_does_not_fail(belief: Health) -> None:
    wanted = town(*THREE)
    keys = {n: replace(VIP, port=8000 + n) for n in (1, 3, 5)}
    tcp = [service([server(n, checks=["tcp"])], name=f"tcp{n}", key=key) for n, key in keys.items()]
    health = failed(*[100.0] * 6) | {check_of(n, "tcp"): UP for n in keys} | {check_of(n): belief for n in keys}
    assert suspected(spec(*wanted.services.values(), *tcp), health, 101.0) is None


@pytest.mark.parametrize(
    ("sentence", "doubtful", "began", "is_suspected"),
    [
        ("most of the others fail too: the very first removal waits", (2, 3, 5), 101.0, True),
        ("half of them is not more than half", (2, 3), 101.0, False),
        ("two services are not three", (2, 3, 4), 101.0, False),
        ("they began long after the first: that is something else", (2, 3, 5), 107.0, False),
    ],
)
def test_those_that_are_about_to_go_down_are_counted(
    sentence: str, doubtful: tuple[int, ...], began: float, is_suspected: bool
) -> None:
    health = failed(100, 0, 0, 0, 0, 0) | in_doubt(began, *doubtful)
    assert (suspected(town(*THREE), health, 108.0) is not None) is is_suspected, sentence


def ordered(action: Action, *numbers: int, weight: int | None = None) -> list[Override]:
    wanted = None if weight is None else NewWeight(weight)
    subjects = [ServerSubject(None, real(n).address, None) for n in numbers]
    return [Override(subject, action, "alice", "", since=0.0, weight=wanted) for subject in subjects]


@pytest.mark.parametrize(
    ("sentence", "overrides", "began", "is_suspected"),
    [
        ("a rack that was drained is switched off", ordered(Action.DRAIN, 1, 3, 5, 6), (1, 0, 1, 0, 1, 1), False),
        ("it was disabled", ordered(Action.DISABLE, 1, 3, 5, 6), (1, 0, 1, 0, 1, 1), False),
        ("it was given weight 0", ordered(Action.WEIGHT, 1, 3, 5, 6, weight=0), (1, 0, 1, 0, 1, 1), False),
        ("it has a little weight left", ordered(Action.WEIGHT, 1, 3, 5, 6, weight=1), (1, 0, 1, 0, 1, 1), True),
        ("one of four was drained: three of five fail", ordered(Action.DRAIN, 6), (1, 0, 1, 0, 1, 1), True),
        ("drained and well is no evidence against it", ordered(Action.DRAIN, 2, 4), (1, 0, 1, 0, 1, 0), True),
        ("who is in use of three services fails", ordered(Action.DRAIN, 2, 4, 6), (1, 1, 1, 1, 1, 1), True),
    ],
)
def test_who_gets_no_connections_by_order_is_no_evidence(
    sentence: str, overrides: list[Override], began: tuple[int, ...], is_suspected: bool
) -> None:
    """1: failed, 0: well."""
    wanted = town(*THREE)
    held = orders_of(wanted, overrides)
    trust, _ = consider(TRUSTED, wanted, failed(*(100.0 * one for one in began)), {}, 101.0, orders=held)
    assert (trust.suspicion is not None) is is_suspected, sentence


def test_nor_is_who_has_weight_0_in_conf_d_unless_an_operator_gave_it_more() -> None:
    idle = [service([server(n, weight=0), server(n + 1)], name=f"s{n}", key=replace(VIP, port=n)) for n in (1, 3, 5)]
    wanted, health = spec(*idle), failed(100, 0, 100, 0, 100, 0)
    assert suspected(wanted, health, 101.0) is None
    held = orders_of(wanted, ordered(Action.WEIGHT, 1, 3, 5, weight=5) + ordered(Action.DRAIN, 2))
    trust, _ = consider(TRUSTED, wanted, health, {}, 101.0, orders=held)
    assert trust.suspicion is not None


def test_who_is_drained_in_one_service_and_used_in_another_is_evidence() -> None:
    wanted = town([1], [1, 2])
    [everywhere] = ordered(Action.DRAIN, 1)
    here = replace(everywhere, subject=ServerSubject("s0", real(1).address, None))
    health = failed(100, 100)
    assert failures_of(wanted, health, orders_of(wanted, [here])).began.keys() == {real(1), real(2)}
    assert failures_of(wanted, health, orders_of(wanted, [everywhere])).began.keys() == {real(2)}


def test_what_is_dead_for_good_does_not_make_the_window_longer() -> None:
    """It is asked once a minute."""
    wanted = town(*THREE, [7])
    slow = QuestionId(check_of(7).removesuffix(" 2/3"))
    wanted = replace(wanted, questions=wanted.questions | {slow: replace(wanted.questions[slow], interval=60.0)})
    spread = failed(*(4000, 4000, 4015, 4015, 4030, 4030), 1.0)
    assert suspected(wanted, spread, 4031.0) is None
    news = {**spread, check_of(7): replace(DOWN, failing=4000.0)}
    assert suspected(wanted, news, 4031.0) is not None


def test_while_nobody_is_down_there_is_nothing_to_hold() -> None:
    assert suspected(town(*THREE), failed(*[0] * 6) | in_doubt(100.0, 1, 2, 3, 4, 5, 6), 101.0) is None


def test_presumed_up_counts_as_having_been_up() -> None:
    health = failed(100, 100, 100, 0, 100, 0) | {check_of(6): PRESUMED}
    found = suspected(town(*THREE), health, 101.0)
    assert found is not None
    assert found.why.startswith("4 of 6 servers")


@pytest.mark.parametrize(
    ("sentence", "answered", "is_suspected"),
    [
        ("a canary answered while most failed already: it is the servers", 101.5, False),
        ("it answered when only three of six had failed: since then the link may have gone", 100.9, True),
        ("it answered before all that", 99.0, True),
    ],
)
def test_a_canary_that_answers_in_time_prevents_it(sentence: str, answered: float, is_suspected: bool) -> None:
    """The fourth of six, with which they are most, began to fail at 101."""
    found = suspected(town(*THREE), failed(*ALL), 103.0, answered)
    assert (found is not None) is is_suspected, sentence


# --- how it ends ------------------------------------------------------------------------------------------------------


def begun(wanted: Spec, health: Mapping[CheckId, Health]) -> Trust:
    trust, _ = consider(TRUSTED, wanted, health, {}, 103.0)
    assert trust.suspicion is not None
    return trust


def test_it_ends_by_time_once_and_the_same_failures_do_not_begin_it_again() -> None:
    wanted, health = town(*THREE), failed(*ALL)
    trust = begun(wanted, health)
    assert consider(trust, wanted, health, {}, 103.0 + HOLD - 0.1) == (trust, None)
    trust, news = consider(trust, wanted, health, {}, 103.0 + HOLD)
    assert news == DirectorTrusted("the time is over: 60 s", HOLD)
    for now in (103.0 + HOLD, 104.0 + HOLD, 1000.0):
        trust, news = consider(trust, wanted, health, {}, now)
        assert (trust.suspicion, news) == (None, None)


def test_a_canary_that_answers_ends_it_at_once() -> None:
    wanted, health = town(*THREE), failed(*ALL)
    health |= {CANARY: UP}
    trust = begun(wanted, health)
    assert consider(trust, wanted, health, {CANARY: 102.9}, 104.0) == (trust, None)
    trust, news = consider(trust, wanted, health, {CANARY: 103.5}, 104.0)
    assert news == DirectorTrusted("canary tcp 192.0.2.254:22 answers", 1.0)
    assert consider(trust, wanted, health, {CANARY: 103.5}, 105.0) == (trust, None)


def test_a_canary_that_failed_with_them_gives_the_servers_time_to_come_back_as_well() -> None:
    """rise 2, down_interval 5 s, timeout 1 s: 13 s, and 5 s for their MAC addresses."""
    wanted, health = town(*THREE), failed(*ALL)
    back = {**health, CANARY: replace(DOWN, streak=0, up=True, last=PASS, failing=101.0)}
    trust, news = consider(begun(wanted, health), wanted, back, {CANARY: 110.0}, 110.0)
    assert trust.suspicion is not None
    assert (trust.suspicion.ends, news) == (128.0, None)
    lost = {**back, CANARY: replace(UP, streak=1, last=FAIL, failing=111.0)}
    again, _ = consider(trust, wanted, lost, {CANARY: 110.0}, 112.0)
    assert again.suspicion is not None
    assert again.suspicion.ends == 103.0 + HOLD, "it fails again"
    _, news = consider(trust, wanted, failed(*[0] * 6) | {CANARY: UP}, {CANARY: 111.0}, 112.0)
    assert news == DirectorTrusted("the servers are back: 6 of 6 pass their checks", 9.0)
    _, news = consider(trust, wanted, back, {CANARY: 127.0}, 128.0)
    assert news == DirectorTrusted("canary tcp 192.0.2.254:22 answers", 25.0)


@pytest.mark.parametrize(
    ("sentence", "canary"),
    [
        ("it is down by now", replace(DOWN, failing=107.0)),
        ("it begins to fail", replace(UP, streak=1, last=FAIL, failing=107.0)),
        ("it cannot be asked", replace(UP, last=UNKNOWN)),
    ],
)
def test_a_canary_that_answered_once_does_not_end_it_when_it_answers_no_more(sentence: str, canary: Health) -> None:
    wanted, health = town(*THREE), failed(*ALL)
    trust = begun(wanted, health)
    assert consider(trust, wanted, {**health, CANARY: canary}, {CANARY: 103.5}, 110.0) == (trust, None), sentence


def test_one_canary_that_answers_is_enough() -> None:
    """Whatever becomes of another, which answered once."""
    wanted, health = town(*THREE), failed(*ALL)
    other = CheckId("tcp 192.0.2.253:22 2/3")
    wanted = replace(
        wanted,
        checks={**wanted.checks, other: replace(wanted.checks[CANARY], id=other)},
        guard=replace(wanted.guard, canaries=(other, CANARY)),
    )
    lost = {**health, other: replace(UP, streak=1, last=FAIL, failing=107.0), CANARY: UP}
    _, news = consider(begun(wanted, health), wanted, lost, {other: 103.5, CANARY: 104.0}, 108.0)
    assert news == DirectorTrusted("canary tcp 192.0.2.254:22 answers", 5.0)
    late = {**health, other: replace(UP, failing=101.0), CANARY: UP}
    _, news = consider(begun(wanted, health), wanted, late, {other: 103.5, CANARY: 104.0}, 108.0)
    assert news == DirectorTrusted("canary tcp 192.0.2.254:22 answers", 5.0), "the other failed with them, this did not"


def test_a_reload_that_asks_otherwise_does_not_end_it_before_the_servers_have_answered() -> None:
    """Nobody knows whether they are back, so it is not said of them."""
    wanted, health = town(*THREE), failed(101, 101, 0, 0, 0, 0) | in_doubt(102.0, 3, 4, 5, 6)
    trust = begun(wanted, health)
    asked_otherwise = with_other_checks(wanted)
    carried = carry(wanted, asked_otherwise, health)
    assert consider(trust, asked_otherwise, carried, {}, 104.0) == (trust, None)
    beliefs = {check: judge(asked_otherwise.checks[check], belief, PASS, 105.0) for check, belief in carried.items()}
    _, news = consider(trust, asked_otherwise, beliefs, {}, 105.0)
    assert news == DirectorTrusted("the servers are back: 6 of 6 pass their checks", 2.0)
    beliefs = {check: judge(asked_otherwise.checks[check], belief, FAIL, 105.0) for check, belief in carried.items()}
    assert consider(trust, asked_otherwise, beliefs, {}, 105.0) == (trust, None)


def test_nor_does_one_when_all_are_down() -> None:
    wanted, health = town(*THREE), failed(*ALL)
    trust = begun(wanted, health)
    asked_otherwise = with_other_checks(wanted)
    carried = carry(wanted, asked_otherwise, health)
    assert consider(trust, asked_otherwise, carried, {}, 104.0) == (trust, None)
    ended, news = consider(trust, asked_otherwise, carried, {}, 103.0 + HOLD)
    assert news is not None
    assert len(ended.excused) == 6


def with_other_checks(wanted: Spec) -> Spec:
    """The same servers, each asked another question."""
    services = {
        name: replace(
            one,
            pools=tuple(
                replace(pool, servers=tuple(replace(s, checks=(check_of_other(s.checks[0]),)) for s in pool.servers))
                for pool in one.pools
            ),
        )
        for name, one in wanted.services.items()
    }
    made = spec(*services.values())
    return replace(
        made,
        questions={**made.questions, **wanted.questions},
        checks={**made.checks, CANARY: wanted.checks[CANARY]},
        guard=wanted.guard,
    )


def check_of_other(check: CheckId) -> CheckId:
    return CheckId(f"other {check}")


def test_it_ends_when_the_servers_are_back() -> None:
    wanted = town(*THREE)
    trust = begun(wanted, failed(*ALL))
    assert consider(trust, wanted, failed(0, 0, 101, 101, 102, 102), {}, 110.0) == (trust, None)
    trust, news = consider(trust, wanted, failed(0, 0, 0, 0, 0, 0), {}, 111.0)
    assert (trust, news) == (TRUSTED, DirectorTrusted("the servers are back: 6 of 6 pass their checks", 8.0))


def test_when_most_are_back_the_others_have_as_long_as_their_checks_take() -> None:
    """rise 2, down_interval 5 s, timeout 1 s: 13 s, and 5 s for their MAC addresses."""
    wanted, half = town(*THREE), failed(0, 0, 0, 101, 102, 102)
    trust, news = consider(begun(wanted, failed(*ALL)), wanted, half, {}, 110.0)
    assert trust.suspicion is not None
    assert (trust.suspicion.ends, news) == (128.0, None)
    assert consider(trust, wanted, half, {}, 127.9) == (trust, None)
    ended, news = consider(trust, wanted, half, {}, 128.0)
    assert news == DirectorTrusted("the servers are back: 3 of 6 pass their checks", 25.0)
    assert ended.excused == {real(4), real(5), real(6)}
    again, news = consider(trust, wanted, failed(112, 0, 0, 101, 102, 102), {}, 127.9)
    assert again.suspicion is not None
    assert (again.suspicion.ends, news) == (103.0 + HOLD, None), "they fail again"


def test_those_that_fell_before_do_not_keep_it_from_ending() -> None:
    wanted = town([1, 2, 7, 8, 9], [3, 4], [5, 6])
    old = dict.fromkeys([check_of(n) for n in (7, 8, 9)], replace(DOWN, failing=1.0))
    trust = begun(wanted, failed(*ALL) | old)
    _, news = consider(trust, wanted, failed(0, 0, 0, 0, 0, 0) | old, {}, 110.0)
    assert news == DirectorTrusted("the servers are back: 6 of 6 pass their checks", 7.0)


def test_who_was_well_again_counts_again() -> None:
    wanted, health = town(*THREE), failed(*ALL)
    trust, _ = consider(begun(wanted, health), wanted, health, {}, 200.0)
    assert len(trust.excused) == 6
    trust, _ = consider(trust, wanted, failed(0, 0, 0, 0, 0, 0), {}, 300.0)
    assert trust == TRUSTED
    trust, _ = consider(trust, wanted, failed(*[400.0] * 6), {}, 401.0)
    assert trust.suspicion is not None


def test_new_failures_begin_another_and_the_excused_are_left_out_of_the_count() -> None:
    wanted = town([1], [2], [3], [4], [5], [6], [7])
    first = failed(100, 100, 100, 100, 0, 0, 0)
    trust, _ = consider(begun(wanted, first), wanted, first, {}, 200.0)
    trust, _ = consider(trust, wanted, first | failed(100, 100, 100, 100, 300, 300, 300), {}, 301.0)
    assert trust.suspicion is not None
    assert trust.suspicion.why == "3 of 3 servers of 3 unrelated services failed within 5 s"


@pytest.mark.parametrize(
    ("sentence", "belief", "says"),
    [
        ("down since then", replace(DOWN, failing=101.0), "fails: L4CON connection refused"),
        ("begins to fail", replace(UP, streak=1, last=FAIL, failing=99.0), "fails: L4CON connection refused"),
        ("down long before", replace(DOWN, failing=10.0), "failed before that already: L4CON connection refused"),
        ("never was up", DOWN, "failed before that already: L4CON connection refused"),
        ("was not asked since", UP, "has not answered since"),
        ("was never asked", UNHEARD, "has not answered since"),
        ("for want of a descriptor", replace(UP, last=UNKNOWN), "cannot be asked: ASKERR no file descriptor left"),
    ],
)
def test_what_the_canaries_say(sentence: str, belief: Health, says: str) -> None:
    wanted, health = town(*THREE), failed(*ALL)
    suspicion = begun(wanted, health).suspicion
    assert suspicion is not None
    [found] = canaries_seen(suspicion, wanted, {**health, CANARY: belief})
    assert found == f"canary tcp 192.0.2.254:22 {says}", sentence


# --- when a failure begins --------------------------------------------------------------------------------------------


def test_a_failure_begins_with_the_first_fail_of_the_row_that_takes_it_down() -> None:
    check = Check(check_of(1), QuestionId("q"), rise=2, fall=3)
    belief = UP
    seen = []
    for now, outcome in enumerate([FAIL, PASS, FAIL, FAIL, FAIL, FAIL, PASS, FAIL], start=1):
        belief = judge(check, belief, outcome, float(now))
        seen.append((belief.up, belief.failing))
    assert seen == [(True, 1), (True, 1), (True, 3), (True, 3), (False, 3), (False, 3), (False, 3), (False, 3)]


# --- laws -------------------------------------------------------------------------------------------------------------


@given(st.data(), specs(), st.lists(st.floats(0.0, 30.0), min_size=1, max_size=12))
def test_a_suspicion_is_told_once_each_way_and_never_lasts_longer_than_the_hold(
    data: st.DataObject, wanted: Spec, steps: list[float]
) -> None:
    """Whatever the checks say from round to round."""
    wanted = replace(wanted, guard=Limits(services=data.draw(st.sampled_from([1, 2])), hold=20.0))
    trust, now = TRUSTED, 100.0
    for step in steps:
        now += step
        before = trust.suspicion
        ages = st.sampled_from([0.0, 0.5, 3.0, 50.0])
        health = {
            check: replace(belief, failing=max(0.0, now - data.draw(ages)))
            for check, belief in data.draw(any_health(wanted)).items()
        }
        trust, news = consider(trust, wanted, health, {}, now)
        assert (news is not None) == (before is not None and trust.suspicion is None)
        if before is not None:
            assert trust.suspicion is None or (now < before.until and trust.suspicion.since == before.since)
        if news is not None:
            again, _ = consider(trust, wanted, health, {}, now)
            assert again.suspicion is None, "the same failures begin no other"
