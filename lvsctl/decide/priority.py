"""The priority of a director from how its services stand: what each takes from it, from when on, and for how long.

Worse counts once it has lasted `patience`, better once it has lasted `hold`, so that a service on the verge moves no
address to and fro. (Asked of keepalived in its issues 657 and 927.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from lvsctl.model import LOWEST, OWNER, Condition, Penalties, Steadiness

FREE = Penalties()
"""What a service takes of which the configuration says nothing."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How one service counts.

    condition: as it counts; seen: as it was seen last. differs: since when it has been seen worse, or better, than it
    counts, without a break; None: it counts as it is seen. Times on one clock, seconds.
    """

    condition: Condition
    seen: Condition
    differs: float | None = None


def count(
    before: Mapping[str, Counted],
    seen: Mapping[str, Condition],
    penalties: Mapping[str, Penalties],
    steadiness: Steadiness,
    now: float,
) -> Mapping[str, Counted]:
    """How services count after one more look. All mappings are by the name of the service.

    A service that is looked at for the first time counts as it is seen, at once: a director that starts among dead
    servers has no business being active for the time that they would be given otherwise. What is not in `seen` any
    more is forgotten.
    """
    return {
        name: _counted(before[name], condition, penalties.get(name, FREE), steadiness, now)
        if name in before
        else Counted(condition, condition)
        for name, condition in seen.items()
    }


def _counted(last: Counted, seen: Condition, penalties: Penalties, steadiness: Steadiness, now: float) -> Counted:
    if penalties.of(seen) == penalties.of(last.condition):
        return Counted(seen, seen)  # it costs the same
    turned = last.differs is None or _worse(last, penalties) is not _worse(Counted(last.condition, seen), penalties)
    leaning = Counted(last.condition, seen, now if turned else last.differs)
    return Counted(seen, seen) if now >= _ripe(leaning, penalties, steadiness) else leaning


def _worse(counted: Counted, penalties: Penalties) -> bool:
    return penalties.of(counted.seen) > penalties.of(counted.condition)


def _ripe(counted: Counted, penalties: Penalties, steadiness: Steadiness) -> float:
    """When what is seen counts, if it lasts; infinite if it counts already."""
    if counted.differs is None:
        return inf
    return counted.differs + (steadiness.patience if _worse(counted, penalties) else steadiness.hold)


def due(counted: Mapping[str, Counted], penalties: Mapping[str, Penalties], steadiness: Steadiness) -> float:
    """When time alone may change how a service counts; infinite if it cannot."""
    return min((_ripe(one, penalties.get(name, FREE), steadiness) for name, one in counted.items()), default=inf)


def priority(base: int, counted: Mapping[str, Counted], penalties: Mapping[str, Penalties]) -> int:
    """`base` less what each service takes: from 1 to 254.

    The owner of the addresses, 255, keeps his priority whatever happens (RFC 9568, section 5.2.4), and nobody else
    ever gets it. 0 is no priority but a farewell.
    """
    if base == OWNER:
        return OWNER
    taken = sum(penalties[name].of(one.condition) for name, one in counted.items() if name in penalties)
    return max(LOWEST, base - taken)


def reasons(counted: Mapping[str, Counted], penalties: Mapping[str, Penalties]) -> tuple[str, ...]:
    """What takes how much, for people: `service shop is down: -50`; the dearest first."""
    dear = [(penalties[name].of(one.condition), name, one) for name, one in counted.items() if name in penalties]
    dear.sort(key=lambda item: (-item[0], item[1]))
    return tuple(f"service {name} is {one.condition}: -{taken}" for taken, name, one in dear if taken)
