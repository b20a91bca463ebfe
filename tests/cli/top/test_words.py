"""Numbers, times and bars in few cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.cli.top import words
from lvsctl.cli.top.body import bar, spark
from lvsctl.cli.top.cells import ASCII, UNICODE, Glyphs, Tone, cells
from lvsctl.cli.top.scene import POLLS, follow
from lvsctl.cli.top.seen import seen
from tests.cli.document import service, status
from tests.cli.top import documents as site


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (59.9, "59s"), (60, "1m"), (200, "3m20s"), (1800, "30m"), (3599, "59m59s"), (7200, "2h"),
        (7500, "2h05m"), (86400, "1d"), (356400, "4d3h"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0003, "0.3ms"),
        (0.0994, "99.4ms"),
        (0.0996, "100ms"),
        (0.9994, "999ms"),
        (1.2, "1.20s"),
        (100, "100s"),
    ],
)
def test_latencies(seconds: float | None, text: str) -> None:
    assert words.milliseconds(seconds) == text


@pytest.mark.parametrize(
    ("count", "limit", "width", "text"),
    [
        (50, 100, 9, "50/100"), (12, None, 9, "12"), (12, 0, 9, "12"), (1000, 1000, 9, "1000/1000"),
        (12345, 20000, 9, "12k/20k"), (1234567, 2000000, 9, "1M/2M"), (12345678, None, 9, "12345678"),
        (65535, None, 5, "65535"), (65535, None, 4, "66k"), (100, None, 2, "!!"),
    ],
)  # fmt: skip
def test_counts_are_rounded_never_cut(count: int, limit: int | None, width: int, text: str) -> None:
    assert words.ratio(count, limit, width) == text


@given(st.integers(0, 2**33), st.integers(0, 2**33), st.integers(9, 11))
def test_counts_fit(count: int, limit: int, width: int) -> None:
    assert len(words.ratio(count, limit, width)) <= width


@pytest.mark.parametrize(
    ("count", "limit", "text", "tone"),
    [
        (0, 100, "--------", Tone.GOOD),
        (1, 100, "#-------", Tone.GOOD),  # any connection shows
        (50, 100, "####----", Tone.GOOD),
        (80, 100, "######--", Tone.WARN),
        (99, 100, "#######-", Tone.WARN),  # only what is full looks full
        (100, 100, "########", Tone.BAD),
        (180, 100, "########", Tone.BAD),
        (180, None, "        ", Tone.PLAIN),
        (180, 0, "        ", Tone.PLAIN),
    ],
)
def test_bar(count: int, limit: int | None, text: str, tone: Tone) -> None:
    assert bar(count, limit, 8, ASCII) == (text, tone)


@pytest.mark.parametrize(
    ("trail", "drawn"),
    [
        ((), ""),
        ((0.003,) * 6, "▅▅▅▅▅▅"),  # steady looks steady
        ((0.003, 0.003, 0.003, 0.030), "▁▁▁█"),  # an outlier stands out
        ((0.003, None, None, 0.003), "▅xx▅"),
        ((None,) * 3, "xxx"),
        ((0.0, 0.0), "▁▁"),
        ((9.0, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001), "▅▅▅▅▅▅"),  # only what is shown counts
    ],
)
def test_spark(trail: tuple[float | None, ...], drawn: str) -> None:
    assert spark(trail, 6, UNICODE) == drawn
    assert spark(trail, 0, UNICODE) == ""


def test_trails_are_kept_for_those_who_are_there() -> None:
    both = seen(status(service(pools=[site.pool("p", site.up("10.0.0.1"), site.down("10.0.0.2"))])))
    one = seen(status(service(pools=[site.pool("p", site.up("10.0.0.1"), site.up("10.0.0.3", latency=None))])))
    trails = follow(follow({}, both), one)
    assert trails == {("shop", "10.0.0.1:80"): (0.0031, 0.0031)}
    assert follow({}, both)["shop", "10.0.0.2:80"] == (None,)
    for _ in range(POLLS + 5):
        trails = follow(trails, one)
    assert len(trails["shop", "10.0.0.1:80"]) == POLLS


@pytest.mark.parametrize("glyphs", [ASCII, UNICODE], ids=["ascii", "unicode"])
@given(text=st.text(), width=st.integers(0, 40))
def test_text_is_cut_to_cells(glyphs: Glyphs, text: str, width: int) -> None:
    assert cells(glyphs.fit(text, width)) == width
    assert cells(glyphs.squeeze(text, width)) <= width
    wrapped = glyphs.wrap(text, width, 3)
    assert len(wrapped) <= 3
    assert all(cells(line) <= width for line in wrapped)
    assert glyphs.safe(text).isprintable()
    assert glyphs.unicode or glyphs.safe(text).isascii()


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 6, ["one", "two", "three"]),
        ("one two three four", 5, ["one", "two", "thre~"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("", 4, []),
    ],
)
def test_wrap(text: str, width: int, lines: list[str]) -> None:
    assert ASCII.wrap(text, width, 3) == lines


@pytest.mark.parametrize(
    ("text", "width", "squeezed"),
    [
        ("10.0.0.1:80", 11, "10.0.0.1:80"),
        ("[2001:db8::aa:1]:80", 12, "[2001~:1]:80"),
        ("abc", 1, "~"),
        ("abc", 0, ""),
    ],
)
def test_squeeze_keeps_both_ends(text: str, width: int, squeezed: str) -> None:
    assert ASCII.squeeze(text, width) == squeezed
