"""What is sent next, and what goes when there is no room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lvsctl.notify.waiting import Waiting, renewed
from tests.notify.made import START, alert, notification


def waiting(limit: int, *held: tuple[str, str, bool]) -> Waiting:
    """held: group, id and whether it fires."""
    made = Waiting(limit)
    for number, (group, name, fires) in enumerate(held):
        made.add(notification(alert(group, ended=None if fires else 1.0), name=name, group=group, at=START + number))
    return made


def test_the_oldest_group_goes_first_with_all_that_waits_of_it() -> None:
    queue = waiting(10, ("a", "a1", True), ("b", "b1", True), ("a", "a2", False))
    first = queue.next(0.0)
    assert first is not None and (first.notification.id, first.ids) == ("a2", ("a1", "a2"))


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
    queue.add(notification(alert("a", ended=2.0), name="a2", group="a"))
    queue.renew(sent, 60.0)
    after = queue.next(0.0)
    assert after is not None and after.ids == ("a1", "a2") and not after.again


def test_what_is_renewed_are_alerts_that_fire_or_have_just_ended() -> None:
    one = notification(alert("a"), alert("b", ended=10), alert("c", ended=100))
    assert [each.label("server") for each in renewed(one, START + 50).alerts] == ["a", "c"]


def test_folding_is_enough_if_it_makes_room() -> None:
    queue = waiting(2, ("a", "a1", True), ("b", "b1", True), ("a", "a2", False))
    change = queue.make_room()
    assert (change.gone, [each.id for each in change.put], change.lost) == (("a1",), ["a2"], 0)
    assert [each.id for each in queue.all()] == ["a2", "b1"]


def test_the_oldest_pair_goes_first() -> None:
    """What fired and ended while nobody listened is past; what still fires is not."""
    queue = waiting(2, ("a", "a1", True), ("b", "b1", True), ("b", "b2", False), ("c", "c1", True))
    change = queue.make_room()
    assert change.lost == 1
    assert sorted(change.gone) == ["b1", "b2"]
    assert [each.id for each in queue.all()] == ["a1", "c1"]


def test_if_everything_fires_the_oldest_goes() -> None:
    queue = waiting(2, ("a", "a1", True), ("b", "b1", True), ("c", "c1", True))
    assert queue.make_room().gone == ("a1",)


def test_what_is_being_sent_stays_as_it_is() -> None:
    queue = waiting(2, ("a", "a1", True), ("a", "a2", False), ("b", "b1", True), ("c", "c1", True))
    change = queue.make_room(busy=("a1", "a2"))
    assert [each.id for each in queue.all()] == ["a1", "a2"]
    assert change.lost == 2


held = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=30)


@given(held, st.integers(1, 10), st.lists(st.integers(0, 29), max_size=3))
def test_there_is_always_room_and_what_a_file_is_told_is_what_is_held(
    said: list[tuple[str, bool]], limit: int, busy: list[int]
) -> None:
    queue = Waiting(limit)
    file: set[str] = set()
    sending: list[str] = []
    for number, (group, fires) in enumerate(said):
        name = f"n{number}"
        queue.add(notification(alert(group, ended=None if fires else 1.0), name=name, group=group, at=START + number))
        sending = [name for name in (f"n{each}" for each in busy) if name in queue]
        change = queue.make_room(sending)
        file = ((file | {name}) - set(change.gone)) | {each.id for each in change.put}
        assert len(queue) <= max(limit, len(sending))
        assert file == {each.id for each in queue.all()}
        assert set(sending) <= file
