"""The reckoning of who had the addresses: what `make directors` asserts is no better than this."""

from __future__ import annotations

import pytest

from tests.directors import score
from tests.directors.score import Living, Span
from tests.directors.watcher import Held, Said

A, B, ELSE = "192.0.2.100", "192.0.2.101", "192.0.2.1"
SEEN = (
    Held(1.0, 1, A, here=True),
    Held(1.5, 1, B, here=True),
    Said(2.0, 1, vrid=51, priority=200),
    Held(3.0, 2, A, here=True),
    Held(4.0, 1, A, here=False),
    Held(4.0, 1, ELSE, here=True),
    Held(4.5, 1, B, here=False),
    Held(6.0, 1, A, here=True),
)


@pytest.mark.parametrize(
    ("host", "addresses", "spans"),
    [
        pytest.param(1, {A, B}, [(1.0, 4.5), (6.0, 9.0)], id="from the first address to the last one"),
        pytest.param(1, {B}, [(1.5, 4.5)], id="of what is asked for"),
        pytest.param(2, {A, B}, [(3.0, 9.0)], id="what lasts, lasts until the end"),
        pytest.param(3, {A, B}, [], id="a host that never had any"),
    ],
)
def test_held(host: int, addresses: set[str], spans: list[Span]) -> None:
    assert score.held(SEEN, host, addresses, 9.0) == spans


def test_twice() -> None:
    held = [score.held(SEEN, host, {A, B}, 9.0) for host in (1, 2, 3)]
    assert score.twice(held) == 1.5 + 3.0


def test_a_dead_one_does_not_count() -> None:
    lived = score.lived([Living(0.0, 1, lives=True), Living(3.5, 1, lives=False), Living(8.0, 1, lives=True)], 1, 9.0)
    assert lived == [(0.0, 3.5), (8.0, 9.0)]
    alive = score.both(score.held(SEEN, 1, {A, B}, 9.0), lived)
    assert alive == [(1.0, 3.5), (8.0, 9.0)]
    assert score.twice([alive, score.held(SEEN, 2, {A, B}, 9.0)]) == 0.5 + 1.0
