"""What is judged of a pair's faults: histories as they may be, and as they must not be."""

from __future__ import annotations

import pytest

from tests.directors.judge import Bounds, History, Lasted, Moved, Said, Span, judge
from tests.directors.misfortune import COUNT, Kind, misfortunes

BOUNDS = Bounds(interval=1.0, takeover=3.5, starting=10.0, slack=0.02)
END = 100.0


def history(*faults: Lasted, a: tuple[Span, ...] = ((-1, END),), b: tuple[Span, ...] = ()) -> History:
    """Who had the address from when to when."""
    moved = [
        Moved(at, who, there)
        for who, spans in (("a", a), ("b", b))
        for span in spans
        for at, there in zip(span, (True, False), strict=True)
    ]
    return History(0.0, END, faults, sorted(moved, key=lambda one: one.at))


def wrong(seen: History) -> list[str]:
    return [words.partition(" after")[0] for words in judge(seen, BOUNDS).wrong]


KILLED = Lasted(Kind.KILL, "a", 10, 20)
FROZEN = Lasted(Kind.FREEZE, "a", 10, 20)
PARTED = Lasted(Kind.PART, "", 10, 20)
UNPLUGGED = Lasted(Kind.UNPLUG, "a", 10, 20)
ORPHANED = Lasted(Kind.ORPHAN, "a", 10, 20)
STUNNED = Lasted(Kind.STUN, "a", 10, 20)
JUMPED = Lasted(Kind.CLOCK, "", 10, 10)


@pytest.mark.parametrize(
    "seen",
    [
        history(),
        history(JUMPED),
        history(KILLED, a=((-1, 20), (30, END)), b=((13.5, 30),)),
        history(FROZEN, a=((-1, 20.01), (23, END)), b=((13.5, 23.01),)),
        history(ORPHANED, a=((-1, 10.01), (30, END)), b=((10.6, 30),)),
        history(STUNNED),
        history(PARTED, b=((13.5, 21),)),
        history(UNPLUGGED, a=((-1, 10), (23, END)), b=((13.5, 23.01),)),
        history(UNPLUGGED, Lasted(Kind.KILL, "b", 10, 20), a=((-1, 10), (23.5, END))),
        history(Lasted(Kind.KILL, "b", 1, 20), KILLED, a=((-1, 20), (33.5, END))),
    ],
    ids=[
        "nothing happens",
        "the clock jumps and nobody notices",
        "the dead one's kernel has the address until it is started again",
        "the frozen one's has it until it thaws",
        "a speaker whose daemon is gone hands over",
        "a speaker whose daemon stands still goes on",
        "parted ones both act, until the next advert is heard",
        "unplugged, it gives the address up, and takes it back after three intervals",
        "nobody was well",
        "both were dead, and start again",
    ],
)
def test_what_may_be(seen: History) -> None:
    assert wrong(seen) == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (history(b=((50, 50.1),)), "two acted from 50.000 to 50.100"),
        (history(JUMPED, b=((10, 12),)), "two acted from 10.000 to 12.000"),
        (history(STUNNED, b=((13.5, 14),)), "two acted from 13.500 to 14.000"),
        (history(ORPHANED, a=((-1, 11), (30, END)), b=((11, 30),)), "an orphan had the address from 10.000 to 10.020"),
        (history(PARTED, b=((13.5, 22),)), "two acted from 21.020 to 22.000"),
        (history(FROZEN, b=((13.5, 21),)), "two acted from 20.020 to 21.000"),
        (history(Lasted(Kind.UNPLUG, "b", 10, 20), b=((20.5, 22),)), "two acted from 20.500 to 22.000"),
        (history(a=((-1, 40), (41, END))), "nobody acted from 40.000 to 41.000"),
        (history(JUMPED, a=((-1, 10), (12, END))), "nobody acted from 10.000 to 12.000"),
        (history(KILLED, a=((-1, 20), (30, END)), b=((14, 30),)), "nobody acted from 13.520 to 14.000"),
        (history(KILLED, a=((-1, 20), (30, END)), b=((13.5, 25),)), "nobody acted from 25.000 to 30.000"),
        (history(KILLED, a=((-1, 20), (33, END)), b=((13.5, 20),)), "nobody acted from 23.520 to 30.000"),
        (history(UNPLUGGED, a=((-1, 10), (30, END)), b=((13.5, 24),)), "nobody acted from 24.000 to 30.000"),
        (history(UNPLUGGED, a=((-1, 10),), b=((13.5, 50),)), "nobody acted from 50.000 to 100.000"),
    ],
    ids=[
        "two without a reason",
        "two because of the clock",
        "two because one's daemon stands still",
        "a speaker whose daemon is gone goes on",
        "still two when they hear each other again",
        "the thawed one does not give way",
        "the plugged in one does not wait",
        "nobody without a reason",
        "nobody because of the clock",
        "the takeover is late",
        "one gives up before the one that starts takes part",
        "one gives up as the other starts",
        "one gives up before the other acts",
        "nobody any more",
    ],
)
def test_what_must_not_be(seen: History, words: str) -> None:
    assert wrong(seen) == [words]


@pytest.mark.parametrize(
    ("faults", "said", "words"),
    [
        ((), [("a", 1, 150), ("a", 2, 150), ("b", 2.2, 100), ("b", 3.2, 100)], []),
        ((), [("a", 1, 150), ("b", 1.2, 0), ("a", 2, 150)], []),
        ((), [("a", 1, 150), ("b", 1.2, 100), ("a", 2, 150)], ["two spoke from 1.000 to 2.000"]),
        ((PARTED,), [("a", 15, 150), ("b", 15.2, 100), ("a", 16, 150)], []),
        ((PARTED,), [("a", 22, 150), ("b", 22.2, 100), ("a", 23, 150)], ["two spoke from 22.000 to 23.000"]),
    ],
    ids=["one takes over", "one releases", "both speak", "both speak as they are parted", "still, when they are not"],
)
def test_voices(faults: tuple[Lasted, ...], said: list[tuple[str, float, int]], words: list[str]) -> None:
    heard = [Said(at, who, priority) for who, at, priority in said]
    assert wrong(History(0.0, END, faults, [Moved(-1, "a", True)], heard)) == words


def test_what_is_told_beside_it() -> None:
    found = judge(history(FROZEN, PARTED, a=((-1, 20.01), (23, END)), b=((13.5, 23.01),)), BOUNDS)
    assert (found.two, found.longest_none) == (pytest.approx(0.02), 3.5)
    assert found.corpse == pytest.approx(6.5)


def test_the_seed_makes_the_faults() -> None:
    assert misfortunes(7, 1.0) == misfortunes(7, 1.0) != misfortunes(8, 1.0)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_is_among_them_and_nothing_is_in_two_faults_at_once(seed: int) -> None:
    faults = misfortunes(seed, 1.0)
    assert len(faults) == COUNT
    assert {fault.kind for fault in faults} == set(Kind)
    for number, one in enumerate(faults):
        assert not [other for other in faults[:number] if other.touches == one.touches and one.at <= other.until]
