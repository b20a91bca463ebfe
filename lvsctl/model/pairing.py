"""What the health of services and the view of the other director have to say about who of a pair should be active."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OWNER = 255
"""The priority of who owns the virtual addresses (RFC 9568, section 5.2.4)."""

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


@dataclass(frozen=True, slots=True)
class Digest:
    """One director's verdicts, as it tells them to the other.

    at: when it was made, on the reader's own clock once it has arrived. blind: why this director does not trust its own
    eyes, "" if it does. verdicts: by service and server, as text that is equal on both (`shop`, `192.0.2.21:80`):
    whether the server is up; only those that every check has spoken of.
    """

    at: float
    blind: str = ""
    verdicts: Mapping[tuple[str, str], bool] = field(default_factory=dict)
