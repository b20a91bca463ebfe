"""Alerts in as many messages as a receiver's limits take: some in full, of the others a line each; none is left out.

What is said of the beginning is said of the end, too: nobody is left with something that seems to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lvsctl.model import Alert
from lvsctl.notify.words import firing_first, in_turn


@dataclass(frozen=True, slots=True)
class Page:
    """One message, the `number`th of so many. full: alerts with all that is known; brief: those with a line each."""

    full: Sequence[Alert]
    brief: Sequence[Alert]
    number: int = 1
    of: int = 1

    @property
    def mark(self) -> str:
        """For its title: "" of the only one."""
        return f" ({self.number} of {self.of})" if self.of > 1 else ""


def pages(
    alerts: Sequence[Alert], room: int, *, full: Callable[[Alert], int], brief: Callable[[Alert], int]
) -> tuple[Page, ...]:
    """Every alert once, those that fire first. room: of one message; full, brief: how much of it one alert takes.

    Where not all have room in full, half of the first message is for those that are. An alert that has no room at all
    is alone in a message.
    """
    order = in_turn(alerts)
    sizes = [full(alert) for alert in order]
    if sum(sizes) <= room:
        return (Page(firing_first(order), ()),)
    shown = _fitting(sizes, room // 2)
    chunks = _chunks(firing_first(order[shown:]), room, brief, taken=sum(sizes[:shown]))
    numbered = enumerate(chunks, start=1)
    return tuple(
        Page(firing_first(order[:shown]) if number == 1 else (), lines, number, len(chunks))
        for number, lines in numbered
    )


def _fitting(sizes: Iterable[int], room: int) -> int:
    """How many of the first have room."""
    count = 0
    for size in sizes:
        room -= size
        if room < 0:
            break
        count += 1
    return count


def _chunks(alerts: Sequence[Alert], room: int, brief: Callable[[Alert], int], *, taken: int) -> list[list[Alert]]:
    """taken: of the first."""
    chunks: list[list[Alert]] = [[]]
    for alert in alerts:
        taken += (size := brief(alert))
        if taken > room and taken > size:
            chunks.append([])
            taken = size
        chunks[-1].append(alert)
    return chunks
