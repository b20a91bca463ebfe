"""What is sent next, and what goes when there is no room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lvsctl.model import Notification, Reason
from lvsctl.notify.waiting import Waiting, renewed
from tests.notify.made import START, alert, notification


def waiting(limit: int, *held: tuple[str, str, bool]) -> Waiting:
    """held: group, id and whether it fires."""
    made = Waiting(limit)
    for number, (group, name, fires) in enumerate(held):
        made.add(of(group, name, fires=fires), float(number))
    return made


def of(group: str, name: str, *, fires: bool) -> Notification:
    return notification(alert(group, ended=None if fires else 1.0), name=name, group=group)


def test_what_waits_of_one_group_is_one_message() -> None:
    """So a group of thousands that changes every few seconds costs no more than what it says last."""
    queue = waiting(10, ("a", "a1", True), ("b", "b1", True))
    change = queue.add(of("a", "a2", fires=False), 5.0)
    assert (change.put.id, change.gone, change.folded) == ("a2", ("a1",), 1)
    assert [each.id for each in queue.all()] == ["a2", "b1"]
    first = queue.next(6.0)
    assert first is not None and first.ids == ("a2",), "in the turn of the first"


def test_a_clock_that_was_set_back_changes_no_turn() -> None:
    queue = Waiting(2)
    for number, name in enumerate(("a1", "b1", "c1")):
        queue.add(notification(alert(name), name=name, group=name, at=START - 86400 * number), float(number))
    assert queue.make_room() == ("a1",), "the newest is not the one with the earliest date"
    first = queue.next(3.0)
    assert first is not None and first.ids == ("b1",)


def test_what_is_tried_in_vain_lets_the_others_go_first() -> None:
    queue = waiting(10, ("a", "a1", True), ("b", "b1", True))
    first = queue.next(0.0)
    assert first is not None
    queue.failed(first, 1.0)
    second = queue.next(2.0)
    assert second is not None and second.ids == ("b1",)
    queue.failed(second, 3.0)
    third = queue.next(4.0)
    assert third is not None and third.ids == ("a1",), "and then it is its turn again"
    assert queue.stuck()


def test_what_was_taken_and_is_renewed_waits_no_more_until_then() -> None:
    queue = waiting(10, ("a", "a1", True))
    sent = queue.next(0.0)
    assert sent is not None and not sent.again
    queue.renew(sent, 60.0)
    assert (len(queue), queue.next(59.0), queue.due_at(0.0)) == (0, None, 60.0)
    again = queue.next(60.0)
    assert again is not None and again.again and again.notification == sent.notification


def test_what_came_while_it_was_sent_is_sent_at_once() -> None:
    queue = waiting(10, ("a", "a1", True))
    sent = queue.next(0.0)
    assert sent is not None
    queue.add(of("a", "a2", fires=False), 1.0, busy=sent.ids)
    queue.renew(sent, 60.0)
    after = queue.next(0.0)
    assert after is not None and after.ids == ("a1", "a2") and not after.again


def test_what_was_taken_before_counts_not_as_folded() -> None:
    queue = waiting(10, ("a", "a1", True))
    sent = queue.next(0.0)
    assert sent is not None
    queue.renew(sent, 60.0)
    change = queue.add(of("a", "a2", fires=False), 1.0)
    assert (change.gone, change.folded) == (("a1",), 0)


def test_what_is_renewed_are_alerts_that_fire_or_have_just_ended() -> None:
    one = notification(alert("a"), alert("b", ended=10), alert("c", ended=100))
    assert [each.label("server") for each in renewed(one, START + 50).alerts] == ["a", "c"]


def test_what_began_and_ended_unheard_goes_first() -> None:
    """It is past. What still fires is not, and for the end of what was told, b, somebody waits."""
    queue = waiting(3, ("a", "a1", True), ("b", "b1", False))
    begun = notification(alert("c"), name="c1", group="c", begun=frozenset({alert("c").fingerprint}))
    queue.add(begun, 5.0)
    queue.add(of("c", "c2", fires=False), 6.0)
    queue.add(of("d", "d1", fires=True), 7.0)
    assert queue.make_room() == ("c2",)
    assert [each.id for each in queue.all()] == ["a1", "b1", "d1"]


def test_if_everything_fires_the_oldest_goes() -> None:
    queue = waiting(2, ("a", "a1", True), ("b", "b1", True), ("c", "c1", True))
    assert queue.make_room() == ("a1",)


def test_an_end_that_somebody_waits_for_goes_after_all_that_fires() -> None:
    """What fires is told with the next message of its group; an end never again. What is only told again goes first."""
    queue = waiting(4, ("a", "a1", False), ("b", "b1", True))
    repeated = notification(alert("c"), name="c1", group="c", reason=Reason.REPEAT)
    queue.add(repeated, 5.0)
    queue.add(of("d", "d1", fires=False), 6.0)
    queue.add(of("e", "e1", fires=True), 7.0)
    assert queue.make_room() == ("c1",)
    queue.limit = 1
    assert queue.make_room() == ("b1", "e1", "a1")
    assert [each.id for each in queue.all()] == ["d1"], "of ends, too, the oldest"


def test_an_end_among_news_is_one() -> None:
    queue = waiting(1)
    queue.add(notification(alert("a"), alert("b", ended=1.0), name="a1", group="a", reason=Reason.NEW), 1.0)
    queue.add(of("b", "b1", fires=True), 2.0)
    assert queue.make_room() == ("b1",)


def test_what_is_being_sent_stays_and_takes_nobodys_place() -> None:
    """Else what came last would be dropped although there is room for it."""
    queue = waiting(1, ("a", "a1", True))
    queue.add(of("b", "b1", fires=True), 2.0, busy=("a1",))
    assert queue.make_room(busy=("a1",)) == ()
    queue.add(of("c", "c1", fires=True), 3.0, busy=("a1",))
    assert queue.make_room(busy=("a1",)) == ("b1",)
    assert [each.id for each in queue.all()] == ["a1", "c1"]


held = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=30)


@given(held, st.integers(1, 10), st.lists(st.integers(0, 29), max_size=3))
def test_there_is_always_room_and_what_a_file_is_told_is_what_is_held(
    said: list[tuple[str, bool]], limit: int, busy: list[int]
) -> None:
    queue = Waiting(limit)
    file: dict[str, Notification] = {}
    for number, (group, fires) in enumerate(said):
        one = of(group, f"n{number}", fires=fires)
        sending = [name for name in (f"n{each}" for each in busy) if name in queue]
        change = queue.add(one, float(number), sending)
        file[change.put.id] = change.put
        for name in (*change.gone, *queue.make_room(sending)):
            file.pop(name)
        assert len(queue) <= limit + len(sending)
        assert file == {each.id: each for each in queue.all()}
        assert set(sending) <= file.keys()
