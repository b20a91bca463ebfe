"""How notifications read to people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.model import Notification, Reason
from lvsctl.notify.words import CUT, cut, details, headline, left_out, one_line, title
from tests.notify.made import alert, notification


@pytest.mark.parametrize(
    ("told", "reads"),
    [
        (notification(alert("a")), "[FIRING:1] server a of shop is down"),
        (notification(alert("a", ended=3)), "[RESOLVED] server a of shop is down"),
        (notification(alert("a"), alert("b")), "[FIRING:2] shop"),
        (notification(alert("a"), alert("b", ended=3)), "[FIRING:1] shop"),
        (notification(alert("a"), alert("b"), truncated=298), "[FIRING:300] shop"),
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


def test_what_is_left_out() -> None:
    assert left_out(1) == "1 more alert is left out of this message"
    assert left_out(7) == "7 more alerts are left out of this message"


@given(st.text(), st.integers(0, 100))
def test_a_cut_is_never_too_long_and_always_said(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short) <= limit
    assert short == text or short.endswith(CUT[:limit][-1:])


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert one_line(text).isprintable()
