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
    """What befalls a director: all of its processes, the one that speaks VRRP alone, or the daemon without that one.

    KILL: kill -9 of all, and a start afterwards. ORPHAN: of the daemon. MUTE: of its speaker, which it begins anew.
    FREEZE: SIGSTOP to SIGCONT, all. STUN: the daemon. PART: neither hears the other. DEAFEN: it hears no adverts, its
    own are heard. UNPLUG: no carrier. CLOCK: the time of day is another, for both, and stays so.
    """

    KILL = "kill"
    ORPHAN = "orphan"
    MUTE = "mute"
    FREEZE = "freeze"
    STUN = "stun"
    PART = "part"
    DEAFEN = "deafen"
    UNPLUG = "unplug"
    CLOCK = "clock"


PROCESS: Final = frozenset({Kind.KILL, Kind.ORPHAN, Kind.MUTE, Kind.FREEZE, Kind.STUN})
STARTING: Final = 10.0
"""Seconds that a director may wait for its table to be proven before it takes part (see `lvsctl.daemon.pairing`)."""


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
        return ("process" if self.kind in PROCESS else self.kind, self.who)

    def follows(self, other: Fault) -> bool:
        """Whether it can be after that one. Who is to be stunned, or lose its speaker, has to have one first."""
        begins = other.kind in (Kind.KILL, Kind.ORPHAN, Kind.MUTE) and self.kind in (Kind.STUN, Kind.MUTE)
        return self.touches != other.touches or other.until + (STARTING if begins else 0.0) < self.at


def misfortunes(seed: int, interval: float, count: int = COUNT) -> list[Fault]:
    """In the order of time. interval: between adverts, by which their lengths go.

    Every third begins while others last; before the rest there is a pause, too short for a takeover or long enough.
    """
    chance, faults = random.Random(seed), list[Fault]()
    at, until = 0.0, 0.0
    while len(faults) < count:
        at = at + chance.uniform(0, 4) * interval if chance.random() < 1 / 3 else until + _pause(chance) * interval
        fault = _fault(chance, at, interval)
        if all(fault.follows(other) for other in faults):
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
        case Kind.MUTE:
            lasts = 0.0  # another one is begun at once
    return Fault(kind, chance.choice("ab"), at, lasts)
