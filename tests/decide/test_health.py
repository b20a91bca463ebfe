"""Rise and fall, presumptions, reloads, pacing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.health import Standing, assume_up, carry, judge, pace, presume, standing, worst_detection
from lvsctl.model import Check, CheckId, Health, Outcome, QuestionId, RealKey
from tests.decide.making import (
    DOWN,
    FAIL,
    OTHER_VIP,
    OUTCOMES,
    PASS,
    PRESUMED,
    UNASKED,
    UNHEARD,
    UNKNOWN,
    UP,
    VIP,
    check_of,
    entry,
    healths,
    question,
    server,
    service,
    spec,
)

CHECK = Check(CheckId("c"), QuestionId("q"), rise=2, fall=3)


def told(health: Health) -> str:
    """`up` or `down`, `?` if not answered, `+n` for n contradictions in a row."""
    return (
        ("up" if health.up else "down") + "?" * (not health.answered) + (f"+{health.streak}" if health.streak else "")
    )


def after_each(health: Health, letters: str) -> str:
    words = []
    for now, letter in enumerate(letters, start=1):
        health = judge(CHECK, health, OUTCOMES[letter], float(now))
        words.append(told(health))
    return " ".join(words)


@pytest.mark.parametrize(
    ("sentence", "start", "outcomes", "beliefs"),
    [
        ("never asked: one pass is enough to start with", UNHEARD, "P", "up"),
        ("never asked: one fail means down", UNHEARD, "F", "down"),
        ("never asked: what could not be asked decides nothing", UNHEARD, "UU", "down? down?"),
        ("the first answer decides even after questions in vain", UNHEARD, "UUP", "down? down? up"),
        ("presumed up: stays up until `fall` fails in a row", PRESUMED, "FFF", "up?+1 up?+2 down"),
        ("presumed up: one pass makes it a belief of its own", PRESUMED, "FFPF", "up?+1 up?+2 up up+1"),
        ("up: `fall` fails in a row take it down", UP, "FFF", "up+1 up+2 down"),
        ("up: a pass between the fails starts the count again", UP, "FFPFFF", "up+1 up+2 up up+1 up+2 down"),
        ("down: `rise` passes in a row bring it up", DOWN, "PP", "down+1 up"),
        ("down: a fail between the passes starts the count again", DOWN, "PFPP", "down+1 down down+1 up"),
        ("unknown neither advances nor resets the count", UP, "FFUF", "up+1 up+2 up+2 down"),
        ("the first answer was a fail: now it takes `rise` passes", UNHEARD, "FPP", "down down+1 up"),
    ],
)
def test_rise_and_fall(sentence: str, start: Health, outcomes: str, beliefs: str) -> None:
    assert after_each(start, outcomes) == beliefs, sentence


def test_since_is_when_the_belief_changed_and_last_is_the_newest_outcome() -> None:
    went_down = judge(replace(CHECK, fall=1), UP, FAIL, 7.0)
    assert (went_down.since, went_down.last) == (7.0, FAIL)
    stayed_down = judge(CHECK, went_down, UNKNOWN, 8.0)
    assert (stayed_down.since, stayed_down.last) == (7.0, UNKNOWN)


def test_a_check_that_was_never_up_did_not_go_down() -> None:
    assert judge(CHECK, UNHEARD, FAIL, 7.0).since == 0.0


@given(st.text("PFU"), st.sampled_from([UNHEARD, PRESUMED, UP, DOWN]))
def test_unknown_leaves_no_trace_in_the_belief(letters: str, start: Health) -> None:
    with_unknown = without = start
    for letter in letters:
        with_unknown = judge(CHECK, with_unknown, OUTCOMES[letter], 1.0)
        if letter != "U":
            without = judge(CHECK, without, OUTCOMES[letter], 1.0)
    assert replace(with_unknown, last=None) == replace(without, last=None)


@given(st.lists(st.sampled_from([PASS, FAIL]), min_size=1), st.integers(1, 4), st.integers(1, 4))
def test_a_belief_with_an_answer_turns_exactly_when_rise_or_fall_answers_in_a_row_say_so(
    outcomes: list[Outcome], rise: int, fall: int
) -> None:
    check = replace(CHECK, rise=rise, fall=fall)
    health = UP
    for heard in range(1, len(outcomes) + 1):
        needed, against = (fall, FAIL) if health.up else (rise, PASS)
        turns = health.streak + 1 == needed and outcomes[heard - 1] is against
        before, health = health, judge(check, health, outcomes[heard - 1], 1.0)
        assert (health.up is not before.up) == turns
        if turns:
            assert outcomes[heard - needed : heard] == [against] * needed
        assert health.streak < (fall if health.up else rise)


@pytest.mark.parametrize(
    ("sentence", "letters", "says"),
    [
        ("without checks a server is up", "", Standing.UP),
        ("all pass", "UU", Standing.UP),
        ("one is only presumed", "UP", Standing.PRESUMED),
        ("one has never answered", "PN", Standing.UNPROVEN),
        ("one could not be asked", "U?", Standing.UNPROVEN),
        ("one down decides, whatever else is unknown", "NDU", Standing.DOWN),
    ],
)
def test_a_server_stands_as_its_worst_check(sentence: str, letters: str, says: Standing) -> None:
    health = healths(letters)
    assert standing(tuple(health), health) is says, sentence


def test_a_check_that_nobody_has_heard_of_is_unproven() -> None:
    assert standing((CheckId("new"),), {}) is Standing.UNPROVEN


# --- presumptions -----------------------------------------------------------------------------------------------------


def test_presumed_up_is_what_the_kernel_sends_connections_to() -> None:
    wanted = spec(service([server(1), server(2), server(3)]))
    presumed = presume(wanted, {VIP: entry({1: 5, 2: 0})})
    assert presumed == {check_of(1): PRESUMED, check_of(2): UNHEARD, check_of(3): UNHEARD}


def test_presumed_from_an_empty_table_nothing_is_up() -> None:
    assert set(presume(spec(service([server(1), server(2)])), {}).values()) == {UNHEARD}


def test_no_checks_takes_every_check_as_passed() -> None:
    wanted = spec(service([server(1), server(2)]))
    health = assume_up(wanted)
    assert standing(tuple(wanted.checks), health) is Standing.UP


BEFORE = spec(service([server(1), server(2)]))
TROUBLED = Health(up=True, answered=True, streak=2, last=FAIL, since=4.0)


def test_reload_keeps_the_same_check_as_it_is() -> None:
    health = {check_of(1): TROUBLED, check_of(2): DOWN}
    assert carry(BEFORE, BEFORE, health) == health


def test_reload_with_another_fall_keeps_the_belief_and_starts_counting_again() -> None:
    slower = CheckId("http 10.0.0.1:80 2/9")
    after = spec(service([replace(server(1), checks=(slower,))]))
    after = replace(after, checks={slower: Check(slower, BEFORE.checks[check_of(1)].question, 2, 9)})
    assert carry(BEFORE, after, {check_of(1): TROUBLED})[slower] == replace(TROUBLED, streak=0)


@pytest.mark.parametrize(
    ("sentence", "before", "after"),
    [
        ("up: stays until the new question is answered", replace(UP, since=4.0), Health(up=True, since=4.0)),
        ("presumed up stays presumed up", PRESUMED, PRESUMED),
        ("down: stays down until the new question is answered", DOWN, Health(up=False, since=1.0)),
        ("never answered: nothing to go by", UNHEARD, UNHEARD),
    ],
)
def test_reload_with_another_question_presumes_the_last_verdict(sentence: str, before: Health, after: Health) -> None:
    asked_anew = spec(service([server(1, checks=["tcp"])]))
    assert carry(BEFORE, asked_anew, {check_of(1): before}) == {check_of(1, "tcp"): after}, sentence


def test_presumed_down_takes_one_pass_of_its_own() -> None:
    asked_anew = spec(service([server(1, checks=["tcp"])]))
    health = carry(BEFORE, asked_anew, {check_of(1): DOWN})[check_of(1, "tcp")]
    assert after_each(health, "UP") == "down? up"


def test_a_check_added_to_a_server_is_presumed_to_say_what_the_others_say() -> None:
    more = spec(service([server(1, checks=["http", "tcp"])]))
    assert carry(BEFORE, more, {check_of(1): UP}) == {check_of(1): UP, check_of(1, "tcp"): PRESUMED}
    assert carry(BEFORE, more, {check_of(1): DOWN})[check_of(1, "tcp")].up is False


def test_a_server_that_had_no_checks_was_up() -> None:
    unchecked, checked = spec(service([server(1, checks=[])])), spec(service([server(1)]))
    assert carry(unchecked, checked, {}) == {check_of(1): PRESUMED}


def test_several_old_checks_count_together() -> None:
    both = spec(service([server(1, checks=["http", "tcp"])]))
    other = spec(service([server(1, checks=["dns"])]))
    health = carry(both, other, {check_of(1): UP, check_of(1, "tcp"): DOWN})
    assert health[check_of(1, "dns")] == Health(up=False, since=1.0)


def test_a_new_server_is_not_up() -> None:
    more = spec(service([server(1), server(3)]))
    assert carry(BEFORE, more, {check_of(1): UP})[check_of(3)] == UNHEARD


def test_a_server_of_another_service_is_new_and_the_same_check_is_not() -> None:
    moved = spec(service([server(1), server(2, checks=["tcp"])], key=OTHER_VIP))
    assert carry(BEFORE, moved, {check_of(1): UP, check_of(2): UP}) == {
        check_of(1): UP,
        check_of(2, "tcp"): UNHEARD,
    }


def test_a_new_service_that_the_kernel_already_serves_is_presumed_from_it() -> None:
    more = spec(service([server(1)]), service([server(4)], name="new", key=OTHER_VIP))
    health = carry(BEFORE, more, {check_of(1): UP}, have={OTHER_VIP: entry({4: 5})})
    assert health[check_of(4)] == PRESUMED


def test_where_two_servers_that_come_to_share_a_check_disagree_both_stay_as_they_are() -> None:
    shared = (check_of(1, "dns"),)
    old = spec(service([server(1)]), service([server(1, checks=["tcp"])], name="other", key=OTHER_VIP))
    pools = [replace(server(1), checks=shared)]
    new = spec(service(pools), service(pools, name="other", key=OTHER_VIP))
    for one, two in ((UP, DOWN), (DOWN, UP)):
        assert carry(old, new, {check_of(1): one, check_of(1, "tcp"): two})[shared[0]] == PRESUMED


# --- pace and detection -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "beliefs", "seconds"),
    [
        ("up and settled", [UP], 2.0),
        ("up and in doubt", [TROUBLED], 0.5),
        ("down and settled", [DOWN], 5.0),
        ("down and recovering", [replace(DOWN, streak=1)], 0.5),
        ("never answered", [UNHEARD], 0.5),
        ("asked in vain", [UNASKED], 0.5),
        ("presumed up", [PRESUMED], 0.5),
        ("two askers: the shortest", [DOWN, UP], 2.0),
        ("two askers, one in doubt", [UP, TROUBLED], 0.5),
        ("nobody asks", [], 2.0),
    ],
)
def test_pace(sentence: str, beliefs: list[Health], seconds: float) -> None:
    assert pace(question(), beliefs) == seconds, sentence


@pytest.mark.parametrize(
    ("fall", "times", "seconds"),
    [
        (1, {"interval": 2.0, "timeout": 1.0}, 2.2 + 1.0),
        (3, {"interval": 2.0, "fast_interval": 2.0, "timeout": 1.0}, 2.2 + 2 * 2.2 + 1.0),
        (3, {"interval": 10.0, "fast_interval": 0.5, "timeout": 1.0}, 11.0 + 2 * 1.0 + 1.0),
    ],
)
def test_worst_detection(fall: int, times: dict[str, float], seconds: float) -> None:
    assert worst_detection(replace(CHECK, fall=fall), question(**times)) == pytest.approx(seconds)


@given(
    st.lists(st.floats(0.9, 1.1), min_size=10, max_size=10),
    st.integers(1, 5),
    st.floats(0.1, 5),
    st.floats(0.1, 5),
    st.floats(0.1, 5),
)
def test_no_schedule_detects_later_than_the_worst(
    jitter: list[float], fall: int, interval: float, fast: float, timeout: float
) -> None:
    asked, check = question(interval=interval, fast_interval=fast, timeout=timeout), replace(CHECK, fall=fall)
    health, wait = UP, iter(jitter)
    started = pace(asked, [health]) * next(wait)  # the probe at 0 passed, and then the server died
    while True:
        ended = started + timeout
        health = judge(check, health, FAIL, ended)
        if not health.up:
            break
        started = max(started + pace(asked, [health]) * next(wait), ended)
    assert health.since <= worst_detection(check, asked) + 1e-9


def test_keys_of_servers_survive_a_reload_by_content() -> None:
    """A reload makes new objects: equality, not identity, must find the server again."""
    twin = spec(service([replace(server(1, checks=["tcp"]), key=RealKey(server(1).key.address + 0, 80))]))
    assert carry(BEFORE, twin, {check_of(1): UP})[check_of(1, "tcp")] == PRESUMED
