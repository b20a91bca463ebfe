"""How many cells each column gets on a terminal of some width."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells; 0: the column is left out. One more parts each column from the next, and one at the left marks the chosen.

    apart: the last answer has a column of its own; otherwise a server in trouble shows it in place of latencies.
    """

    name: int
    state: int
    weight: int
    bar: int
    connections: int
    latency: int
    trail: int
    rest: int
    apart: bool


def columns(width: int) -> Columns:
    """For 80 columns: an IPv4 address with its port, a bar of 8, some 20 for what was last answered.

    Of what a wider terminal has more, all get a share; a narrower one leaves out trail, bar, weight and connections,
    in this order.
    """
    more = max(width - 80, 0)
    name = min(23 + more // 4, 46) if width >= 60 else max(min(23, width - 16), 4)
    state = 10
    weight = 5 if width >= 54 else 0
    bar = min(8 + more // 6, 20) if width >= 64 else 0
    connections = (11 if width >= 96 else 9) if width >= 44 else 0
    used = 1 + sum(column + 1 for column in (name, state, weight, bar, connections) if column)
    rest = max(width - used, 0)
    latency = 6 if rest >= 6 else 0
    trail = min(max(rest - 14, 0), 6 + more // 5, 24) if width >= 72 else 0
    return Columns(name, state, weight, bar, connections, latency, trail, rest, apart=width >= 110)
