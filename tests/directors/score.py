"""What a bystander has seen, reckoned up: who had all addresses of an instance from when to when. Without a clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

from tests.directors.watcher import Held, Seen

Span: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Living:
    """From now on the director on this host runs, or runs no more: it was stopped, killed or frozen."""

    at: float
    host: int
    lives: bool


def held(seen: Sequence[Seen], host: int, addresses: Collection[str], end: float) -> list[Span]:
    """When the host had any of the addresses, in order. What lasts, lasts until `end`."""
    here: set[str] = set()
    changes = []
    for one in seen:
        if isinstance(one, Held) and one.host == host and one.address in addresses:
            here = here | {one.address} if one.here else here - {one.address}
            changes.append((one.at, bool(here)))
    return _spans(changes, end)


def lived(living: Sequence[Living], host: int, end: float) -> list[Span]:
    return _spans([(one.at, one.lives) for one in living if one.host == host], end)


def both(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """When it was so in both."""
    met = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return sorted((start, end) for start, end in met if start < end)


def seconds(spans: Sequence[Span]) -> float:
    return sum(end - start for start, end in spans)


def twice(spans: Sequence[Sequence[Span]]) -> float:
    """For how long two had it, summed up over all pairs of them."""
    return sum(seconds(both(*pair)) for pair in combinations(spans, 2))


def _spans(changes: Sequence[tuple[float, bool]], end: float) -> list[Span]:
    spans: list[Span] = []
    since: float | None = None
    for at, now in [*changes, (end, False)]:
        if now and since is None:
            since = at
        elif not now and since is not None:
            spans.append((since, at))
            since = None
    return spans
