"""Hours of delivery in a moment: a receiver that dies, comes back, refuses, asks for patience. Time is faked."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import pytest
from tenacity import AsyncRetrying, RetryCallState

from lvsctl.events import DeliveryFailed, DeliveryRecovered, Event
from lvsctl.model import Notification, Program, Reason, Receiver
from lvsctl.notify.attempts import LONGEST_PAUSE, pause
from lvsctl.notify.outcome import Later, Outcome, Refused, Taken
from lvsctl.notify.senders import Letter, Sender
from lvsctl.notify.trouble import Trouble
from lvsctl.notify.waiting import Waiting
from lvsctl.notify.worker import Numbers, Worker
from tests.notify.made import START, alert, notification

pytestmark = pytest.mark.looptime(start=1000)

DOWN = Later("it is down")
HOUR = 3600.0


@dataclass
class Rig:
    """A worker over a receiver that answers as the test says; what it was sent, with the seconds since the start."""

    answer: Callable[[Notification], Outcome] = lambda _: Taken()
    pace: float = 1.0
    renew: float | None = None
    parts: int = 1
    retry_for: float = 24 * HOUR
    limit: int = 100
    sent: list[tuple[float, Notification]] = field(default_factory=list)
    told: list[tuple[float, Event]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    answer_part: Callable[[int], Outcome] | None = None
    unwordable: str = ""
    tried: Counter[tuple[str, int]] = field(default_factory=Counter)
    parts_taken: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        receiver = Receiver("team", Program(("/bin/true",)), retry_for=self.retry_for)
        self.waiting = Waiting(self.limit)
        self.worker = Worker(
            receiver,
            Sender("program", "true", self.letters, self.pace, self.renew),
            self.waiting,
            Trouble("team", lambda event: self.told.append((self.now(), event)), self.loop.time),
            Numbers(),
            forget=self.forget,
            today=lambda: START + self.now(),
        )
        self.task = asyncio.create_task(self.worker.run())

    def now(self) -> float:
        return round(self.loop.time() - self.began, 3)

    def letters(self, told: Notification) -> tuple[Letter, ...]:
        if told.group_key == self.unwordable:
            raise ValueError(told.group_key)

        async def letter(part: int) -> Outcome:
            self.sent.append((self.now(), told))
            self.tried[told.id, part] += 1
            outcome = self.answer_part(part) if self.answer_part is not None else self.answer(told)
            if isinstance(outcome, Taken):
                self.parts_taken[told.id].append(part)
            return outcome

        return tuple(Letter(f"{told.id} {part}", partial(letter, part)) for part in range(self.parts))

    async def forget(self, ids: Sequence[str]) -> None:
        self.gone += ids

    def add(self, *many: Notification) -> None:
        for each in many:
            self.gone += self.worker.take(each).gone
        self.worker.wake()

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def ids(self) -> list[str]:
        return [told.id for _, told in self.sent]


@pytest.fixture
async def rigged() -> AsyncIterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(*args: object, **kwargs: object) -> Rig:
        rigs.append(Rig(*args, **kwargs))  # type: ignore[arg-type]
        return rigs[-1]

    yield make
    for rig in rigs:
        await rig.close()


Made = Callable[..., Rig]


async def test_what_comes_is_sent_at_once_and_forgotten(rigged: Made) -> None:
    rig = rigged()
    await asyncio.sleep(HOUR)
    rig.add(notification(name="n1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    assert ([at for at, _ in rig.sent], rig.ids, rig.gone, rig.told) == ([HOUR], ["n1"], ["n1"], [])


async def test_an_hour_of_a_dead_receiver_loses_nothing_and_floods_nobody(rigged: Made) -> None:
    """Two groups, a message a minute; when it is back it hears once of each: the newest state of each alert."""
    rig = rigged(lambda _: DOWN)
    for minute in range(60):
        one = alert("a", ended=minute if minute % 2 else None)
        rig.add(notification(one, name=f"a{minute}", group="a", at=START + 60 * minute))
        rig.add(notification(alert("b"), name=f"b{minute}", group="b", at=START + 60 * minute))
        await asyncio.sleep(60)
    tries = len(rig.sent)
    assert tries < 40, "a dead receiver is not hammered"
    rig.answer = lambda _: Taken()
    await asyncio.sleep(LONGEST_PAUSE + 10)
    after = rig.sent[tries:]
    assert {told.id: [each.firing for each in told.alerts] for _, told in after} == {"a59": [False], "b59": [True]}
    assert len(after) == 2 and after[1][0] - after[0][0] >= rig.pace
    assert sorted(rig.gone) == sorted(f"{group}{minute}" for group in "ab" for minute in range(60))
    assert (rig.worker.numbers.delivered, rig.worker.numbers.folded, rig.worker.numbers.lost) == (2, 118, 0)


async def test_it_is_told_once_that_it_fails_and_once_that_it_is_back(rigged: Made) -> None:
    rig = rigged(lambda _: DOWN)
    rig.add(notification(name="n1"))
    await asyncio.sleep(HOUR)
    rig.answer = lambda _: Taken()
    await asyncio.sleep(HOUR)
    (failed_at, failed), (_, back) = rig.told
    assert 10 <= failed_at <= 40 and failed == DeliveryFailed("team", "it is down", 1)
    assert isinstance(back, DeliveryRecovered) and HOUR <= back.duration <= HOUR + LONGEST_PAUSE and back.lost == 0


async def test_what_works_at_the_second_attempt_is_no_news(rigged: Made) -> None:
    answers = iter([DOWN, DOWN, Taken()])
    rig = rigged(lambda _: next(answers))
    rig.add(notification(name="n1"))
    await asyncio.sleep(HOUR)
    assert (rig.ids, rig.told, rig.worker.numbers.failed) == (["n1"] * 3, [], 2)


async def test_it_waits_as_long_as_it_is_asked_to(rigged: Made) -> None:
    answers = iter([Later("busy", 120.0), Taken()])
    rig = rigged(lambda _: next(answers))
    rig.add(notification(name="n1"))
    await asyncio.sleep(HOUR)
    first, second = (at for at, _ in rig.sent)
    assert 120 <= second - first <= 121.1


async def test_one_that_is_refused_is_not_sent_again_and_the_next_is(rigged: Made) -> None:
    rig = rigged(lambda told: Refused("not this") if told.id == "n1" else Taken())
    rig.add(notification(name="n1", group="a"), notification(name="n2", group="b"))
    await asyncio.sleep(HOUR)
    assert rig.ids == ["n1", "n2"]
    assert sorted(rig.gone) == ["n1", "n2"]
    assert [event for _, event in rig.told] == [
        DeliveryFailed("team", "not this", 1),
        DeliveryRecovered("team", 1.0, 0),
    ]
    assert (rig.worker.numbers.refused, rig.worker.numbers.delivered) == (1, 1)


async def test_who_wants_no_more_gets_no_more(rigged: Made) -> None:
    rig = rigged(lambda _: Refused("gone", gone=True))
    rig.add(notification(name="n1", group="a"), notification(name="n2", group="b"))
    await asyncio.sleep(HOUR)
    assert (rig.ids, rig.gone, rig.worker.disabled, rig.task.done()) == (["n1"], [], True, True)
    assert [event for _, event in rig.told] == [
        DeliveryFailed("team", "gone; it is told again after the next reload or start", 2)
    ]


async def test_one_that_is_never_taken_does_not_hold_up_the_others(rigged: Made) -> None:
    rig = rigged(lambda told: DOWN if told.group_key == "poison" else Taken())
    rig.add(notification(name="p", group="poison"))
    for number in range(10):
        await asyncio.sleep(600)
        rig.add(notification(name=f"n{number}", group="other"))
    await asyncio.sleep(600)
    taken = [name for name in rig.ids if name != "p"]
    assert taken == [f"n{number}" for number in range(10)]
    assert [type(event) for _, event in rig.told] == [DeliveryFailed], "it is still failing, and that has been told"


async def test_it_is_given_up_at_last_and_that_is_told(rigged: Made) -> None:
    rig = rigged(lambda _: DOWN, retry_for=2 * HOUR)
    rig.add(notification(name="n1", at=START))
    await asyncio.sleep(3 * HOUR)
    assert rig.gone == ["n1"] and len(rig.waiting) == 0 and rig.worker.numbers.lost == 1
    assert rig.told[-1][1] == DeliveryFailed("team", "1 notification is lost: given up after 7200 s (it is down)", 0)
    assert max(at for at, _ in rig.sent) <= 2 * HOUR
    rig.answer = lambda _: Taken()
    rig.add(notification(name="n2", at=START + 3 * HOUR))
    await asyncio.sleep(1)
    assert isinstance(rig.told[-1][1], DeliveryRecovered) and rig.told[-1][1].lost == 1


async def test_the_end_of_what_was_told_is_never_given_up(rigged: Made) -> None:
    """Else an incident would stay open for good; of what was not told before nobody waits for the end."""
    rig = rigged(retry_for=2 * HOUR)
    rig.add(notification(alert("a"), name="n1", group="a"))
    await asyncio.sleep(1)
    rig.answer = lambda _: DOWN
    unheard = frozenset({alert("b").fingerprint})
    rig.add(notification(alert("a", ended=5), name="n2", group="a"))
    rig.add(notification(alert("b", ended=5), name="n3", group="b", begun=unheard))
    await asyncio.sleep(48 * HOUR)
    assert [each.id for each in rig.waiting.all()] == ["n2"] and rig.worker.numbers.lost == 1
    rig.answer = lambda _: Taken()
    await asyncio.sleep(HOUR)
    assert rig.gone == ["n1", "n3", "n2"]


async def test_a_burst_goes_out_at_a_pace(rigged: Made) -> None:
    rig = rigged(pace=1.0)
    rig.add(*(notification(name=f"n{number}", group=f"g{number}", at=START + number) for number in range(20)))
    await asyncio.sleep(HOUR)
    moments = [at for at, _ in rig.sent]
    assert rig.ids == [f"n{number}" for number in range(20)]
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(moments))


async def test_of_several_parts_those_that_were_taken_are_not_sent_again(rigged: Made) -> None:
    answers = iter([Taken(), DOWN, Taken(), Taken()])
    rig = rigged(lambda _: next(answers), parts=3)
    rig.add(notification(name="n1"))
    await asyncio.sleep(HOUR)
    assert (len(rig.sent), rig.gone, rig.worker.numbers.delivered) == (4, ["n1"], 1)


async def test_of_several_parts_one_that_is_refused_costs_no_other(rigged: Made) -> None:
    answers = iter([Taken(), Refused("not to him"), Taken()])
    rig = rigged(lambda _: next(answers), parts=3)
    rig.add(notification(name="n1"))
    await asyncio.sleep(HOUR)
    assert (len(rig.sent), rig.gone) == (3, ["n1"])
    assert [event for _, event in rig.told] == [DeliveryFailed("team", "not to him", 0)]


async def test_of_several_parts_one_that_must_wait_for_itself_costs_no_other(rigged: Made) -> None:
    """A mailbox that is full for a day keeps nobody else from being told."""
    answers = iter([Taken(), Later("his mailbox is full", alone=True), Taken()])
    rig = rigged(lambda _: next(answers, Later("his mailbox is full", alone=True)), parts=3)
    rig.add(notification(name="n1"))
    await asyncio.sleep(60)
    assert rig.parts_taken == {"n1": [0, 2]}
    assert rig.tried["n1", 1] > 3 and rig.tried["n1", 0] == rig.tried["n1", 2] == 1


async def test_parts_that_were_taken_are_not_sent_again_whatever_comes_between(rigged: Made) -> None:
    rig = rigged(parts=2)
    rig.answer_part = lambda part: Taken() if part == 0 else Later("greylisted", alone=True)
    rig.add(notification(name="a1", group="a"), notification(name="b1", group="b"))
    await asyncio.sleep(600)
    assert rig.parts_taken == {"a1": [0], "b1": [0]}
    rig.answer_part = lambda _: Taken()
    await asyncio.sleep(600)
    assert rig.parts_taken == {"a1": [0, 1], "b1": [0, 1]} and sorted(rig.gone) == ["a1", "b1"]


async def test_a_part_that_was_refused_is_told_of_although_others_had_to_wait(rigged: Made) -> None:
    answers = iter([Refused("not to him"), DOWN, Taken()])
    rig = rigged(lambda _: next(answers), parts=2)
    rig.add(notification(name="n1"))
    await asyncio.sleep(HOUR)
    assert [event for _, event in rig.told] == [DeliveryFailed("team", "not to him", 0)]
    assert (rig.worker.numbers.refused, rig.worker.numbers.delivered) == (1, 0)


async def test_one_that_cannot_even_be_worded_does_not_hold_up_the_others(rigged: Made) -> None:
    rig = rigged()
    rig.unwordable = "poison"
    rig.add(notification(name="p", group="poison"), notification(name="n1", group="other"))
    await asyncio.sleep(60)
    assert rig.ids == ["n1"] and not rig.task.done()
    event = rig.told[0][1]
    assert isinstance(event, DeliveryFailed) and event.why.startswith("it cannot be told: ValueError in test_worker.py")


async def test_a_mistake_of_ours_is_told_without_what_was_in_it(rigged: Made) -> None:
    def broken(_: Notification) -> Outcome:
        raise KeyError("https://host/SECRET")

    rig = rigged(broken)
    rig.add(notification(name="n1"))
    await asyncio.sleep(HOUR)
    event = rig.told[0][1]
    assert isinstance(event, DeliveryFailed)
    assert event.why.startswith("it cannot be told: KeyError in test_worker.py:") and "SECRET" not in event.why


# --- what a receiver forgets unless it is told again ---------------------------------------------------------------


async def test_what_fires_is_told_again_until_it_has_ended(rigged: Made) -> None:
    rig = rigged(pace=0.0, renew=60.0)
    rig.add(notification(alert("a"), name="n1"))
    await asyncio.sleep(HOUR + 1)
    assert [at for at, _ in rig.sent] == [60.0 * minute for minute in range(61)]
    assert rig.gone == [], "a restart goes on telling it"
    rig.add(notification(alert("a", ended=HOUR), name="n2"))
    await asyncio.sleep(HOUR)
    ended = [at for at, told in rig.sent if told.id == "n2"]
    assert ended[0] == HOUR + 1 and len(ended) == 4, "members that missed it hear of it, for as long as they remember"
    assert (sorted(set(rig.gone)), rig.waiting.all()) == (["n1", "n2"], [])
    assert rig.worker.numbers.delivered == 2, "a renewal is no notification"


async def test_what_ended_in_a_group_that_fires_is_not_told_for_ever(rigged: Made) -> None:
    rig = rigged(pace=0.0, renew=60.0)
    rig.add(notification(alert("a"), alert("b", ended=0), name="n1"))
    await asyncio.sleep(HOUR)
    assert [len(told.alerts) for _, told in rig.sent][:7] == [2, 2, 2, 2, 2, 1, 1]


async def test_a_test_is_told_once(rigged: Made) -> None:
    rig = rigged(pace=0.0, renew=60.0)
    rig.add(notification(alert("a"), name="t1", reason=Reason.TEST))
    await asyncio.sleep(HOUR)
    assert (rig.ids, rig.gone) == (["t1"], ["t1"])


async def test_what_fires_is_told_again_even_if_it_was_refused(rigged: Made) -> None:
    """A proxy that knows no password for a minute; nobody else would tell of it again."""
    answers = iter([Refused("401")])
    rig = rigged(lambda _: next(answers, Taken()), pace=0.0, renew=60.0)
    rig.add(notification(alert("a"), name="n1"))
    await asyncio.sleep(61)
    assert [at for at, _ in rig.sent] == [0.0, 60.0]
    assert [type(event) for _, event in rig.told] == [DeliveryFailed, DeliveryRecovered]


async def test_what_fires_is_told_to_who_forgets_however_long_he_was_away(rigged: Made) -> None:
    rig = rigged(lambda _: DOWN, pace=0.0, renew=60.0, retry_for=HOUR)
    rig.add(notification(alert("a"), name="n1"))
    await asyncio.sleep(48 * HOUR)
    rig.answer = lambda _: Taken()
    await asyncio.sleep(61)
    assert rig.worker.numbers.delivered == 1 and rig.worker.numbers.lost == 0


async def test_a_clock_that_is_set_gives_nothing_up(rigged: Made) -> None:
    rig = rigged(lambda _: DOWN)
    rig.add(notification(name="n1", at=0.0))
    await asyncio.sleep(23 * HOUR)
    assert rig.worker.numbers.lost == 0


async def test_a_renewal_that_fails_is_tried_again_soon(rigged: Made) -> None:
    answers = iter([Taken(), DOWN])
    rig = rigged(lambda _: next(answers, Taken()), pace=0.0, renew=60.0)
    rig.add(notification(alert("a"), name="n1"))
    await asyncio.sleep(100)
    moments = [at for at, _ in rig.sent]
    assert moments[1] == 60.0 and 61 <= moments[2] <= 62.1 and len(moments) == 3


async def test_who_forgets_is_tried_often_enough_that_it_need_not(rigged: Made) -> None:
    rig = rigged(lambda _: DOWN, pace=0.0, renew=60.0)
    rig.add(notification(alert("a"), name="n1"))
    await asyncio.sleep(HOUR)
    moments = [at for at, _ in rig.sent]
    assert max(later - earlier for earlier, later in pairwise(moments)) <= 60.001


# --- pauses --------------------------------------------------------------------------------------------------------


def state(attempt: int, outcome: Outcome) -> RetryCallState:
    made = RetryCallState(AsyncRetrying(), None, (), {})
    made.attempt_number = attempt
    made.set_result(outcome)
    return made


@pytest.mark.parametrize(
    ("attempt", "outcome", "least", "most"),
    [
        (1, DOWN, 1, 2),
        (2, DOWN, 2, 3),
        (5, DOWN, 16, 17),
        (50, DOWN, LONGEST_PAUSE, LONGEST_PAUSE),
        (5000, DOWN, LONGEST_PAUSE, LONGEST_PAUSE),
        (1, Later("busy", 0.0), 1, 2),
        (1, Later("busy", 600.0), 600, 601),
        (9, Later("busy", 0.0), 256, 257),
    ],
)
def test_a_pause(attempt: int, outcome: Outcome, least: float, most: float) -> None:
    for _ in range(20):
        assert least <= pause(state(attempt, outcome)) <= most
