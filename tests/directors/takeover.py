"""One director after the other dies under traffic and comes back, and what the clients met with, as figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.directors.client import Held, New
from tests.directors.pair import Pair, Setup, Traffic, standing
from tests.directors.stack import Stack, waited
from tests.directors.town import SYNC_FLUSH, Town
from tests.directors.wiretap import Wiretap

AFTER = 3.0
"""Seconds of traffic after a takeover: who was told nothing connects again after one and after three."""


UNTOLD = 0.1
"""Seconds for which the client may not have heard that the address moved."""

CALM = 1.0
"""Seconds after a look, which in real time takes so much of the machine that adverts are late."""

GRACE = 0.05
"""Seconds that a takeover may take beyond what the protocol allows."""


Record = Callable[[str, object], None]
"""pytest's record_property."""


class Death(StrEnum):
    """KILLED: kill -9 of the programs; the kernel, the virtual address on it and its table go on. OFF: the machine."""

    KILLED = "kill -9"
    OFF = "machine off"


@dataclass(slots=True)
class Takeover:
    """killed, dead: when it began and was complete. took: seconds until the address came to the other; bound: at most.

    copied: how many of the held connections the other's kernel knew.
    """

    killed: float
    dead: float
    took: float
    bound: float
    copied: int

    @property
    def at(self) -> float:
        return self.killed + self.took


@dataclass(slots=True)
class Figures:
    """lost: held connections that did not go on. stalled: the longest wait for an answer, in seconds.

    early, late: new connections that failed, begun shortly before a takeover or at any other time. answered: for each
    takeover, seconds from the kill until the first new connection had its answer that began after the death. young: the
    ages, in seconds, of the connections that were lost as they were too young to have been copied. returns: when the
    address came back to the stronger one, on CLOCK_MONOTONIC.
    """

    takeovers: list[Takeover] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)
    held: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    stalled: float = 0.0
    young: list[float] = field(default_factory=list)
    new: int = 0
    early: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    answered: list[float] = field(default_factory=list)


def measure(town: Town, folder: Path, kind: type[Stack], setup: Setup, death: Death) -> Figures:
    """`a` dies, `b` takes over, `a` comes back; where it does not preempt, `b` dies then and comes back, too.

    At the end one is active, and the tables are as they ought to be.
    """
    with standing(town, folder, kind, setup) as pair, Wiretap(town).listening() as wiretap:
        found = Figures()
        deaths = [(pair.a, pair.b)] if setup.preempt else [(pair.a, pair.b), (pair.b, pair.a)]
        with pair.traffic() as traffic:
            for dies, takes in deaths:
                found.takeovers.append(_takeover(pair, traffic, wiretap, dies, takes, death))
                dies.start()
                pair.active(town.a if setup.preempt else takes.host)
                back = pair.witness.came(dies.host, found.takeovers[-1].at)
                found.returns += [back] if back is not None else []
                time.sleep(2 * SYNC_FLUSH)
        pair.settled()
        _judge(found, traffic)
        return found


def _takeover(pair: Pair, traffic: Traffic, wiretap: Wiretap, dies: Stack, takes: Stack, death: Death) -> Takeover:
    """It dies when it has just sent an advert, after which the other has to wait longest."""
    town, bound = pair.town, pair.setup.bound(takes.host)
    copied = len(town.connections(takes.host) & traffic.ports)
    time.sleep(CALM)
    heard = len(wiretap.said)
    while len(wiretap.said) == heard:
        time.sleep(0.0001)
    killed = dies.kill()
    if death is Death.OFF:
        town.switch_off(dies.host)
    dead = time.monotonic()
    waited("it takes over", lambda: pair.witness.came(takes.host, killed) is not None, takes)
    came = pair.witness.came(takes.host, killed)
    assert came is not None
    time.sleep(AFTER)
    if death is Death.OFF:
        town.switch_on(dies.host)
    return Takeover(killed, dead, came - killed, bound, copied)


def _judge(found: Figures, traffic: Traffic) -> None:
    found.held, found.new = len(traffic.held), len(traffic.new)
    found.lost = Counter(one.lost for one in traffic.held if one.lost)
    found.stalled = max(one.slowest for one in traffic.held)
    for takeover in found.takeovers:
        answered = [one.ended for one in traffic.new if one.began >= takeover.dead and not one.lost]
        found.answered.append(min(answered) - takeover.killed)
    moves = [(one.killed, one.at) for one in found.takeovers] + [(when, when) for when in found.returns]
    found.young = [age(one, sorted(moves)) for one in traffic.young if one.lost]
    for new in traffic.new:
        if new.lost:
            (found.early if _before_takeover(new, found.takeovers) else found.late)[new.lost] += 1


def age(one: Held, moves: Sequence[tuple[float, float]]) -> float:
    """In seconds, when the address began to move from where it was connected. moves: each one's begin and end."""
    return next((max(0.0, begin - one.began) for begin, end in moves if end + UNTOLD > one.last), float("inf"))


def _before_takeover(one: New, takeovers: Sequence[Takeover]) -> bool:
    """Whether it began while nobody, or somebody dead, had its address, or so shortly before that it was under way."""
    return any(takeover.killed - 1 <= one.began < takeover.at for takeover in takeovers)


def table(rows: dict[str, Figures], heading: str) -> str:
    """Side by side."""
    lines = [
        heading,
        f"  {'':12}{'address moved':>22}{'first new answer':>22}{'held: copied, lost, stalled':>32}"
        f"{'lost: too young':>24}{'new: all, failed before, after takeover':>42}",
    ]
    for name, row in rows.items():
        moved = " ".join(f"{one.took * 1000:.0f}/{one.bound * 1000:.0f}" for one in row.takeovers) + " ms"
        answered = " ".join(f"{one * 1000:.0f}" for one in row.answered) + " ms"
        copied = min(one.copied for one in row.takeovers)
        held = f"{copied} of {row.held}, {row.lost.total()}, {row.stalled * 1000:.0f} ms"
        young = f"{len(row.young)}, to {max(row.young, default=0) * 1000:.0f} ms old"
        new = f"{row.new}, {row.early.total()}, {row.late.total()}"
        lines.append(f"  {name:12}{moved:>22}{answered:>22}{held:>32}{young:>24}{new:>42}")
    return "\n".join(lines)
