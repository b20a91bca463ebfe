"""What an instance has sent and heard, counted; and which of it is worth a line of the log, now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from lvsctl.model import Role
from lvsctl.pair.filter import Wanted
from lvsctl.pair.packet import Advert, Oddity, Refused

if TYPE_CHECKING:
    from lvsctl.pair.port import Port

QUIET: Final = 60.0
"""Seconds for which one kind of trouble of an instance is not told again."""

Kind: TypeAlias = Refused | Oddity | str


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the start. refused: what came and is no advert for us. odd: taken all the same. unsent: the kernel refused.

    lost, lost_rest: for what of the interface there was no room in the queues, which its instances of one family share
    (see `filter`): expected adverts, and the rest.
    """

    sent: int = 0
    heard: int = 0
    zero_sent: int = 0
    zero_heard: int = 0
    became_active: int = 0
    gave_up: int = 0
    unsent: int = 0
    refused: Mapping[Refused, int] = field(default_factory=dict)
    odd: Mapping[Oddity, int] = field(default_factory=dict)
    lost: int = 0
    lost_rest: int = 0


class Tally:
    """Of one instance."""

    def __init__(self) -> None:
        self.refused: Counter[Refused] = Counter()
        self._odd: Counter[Oddity] = Counter()
        self._counted: Counter[str] = Counter()
        self._lost: Counter[Wanted] = Counter()

    def sent(self, priority: int) -> None:
        self._counted["sent"] += 1
        self._counted["zero_sent"] += priority == 0

    def heard(self, advert: Advert) -> None:
        self._counted["heard"] += 1
        self._counted["zero_heard"] += advert.priority == 0
        self._odd.update(advert.oddities)

    def unsent(self) -> None:
        self._counted["unsent"] += 1

    def became(self, role: Role | None, previous: Role | None) -> None:
        self._counted["became_active"] += role is Role.ACTIVE
        self._counted["gave_up"] += previous is Role.ACTIVE

    def closing(self, port: Port) -> None:
        """What it has lost is kept."""
        for wanted in Wanted:
            self._lost[wanted] += port.lost(wanted)

    def counts(self, port: Port | None) -> Counts:
        """As they are now. port: the one that is open."""
        lost = {wanted: self._lost[wanted] + (port.lost(wanted) if port else 0) for wanted in Wanted}
        return Counts(
            **self._counted,
            refused=dict(self.refused),
            odd=dict(self._odd),
            lost=lost[Wanted.EXPECTED],
            lost_rest=lost[Wanted.REST],
        )


class Seldom:
    """Each kind of trouble at once when it is new, and then at most once in QUIET seconds."""

    def __init__(self) -> None:
        self._told: dict[Kind, float] = {}
        self._since: Counter[Kind] = Counter()

    def worth_telling(self, kind: Kind, now: float) -> int:
        """How often it was so since it was last told, this time included; 0: not now."""
        self._since[kind] += 1
        if now - self._told.get(kind, -QUIET) < QUIET:
            return 0
        self._told[kind] = now
        return self._since.pop(kind)
