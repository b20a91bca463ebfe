"""Phrases that several judgements share."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 5


def listed(items: Iterable[object]) -> str:
    """`a, b, c`; of more than a few only the first, and how many more."""
    names = [str(item) for item in items]
    rest = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {rest} more" if rest > 0 else "")
