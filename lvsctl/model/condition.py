"""How services stand, as far as the choice of a director goes, and what that takes from its priority."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LOWEST = 1
"""The lowest priority of who still takes part."""


class Condition(StrEnum):
    """How a service stands, as far as the choice of a director goes.

    DEGRADED: a server of its first pool is down. SPILLING: new connections go to a lower pool. DOWN: nobody serves.
    """

    OK = "ok"
    DEGRADED = "degraded"
    SPILLING = "spilling"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Penalties:
    """What a service takes from its director's priority in each condition; 0 for nothing."""

    degraded: int = 0
    spilling: int = 0
    down: int = 0

    def of(self, condition: Condition) -> int:
        """What is taken now."""
        match condition:
            case Condition.DEGRADED:
                return self.degraded
            case Condition.SPILLING:
                return self.spilling
            case Condition.DOWN:
                return self.down
            case Condition.OK:
                return 0


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Seconds for which a service must be seen worse (patience), or better (hold), before it counts so."""

    patience: float = 0.0
    hold: float = 30.0
