"""Bytes from a terminal -> keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.cli.top.keys import Keyboard


@pytest.mark.parametrize(
    ("received", "keys"),
    [
        (b"q", ["q"]),
        (b"jk", ["j", "k"]),
        (b"\r\n", ["enter", "enter"]),
        (b"\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]),
        (b"\x1bOA\x1bOB\x1bOP", ["up", "down", "f1"]),  # a keypad in application mode
        (b"\x1b[5~\x1b[6~\x1b[1~\x1b[4~\x1b[H\x1b[F", ["pgup", "pgdn", "home", "end", "home", "end"]),
        (b"\x1b[1;5A", ["up"]),  # with Ctrl held
        (b"\x1b[3~\x1b[200~\x1b[?62;c", []),  # Delete, a paste, a terminal's answer about itself: of no use here
        (b"\x1b\x1b[A", ["esc", "up"]),
        (b"\x1bx", ["esc", "x"]),
        (b"\x7f\x08\x15\x17\x03\x0c", ["backspace", "backspace", "ctrl-u", "ctrl-w", "ctrl-c", "ctrl-l"]),
        (b"\x00\x01\x1f", []),
        ("äß日".encode(), ["ä", "ß", "日"]),
        (b"\xff", ["\ufffd"]),
        ("\x9b\u202e".encode(), []),
    ],
)
def test_keys(received: bytes, keys: list[str]) -> None:
    assert Keyboard().feed(received) == keys


@pytest.mark.parametrize("begun", [b"\x1b", b"\x1b[", b"\x1bO", b"\x1b[1;", b"\x1b[15"])
def test_what_may_go_on_is_waited_for_and_then_was_esc(begun: bytes) -> None:
    keyboard = Keyboard()
    assert (keyboard.feed(begun), keyboard.waits) == ([], True)
    assert (keyboard.flush(), keyboard.waits) == (["esc"], False)
    assert keyboard.flush() == []


@given(
    st.lists(
        st.sampled_from([b"\x1b[A", b"\x1b[5~", b"\x1bOF", b"q", "日".encode(), b"\r", b"\x1b[1;2C"]), max_size=12
    ),
    st.integers(1, 4),
)
def test_a_slow_line_that_splits_keys_changes_nothing(sent: list[bytes], size: int) -> None:
    whole = b"".join(sent)
    keyboard = Keyboard()
    found = [key for start in range(0, len(whole), size) for key in keyboard.feed(whole[start : start + size])]
    assert found == Keyboard().feed(whole)
    assert not keyboard.waits


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_any_bytes_are_keys_or_nothing(received: list[bytes]) -> None:
    keyboard = Keyboard()
    for piece in received:
        assert all(key.isprintable() and key for key in [*keyboard.feed(piece), *keyboard.flush()])
