"""The active director is asked to go under traffic, and comes back; what the clients met with, as figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.directors.pair import Pair, Setup, standing
from tests.directors.stack import Stack, waited
from tests.directors.takeover import AFTER, age
from tests.directors.town import SYNC_FLUSH, Town


@dataclass(slots=True)
class Figures:
    """Seconds since it was asked: went, until the address was off the active one; came, until it was on the other.

    skew: what the other waits at most. back: by how long, when the stronger one is back, it has the address before the
    weaker one has given it away; in VRRP that is the time of an advert. roles: of the sync daemons, on `a` and `b`,
    while `b` was active. lost: held connections that did not go on; young: of those of a few seconds, how old they
    were. failed: new ones. moves: of the address, when each began and was over, on CLOCK_MONOTONIC.
    """

    went: float
    came: float
    skew: float
    back: float = 0.0
    roles: tuple[set[str], set[str]] = (set(), set())
    lost: Counter[str] = field(default_factory=Counter)
    young: list[float] = field(default_factory=list)
    stalled: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)
    new: int = 0
    moves: list[tuple[float, float]] = field(default_factory=list)


def measure(town: Town, folder: Path, kind: type[Stack], setup: Setup, go: Callable[[Stack], None]) -> Figures:
    """`a` goes and is started again; the stronger one of the two is active again at the end.

    go: makes `a` hand over and end.
    """
    with standing(town, folder, kind, setup) as pair:
        with pair.traffic() as traffic:
            found = _go(pair, go)
            _come_back(pair, found)
        found.lost = Counter(one.lost for one in traffic.held if one.lost)
        found.young = [age(one, found.moves) for one in traffic.young if one.lost]
        found.stalled = max(one.slowest for one in traffic.held)
        found.failed = Counter(one.lost for one in traffic.new if one.lost)
        found.new = len(traffic.new)
        return found


def _go(pair: Pair, go: Callable[[Stack], None]) -> Figures:
    town = pair.town
    asked = time.monotonic()
    go(pair.a)
    waited("b is active", lambda: town.vips() == [town.b], pair.a, pair.b)
    time.sleep(AFTER)
    went, came = pair.witness.went(town.a, asked), pair.witness.came(town.b, asked)
    assert went is not None
    assert came is not None
    return Figures(went - asked, came - asked, pair.setup.skew(town.b), moves=[(asked, came)])


def _come_back(pair: Pair, found: Figures) -> None:
    town = pair.town
    began = time.monotonic()
    pair.a.start()
    waited("a is there", lambda: "backup" in town.sync_roles(town.a), pair.a)
    found.roles = (town.sync_roles(town.a), town.sync_roles(town.b))
    pair.active(town.a)
    time.sleep(2 * SYNC_FLUSH)
    came, went = pair.witness.came(town.a, began), pair.witness.went(town.b, began)
    assert came is not None
    assert went is not None
    found.back = went - came
    found.moves.append((came, went))


def table(rows: dict[str, Figures], heading: str) -> str:
    """Side by side."""
    lines = [
        heading,
        f"  {'':20}{'address off, moved':>24}{'on both, on return':>20}{'held: lost, stalled':>24}"
        f"{'lost: too young':>24}{'new: all, failed':>20}",
    ]
    for name, row in rows.items():
        moved = f"{row.went * 1000:.0f}, {row.came * 1000:.0f}/{row.skew * 1000:.0f} ms"
        held = f"{row.lost.total()}, {row.stalled * 1000:.0f} ms"
        young = f"{len(row.young)}, to {max(row.young, default=0) * 1000:.0f} ms old"
        new = f"{row.new}, {row.failed.total()}"
        twice = f"{row.back * 1000:.1f} ms"
        lines.append(f"  {name:20}{moved:>24}{twice:>20}{held:>24}{young:>24}{new:>20}")
    return "\n".join(lines)
