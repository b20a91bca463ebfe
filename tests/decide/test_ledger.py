"""What operators of both directors said: whichever way it comes, and however often, both end up with the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from lvsctl.decide.ledger import (
    KEPT,
    MOST,
    Ledger,
    Speaker,
    changes,
    ended,
    expired,
    merged,
    ordered,
    pruned,
    shifted,
)
from lvsctl.model import Action, Override, ServerSubject, Stamp, Word

A, B = Speaker("a", "lvs-a"), Speaker("b", "lvs-b")
NOW = 1_000_000.0
SUBJECTS = [ServerSubject(None, ip_address(f"10.0.0.{n}"), None) for n in range(1, 4)]
ONE, TWO, _ = SUBJECTS


def order(
    subject: ServerSubject = ONE, *, by: str = "alice", since: float = NOW, until: float | None = None
) -> Override:
    return Override(subject, Action.DRAIN, by, "", since, until)


def held(ledger: Ledger) -> dict[str, str]:
    """Subject -> who ordered it."""
    return {str(word.subject): word.order.by for word in ledger.words.values() if word.order is not None}


# --- the laws: what one knows, and what is heard, may come in any order ---


def word(subject: ServerSubject, stamp: Stamp, *, over: bool) -> Word:
    """What it says follows from its stamp, as nobody says two things with one; but its time may be over."""
    said = order(subject, by=f"{stamp.counter} {stamp.origin}")
    ends = over or stamp.counter % 3 == 0
    return Word(subject, stamp, None if ends else said, NOW)


words = st.builds(
    word, st.sampled_from(SUBJECTS), st.builds(Stamp, st.integers(0, 5), st.sampled_from("ab")), over=st.booleans()
)
heard = st.lists(words, max_size=6)


def told(*parts: list[Word]) -> Ledger:
    ledger = Ledger()
    for part in parts:
        ledger = merged(ledger, part)
    return ledger


def said(ledger: Ledger) -> list[Word]:
    return list(ledger.words.values())


@given(heard, heard)
def test_it_does_not_matter_who_speaks_first(one: list[Word], other: list[Word]) -> None:
    left, right = told(one), told(other)
    assert merged(left, said(right)) == merged(right, said(left))


@given(heard, heard, heard)
def test_nor_what_is_put_together_first(one: list[Word], two: list[Word], three: list[Word]) -> None:
    a, b, c = told(one), told(two), told(three)
    assert merged(merged(a, said(b)), said(c)) == merged(a, said(merged(b, said(c))))


@given(heard, heard)
def test_what_is_heard_twice_is_no_news(one: list[Word], other: list[Word]) -> None:
    both = merged(told(one), said(told(other)))
    assert merged(both, said(told(other))) is both
    assert merged(both, said(both)) is both


# --- two directors, and what their operators do ---

Act = Callable[[Ledger, float], Ledger]
acts = st.one_of(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["order", "end"]), st.sampled_from(SUBJECTS)),
    st.tuples(st.sampled_from("ab"), st.sampled_from(["hear", "die", "expire"]), st.none()),
)


class Pair:
    """Each has a disk, and hears the other when it can. skew: seconds by which the second one's clock is ahead."""

    def __init__(self, skew: float) -> None:
        self.ledgers = {"a": Ledger(), "b": Ledger()}
        self.ahead = {"a": 0.0, "b": skew}
        self.now = NOW
        self.runs = 0

    def do(self, where: str, what: str, subject: ServerSubject | None) -> None:
        self.now += 0.25
        today, ledger = self.now + self.ahead[where], self.ledgers[where]
        match what, subject:
            case "order", ServerSubject():
                new = [order(subject, by=f"{where} {self.now}", since=today, until=today + 1.0)]
                ledger = ordered(ledger, new, self.speaker(where), today)
            case "end", ServerSubject():
                ledger = ended(ledger, [subject], self.speaker(where), where, today)
            case "hear", _:
                ledger = self.heard(where)
            case "expire", _:
                ledger = expired(ledger, today)
            case "die", _:
                self.runs += 1
        self.ledgers[where] = ledger

    def speaker(self, where: str) -> Speaker:
        return Speaker(f"{where}{self.runs}", where)

    def heard(self, where: str) -> Ledger:
        other = "b" if where == "a" else "a"
        ahead = self.ahead[where] - self.ahead[other]
        return merged(self.ledgers[where], [shifted(one, ahead) for one in self.ledgers[other].words.values()])


@given(st.lists(acts, max_size=12), st.sampled_from([0.0, 3600.0, -3600.0]))
def test_once_they_hear_one_another_they_know_the_same(done: list[tuple[str, str, ServerSubject]], skew: float) -> None:
    pair = Pair(skew)
    for act in done:
        pair.do(*act)
    pair.ledgers["a"] = pair.heard("a")
    pair.ledgers["b"] = pair.heard("b")
    a, b = pair.ledgers["a"], pair.ledgers["b"]
    assert held(a) == held(b)
    assert {one: known.stamp for one, known in a.words.items()} == {one: known.stamp for one, known in b.words.items()}
    assert pair.heard("a") is a, "and then there is nothing more to say"


@given(st.lists(acts, max_size=12), st.sampled_from("ab"), st.sampled_from(SUBJECTS), st.floats(-1e6, 1e6))
def test_who_has_heard_the_other_has_the_last_word(
    done: list[tuple[str, str, ServerSubject]], where: str, subject: ServerSubject, skew: float
) -> None:
    pair = Pair(skew)
    for act in done:
        pair.do(*act)
    other = "b" if where == "a" else "a"
    pair.do(where, "hear", None)
    pair.do(where, "order", subject)
    pair.do(other, "hear", None)
    assert (
        held(pair.ledgers[other])[str(subject)]
        == held(pair.ledgers[where])[str(subject)]
        == f"{where} {pair.now - 0.25}"
    )


