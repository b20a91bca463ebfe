"""Random faults for a pair, by a seed: what happens to whom, when, and for how long. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

COUNT: Final = 100
JUMPS: Final = (-86400.0, -3600.0, -30.0, 30.0, 3600.0, 86400.0)
"""Seconds by which the clock is put forward or back."""


class Kind(StrEnum):
    """KILL: kill -9, and a start afterwards. FREEZE: SIGSTOP to SIGCONT. PART: neither hears the other. DEAFEN: it
    hears no adverts, its own are heard. UNPLUG: no carrier. CLOCK: the time of day is another, for both, and stays so.
    """

    KILL = "kill"
    FREEZE = "freeze"
    PART = "part"
    DEAFEN = "deafen"
    UNPLUG = "unplug"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Fault:
    """at: seconds from the beginning. lasts: seconds. who: a director, "" for both. jump: seconds, of the clock."""

    kind: Kind
    who: str
    at: float
    lasts: float
    jump: float = 0.0

    @property
    def until(self) -> float:
        return self.at + self.lasts

    @property
    def touches(self) -> tuple[str, str]:
        """What can be in one fault at a time: who is dead cannot be frozen."""
        process = self.kind in (Kind.KILL, Kind.FREEZE)
        return ("process" if process else self.kind, self.who)


def misfortunes(seed: int, interval: float, count: int = COUNT) -> list[Fault]:
    """In the order of time. interval: between adverts, by which their lengths go.

    Every third begins while others last; before the rest there is a pause, too short for a takeover or long enough.
    """
    chance, faults = random.Random(seed), list[Fault]()
    at, until = 0.0, 0.0
    while len(faults) < count:
        at = at + chance.uniform(0, 4) * interval if chance.random() < 1 / 3 else until + _pause(chance) * interval
        fault = _fault(chance, at, interval)
        if all(fault.touches != other.touches or other.until < at for other in faults):
            faults.append(fault)
            until = max(until, fault.until)
    return sorted(faults, key=lambda fault: fault.at)


def _pause(chance: random.Random) -> float:
    return chance.choice((chance.uniform(0, 1), chance.uniform(1, 5), chance.uniform(5, 20)))


def _fault(chance: random.Random, at: float, interval: float) -> Fault:
    kind = chance.choice(tuple(Kind))
    lasts = chance.choice((chance.uniform(0.02, 1), chance.uniform(1, 5), chance.uniform(5, 15))) * interval
    match kind:
        case Kind.CLOCK:
            return Fault(kind, "", at, 0.0, chance.choice(JUMPS))
        case Kind.PART:
            return Fault(kind, "", at, lasts)
    return Fault(kind, chance.choice("ab"), at, lasts)
