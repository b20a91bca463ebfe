"""Which alerts are in which message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lvsctl.model import Alert
from lvsctl.notify.pages import Page, pages
from tests.notify.made import alert

FULL, BRIEF = 10, 2


def paged(firing: int, ended: int, room: int) -> tuple[Page, ...]:
    alerts = [*(alert(f"f{n}") for n in range(firing)), *(alert(f"e{n}", ended=1) for n in range(ended))]
    return pages(alerts, room, full=lambda _: FULL, brief=lambda _: BRIEF)


def names(alerts: object) -> list[str]:
    return [one.label("server") for one in alerts]  # type: ignore[attr-defined]


def test_what_has_room_in_full_is_one_message() -> None:
    (page,) = paged(2, 1, 30)
    assert (names(page.full), names(page.brief), page.mark) == (["f0", "f1", "e0"], [], "")


def test_else_half_of_the_first_is_for_both_kinds_in_full() -> None:
    first, second = paged(7, 7, 40)
    assert (names(first.full), first.mark) == (["f0", "e0"], " (1 of 2)")
    assert names(first.brief) == ["f1", "f2", "f3", "f4", "f5", "f6", "e1", "e2", "e3", "e4"]
    assert (names(second.full), names(second.brief), second.mark) == ([], ["e5", "e6"], " (2 of 2)")


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 90))
def test_each_is_told_once_and_no_message_is_too_large(firing: int, ended: int, room: int) -> None:
    found = paged(firing, ended, room)
    told: list[Alert] = [one for page in found for one in (*page.full, *page.brief)]
    assert len(told) == len(set(told)) == firing + ended
    for page in found:
        assert FULL * len(page.full) + BRIEF * len(page.brief) <= max(room, BRIEF)
        assert page.full or page.brief or not told
    assert [page.number for page in found] == list(range(1, len(found) + 1))
    assert {page.of for page in found} == {len(found)}
