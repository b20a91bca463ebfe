"""Who is asked before checks take somebody out, who waits for that, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.desired import desired
from lvsctl.decide.inquiry import (
    APART,
    JURY,
    LONGEST,
    WITNESSES,
    Inquiry,
    answered,
    awaited,
    circles_of,
    everybody,
    inquire,
    put_off,
    widened,
)
from lvsctl.decide.plan import diff
from lvsctl.model import Check, CheckId, DeleteServer, Health, Limits, Outcome, QuestionId, Spec, Target
from tests.decide.making import (
    DOWN,
    FAIL,
    PASS,
    PRESUMED,
    UNHEARD,
    UNKNOWN,
    UP,
    VIP,
    check_of,
    entry,
    question,
    real,
    server,
    service,
    spec,
)

BEGAN, NOW = 100.0, 102.0
CANARY = CheckId("tcp 192.0.2.254:22 2/3")
GONE = replace(DOWN, failing=BEGAN, since=NOW)
LONG_GONE = replace(DOWN, failing=1.0, since=2.0)
IN_DOUBT = replace(UP, streak=1, last=FAIL, failing=101.0)


def town(*pools: list[int], canary: bool = False) -> Spec:
    """One service for each list of servers."""
    made = spec(
        *(
            service([server(n) for n in numbers], name=f"s{index}", key=replace(VIP, port=8000 + index))
            for index, numbers in enumerate(pools)
        )
    )
    if not canary:
        return made
    asked = replace(question("tcp canary"), kind="tcp", target=Target(ip_address("192.0.2.254"), 22))
    return replace(
        made,
        questions={**made.questions, asked.id: asked},
        checks={**made.checks, CANARY: Check(CANARY, asked.id, 2, 3)},
        guard=Limits(canaries=(CANARY,)),
    )


def asked_of(number: int) -> QuestionId:
    return QuestionId(check_of(number).removesuffix(" 2/3"))


def made(
    wanted: Spec,
    health: Mapping[int, Health] | None = None,
    *,
    last: Inquiry | None = None,
    passes: Mapping[int, float] | None = None,
    now: float = NOW,
) -> Inquiry | None:
    """What is asked when server 1 went down; the others are up unless it says so."""
    beliefs = dict.fromkeys(wanted.checks, UP) | {check_of(1): GONE}
    beliefs |= {check_of(n): belief for n, belief in (health or {}).items()}
    known = {asked_of(n): at for n, at in (passes or {}).items()}
    return inquire(last, wanted, circles_of(wanted), beliefs, check_of(1), passes=known, now=now)


def people(found: Inquiry | None) -> set[int] | None:
    """The numbers of the witnesses."""
    return None if found is None else {n for n in range(1, 251) if asked_of(n) in found.witnesses}


THREE = ([1, 2], [3, 4], [5, 6])


@pytest.mark.parametrize(
    ("sentence", "pools", "health", "witnesses"),
    [
        ("all of the services that have nothing to do with it", THREE, {}, {3, 4, 5, 6}),
        ("one of each before a second of any", ([1], *([n, n + 1] for n in range(2, 20, 2))), {}, set(range(2, 18, 2))),
        ("not who shares a server with it", ([1, 2], [2, 3], [4], [5]), {}, {4, 5}),
        ("nor who does so by way of another", ([1, 2], [2, 3], [3, 4], [5], [6]), {}, {5, 6}),
        ("nobody who is down", THREE, {3: LONG_GONE}, {4, 5, 6}),
        ("who is presumed up will do", THREE, {3: PRESUMED}, {3, 4, 5, 6}),
        ("who has never answered is no help", THREE, {3: UNHEARD}, {4, 5, 6}),
        ("who is in doubt comes last", ([1], [*range(2, 11)], [11]), {2: IN_DOUBT, 3: IN_DOUBT}, {*range(4, 11), 11}),
        ("and comes, where there are no others", ([1], [2], [3]), {2: IN_DOUBT, 3: IN_DOUBT}, {2, 3}),
        ("of two services nobody could tell", ([1, 2], [3, 4]), {}, None),
        ("nor of three of which one is down for good", THREE, {3: LONG_GONE, 4: LONG_GONE}, None),
        ("nor of a director's only service", ([1, 2],), {}, None),
    ],
)
def test_who_is_asked(
    sentence: str, pools: tuple[list[int], ...], health: dict[int, Health], witnesses: set[int] | None
) -> None:
    found = made(town(*pools), health)
    assert people(found) == witnesses, sentence
    assert found is None or (found.is_open(NOW) and not found.grave), sentence


def test_as_many_services_as_a_suspicion_takes() -> None:
    wanted = town([1], [2], [3])
    assert made(replace(wanted, guard=Limits(services=4))) is None
    assert made(replace(wanted, guard=Limits(services=3))) is not None


@pytest.mark.parametrize(
    ("sentence", "passes", "is_open"),
    [
        ("half of them answered after it began to fail", {3: 100.5, 4: 101.0}, False),
        ("less than half of them did", {3: 100.5}, True),
        ("they answered, but were asked before", {3: 99.9, 4: 99.9, 5: 99.9, 6: 99.9}, True),
        ("the others of its own service do not count", {2: 101.0}, True),
    ],
)
def test_who_has_answered_need_not_be_asked(sentence: str, passes: dict[int, float], *, is_open: bool) -> None:
    found = made(town(*THREE), passes=passes)
    assert found is not None
    assert found.is_open(NOW) is is_open, sentence
    assert found.since == (NOW if is_open else BEGAN), "what began later is not settled by older answers"


@pytest.mark.parametrize(
    ("sentence", "at", "since", "is_made"),
    [
        ("the last one is open still", NOW - 0.01, NOW - 0.01, False),
        ("the last one came after this began to fail", BEGAN + 0.5, BEGAN + 0.5, False),
        ("the last one settled what began earlier", NOW - 1, BEGAN - 1, True),
        ("but one has only just been made", NOW - APART / 2, BEGAN - 1, False),
        ("long ago", 50.0, 50.0, True),
    ],
)
def test_one_inquiry_is_for_all_that_fail_together(sentence: str, at: float, since: float, *, is_made: bool) -> None:
    wanted = town(*THREE)
    last = replace(Inquiry(at, 0.0, since, at + 4.0, frozenset()), witnesses=frozenset({asked_of(3)}))
    over = replace(last, passed=frozenset({asked_of(3)}))
    found = made(wanted, last=last if at == since == NOW - 0.01 else over)
    assert (found is not None) is is_made, sentence
    assert found is None or found.after == since, "the others have been asked about"


def test_how_long_it_may_take() -> None:
    """Each answers, or not, within its timeout; the witnesses first, then everybody, who begin within a second."""
    wanted = town(*THREE)
    for timeout, patience in ((1.0, 4.0), (0.1, 2.2), (30.0, LONGEST)):
        slow = {key: replace(asked, timeout=timeout) for key, asked in wanted.questions.items()}
        found = made(replace(wanted, questions=slow))
        assert found is not None
        assert found.until == NOW + patience


LATER = NOW + 0.5


@pytest.mark.parametrize(
    ("sentence", "answers", "over", "grave"),
    [
        ("nobody has answered", [], False, False),
        ("half of them pass", [(3, PASS), (5, PASS)], True, False),
        ("half of them fail: half may pass yet", [(3, FAIL), (4, FAIL)], False, False),
        ("most of them fail", [(3, FAIL), (4, FAIL), (5, FAIL)], False, True),
        ("who cannot be asked is no help", [(3, UNKNOWN), (4, FAIL), (5, UNKNOWN)], False, True),
        ("one that fails again is one", [(3, FAIL), (3, FAIL), (3, FAIL)], False, False),
        ("the first word counts", [(3, FAIL), (3, PASS), (4, PASS)], False, False),
        ("others are not asked", [(2, PASS), (1, PASS)], False, False),
        ("a pass of who was asked before is none", [(3, replace(PASS, latency=0.6)), (4, PASS)], False, False),
        (
            "it may pass when asked again",
            [(3, replace(PASS, latency=0.6)), (3, PASS), (4, PASS)],
            True,
            False,
        ),
    ],
)
def test_what_answers_come_to(sentence: str, answers: list[tuple[int, Outcome]], *, over: bool, grave: bool) -> None:
    found = made(town(*THREE))
    assert found is not None
    for number, outcome in answers:
        found = answered(found, asked_of(number), outcome, LATER)
    assert (found.over, found.grave) == (over, grave), sentence


@pytest.mark.parametrize(
    ("outcome", "over"),
    [
        pytest.param(PASS, True, id="one pass is enough"),
        pytest.param(FAIL, False, id="a fail tells nothing"),
    ],
)
def test_a_canary_is_asked_as_well(outcome: Outcome, *, over: bool) -> None:
    found = made(town(*THREE, canary=True))
    assert found is not None
    after = answered(found, QuestionId("tcp canary"), outcome, LATER)
    assert (after.over, len(after.failed)) == (over, 0)


def grave(wanted: Spec, beliefs: Mapping[CheckId, Health]) -> Inquiry:
    """All of the first few have failed."""
    found = inquire(None, wanted, circles_of(wanted), beliefs, check_of(1), passes={}, now=NOW)
    assert found is not None
    for number in people(found) or ():
        found = answered(found, asked_of(number), FAIL, LATER)
    assert found.grave
    return found


def test_then_everybody_is_asked_who_is_up_and_has_not_just_been() -> None:
    wanted = town([1, 7], [3, 4], [5, 6], [8])
    beliefs = dict.fromkeys(wanted.checks, UP) | {check_of(1): GONE, check_of(8): LONG_GONE}
    found = grave(wanted, beliefs)
    assert people(found) == {3, 4, 5, 6}
    assert set(everybody(found, wanted, beliefs)) == {asked_of(7)}
    wide = widened(found, wanted, circles_of(wanted), beliefs)
    assert people(wide) == {3, 4, 5, 6, 7}
    assert wide.wide


@pytest.mark.parametrize(
    ("sentence", "passing", "over"),
    [
        ("they fail, too", 0, False),
        ("less than half of all answer", 10, False),
        ("it was the rack in which the first few were: half of all answer", 11, True),
    ],
)
def test_what_everybody_says(sentence: str, passing: int, *, over: bool) -> None:
    wanted = town([1], *([2 * n, 2 * n + 1] for n in range(1, 12)))
    beliefs = dict.fromkeys(wanted.checks, UP) | {check_of(1): GONE}
    found = widened(grave(wanted, beliefs), wanted, circles_of(wanted), beliefs)
    assert len(found.witnesses) == 22
    for one in [*found.witnesses - found.failed][:passing]:
        found = answered(found, one, PASS, LATER)
    assert found.over is over, sentence


def test_of_very_many_some_are_counted() -> None:
    wanted = town(*([n] for n in range(1, 251)))
    beliefs = dict.fromkeys(wanted.checks, UP) | {check_of(1): GONE}
    found = grave(wanted, beliefs)
    assert JURY <= len(widened(found, wanted, circles_of(wanted), beliefs).witnesses) <= JURY + WITNESSES
    assert len(set(everybody(found, wanted, beliefs))) == 249 - WITNESSES


@pytest.mark.parametrize(
    ("sentence", "fate", "now", "waits"),
    [
        ("it waits for the answers", GONE, NOW, True),
        ("so does who goes down meanwhile", replace(GONE, since=NOW + 1), NOW + 1, True),
        ("until the time is over", GONE, NOW + 4.0, False),
        ("not who was asked about before", replace(GONE, failing=90.0), NOW, False),
        ("not who never was up", replace(GONE, failing=0.0), NOW, False),
    ],
)
def test_who_waits(sentence: str, fate: Health, now: float, *, waits: bool) -> None:
    wanted = town(*THREE)
    last = Inquiry(90.5, 0.0, 90.5, 94.5, frozenset({asked_of(3)}), passed=frozenset({asked_of(3)}))
    found = made(wanted, last=last)
    health = dict.fromkeys(wanted.checks, UP) | {check_of(1): fate}
    have = {one.key: entry(dict.fromkeys(THREE[index], 5)) for index, one in enumerate(wanted.services.values())}
    want = desired(wanted, health, have)
    plan = diff(want.table, have, owned=set(have))
    waiting = awaited(found, wanted, health, want.by_health, now)
    key = replace(VIP, port=8000)
    assert waiting == ({(key, real(1))} if waits else frozenset()), sentence
    left, late = put_off(plan, waiting)
    gone = [DeleteServer(key, real(1))]
    assert [step.op for step in left] == ([] if waits else gone), sentence
    assert [step.op for step in late] == (gone if waits else []), sentence
    assert awaited(None, wanted, health, want.by_health, now) == frozenset()


# --- laws -------------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.lists(st.integers(2, 30), min_size=1, max_size=5), max_size=6),
    st.lists(st.tuples(st.integers(2, 30), st.sampled_from([PASS, FAIL, UNKNOWN]))),
)
def test_an_inquiry_comes_to_an_end(pools: list[list[int]], answers: list[tuple[int, Outcome]]) -> None:
    """Whatever is answered, by whomever, and in whatever order."""
    found = made(town([1], *([*dict.fromkeys(numbers)] for numbers in pools)))
    if found is None:
        return
    assert 0 < len(found.witnesses) <= WITNESSES
    for number, outcome in answers:
        found = answered(found, asked_of(number), outcome, LATER)
        assert not (found.over and found.grave)
        assert found.passed.isdisjoint(found.failed)
    heard = found.passed | found.failed
    assert found.over or found.grave or heard != found.witnesses, "when all have answered it is the one or the other"
    assert not found.is_open(NOW + LONGEST)