# --- what an operator may wonder about ---


def test_enable_on_one_ends_what_the_other_ordered() -> None:
    there = ordered(Ledger(), [order()], A, NOW)
    here = merged(Ledger(), said(there))
    here = ended(here, [ONE], B, "bob", NOW + 1)
    assert held(merged(there, said(here))) == {}


def test_a_director_that_was_away_does_not_bring_back_what_was_ended_meanwhile() -> None:
    old = ordered(Ledger(), [order()], A, NOW)
    here = ended(merged(Ledger(), said(old)), [ONE], B, "bob", NOW + 1)
    for today in (NOW + 2, NOW + KEPT):
        assert held(merged(pruned(here, today), said(old))) == {}


def test_nor_what_an_order_replaced_whose_time_is_over() -> None:
    old = ordered(Ledger(), [order()], A, NOW)
    here = ordered(merged(Ledger(), said(old)), [order(until=NOW + 5)], B, NOW + 1)
    assert held(merged(expired(here, NOW + 6), said(old))) == {}


def test_a_director_that_lost_its_disk_is_heard_all_the_same() -> None:
    there = ended(ordered(Ledger(), [order()], A, NOW), [ONE], A, "alice", NOW + 1)
    anew = ordered(Ledger(), [order(by="bob")], B, NOW + 2)
    assert held(merged(there, said(anew))) == held(merged(anew, said(there))) == {"10.0.0.1": "bob"}


def test_of_what_was_said_apart_the_later_holds_however_much_was_said_on_the_other_side() -> None:
    here = there = Ledger()
    for second in range(5):
        here = ordered(here, [order()], A, NOW + second)
    there = ordered(there, [order(by="bob")], B, NOW + 10)
    assert held(merged(here, said(there))) == held(merged(there, said(here))) == {"10.0.0.1": "bob"}


def test_a_clock_that_jumps_back_does_not_make_the_next_word_an_earlier_one() -> None:
    ledger = ordered(Ledger(), [order()], A, NOW)
    again = ordered(ledger, [order(by="bob", since=1.0)], A, 1.0)
    assert held(merged(ledger, said(again))) == {"10.0.0.1": "bob"}


def test_an_order_whose_time_is_over_on_one_is_over_on_both() -> None:
    both = ordered(Ledger(), [order(until=NOW + 5), order(TWO)], A, NOW)
    here = expired(both, NOW + 5)
    assert held(here) == {"10.0.0.2": "alice"}
    assert held(merged(both, said(here))) == held(merged(here, said(both))) == {"10.0.0.2": "alice"}
    assert expired(here, NOW + 6) is here


def test_what_was_ended_is_forgotten_in_the_end_and_orders_never() -> None:
    ledger = ordered(Ledger(), [order(), order(TWO)], A, NOW)
    ledger = ended(ledger, [ONE], A, "alice", NOW)
    assert pruned(ledger, NOW + KEPT - 1) is ledger
    later = pruned(ledger, NOW + KEPT)
    assert list(later.words) == [TWO]
    assert later.counter == ledger.counter


def test_of_too_much_the_oldest_is_forgotten() -> None:
    subjects = [ServerSubject(None, ip_address("10.1.0.0") + n, None) for n in range(MOST + 2)]
    ledger = Ledger()
    for subject in subjects:
        ledger = ended(ordered(ledger, [order(subject)], A, NOW), [subject], A, "alice", NOW)
    assert list(pruned(ledger, NOW).words) == subjects[2:]


def test_nothing_can_be_ended_of_which_nothing_was_said() -> None:
    ledger = ordered(Ledger(), [order()], A, NOW)
    assert ended(ledger, [TWO], A, "alice", NOW) is ledger


def test_what_changes_is_told_once() -> None:
    first = ordered(Ledger(), [order(), order(TWO)], A, NOW)
    second = ordered(first, [order(by="bob")], B, NOW + 1)
    third = ended(second, [ONE, TWO], B, "bob", NOW + 2)

    def told_of(before: Ledger, after: Ledger) -> list[tuple[str, str | None]]:
        return [(str(one.after.subject), one.after.order and one.after.order.by) for one in changes(before, after)]

    assert told_of(Ledger(), first) == [("10.0.0.1", "alice"), ("10.0.0.2", "alice")]
    assert told_of(first, second) == [("10.0.0.1", "bob")]
    assert told_of(second, third) == [("10.0.0.1", None), ("10.0.0.2", None)]
    assert told_of(third, third) == []


def test_the_end_of_what_nobody_here_knew_is_not_told() -> None:
    there = ended(ordered(Ledger(), [order()], A, NOW), [ONE], A, "alice", NOW + 1)
    assert changes(Ledger(), merged(Ledger(), said(there))) == ()


def test_an_order_is_told_on_the_clock_of_who_hears_it() -> None:
    [mine] = said(ordered(Ledger(), [order(until=NOW + 60)], A, NOW))
    theirs = shifted(mine, 3600.0)
    assert theirs.stamp == mine.stamp
    assert theirs.order == replace(order(), since=NOW + 3600, until=NOW + 3660)
    [end] = said(ended(merged(Ledger(), [mine]), [ONE], A, "alice", NOW))
    assert shifted(end, -10.0).at == NOW - 10
