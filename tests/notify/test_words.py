"""How notifications read to people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.model import Notification, Reason
from lvsctl.notify.words import CUT, cut, details, firing_first, headline, in_turn, one_line, title
from tests.notify.made import alert, notification


@pytest.mark.parametrize(
    ("told", "reads"),
    [
        (notification(alert("a")), "[FIRING:1] server a of shop is down"),
        (notification(alert("a", ended=3)), "[RESOLVED] server a of shop is down"),
        (notification(alert("a"), alert("b")), "[FIRING:2] shop"),
        (notification(alert("a"), alert("b", ended=3)), "[FIRING:1] shop"),
        (notification(alert("a"), reason=Reason.TEST), "[TEST FIRING:1] server a of shop is down"),
        (notification(alert("a", summary="two\r\nlines\x1b[31m")), "[FIRING:1] two lines [31m"),
    ],
)
def test_a_title(told: Notification, reads: str) -> None:
    assert title(told) == reads


def test_one_alert() -> None:
    one = alert("a", ended=65, severity="critical", why="refused:\nno route")
    assert headline(one) == "RESOLVED critical: server a of shop is down"
    assert details(one) == (
        ("since", "2026-09-21 14:13:20 UTC"),
        ("ended", "2026-09-21 14:14:25 UTC"),
        ("why", "refused: no route"),
        ("director", "lb1"),
        ("server", "a"),
        ("service", "shop"),
    )


def test_wherever_it_is_cut_some_are_left_of_what_ended() -> None:
    """Else it might be told of nobody's end, as long as much else fires."""
    firing, ended = [alert(f"f{n}") for n in range(100)], [alert(f"e{n}", ended=1) for n in range(3)]
    for room in range(6, 103):
        shown = firing_first(in_turn([*firing, *ended])[:room])
        assert shown == [*firing[: room - 3], *ended]
    assert firing_first(in_turn([*firing[:2], *ended])[:4]) == [*firing[:2], *ended[:2]]


@given(st.text(), st.integers(0, 100))
def test_a_cut_is_never_too_long_and_always_said(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short) <= limit
    assert short == text or short.endswith(CUT[:limit][-1:])


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert one_line(text).isprintable()
