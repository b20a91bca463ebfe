"""What an instance has sent and heard, counted; and which of it is worth a line of the log, now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from lvsctl.model import Role
from lvsctl.pair.packet import Advert, Oddity, Refused

QUIET: Final = 60.0
"""Seconds for which one kind of trouble of an instance is not told again."""

Kind: TypeAlias = Refused | Oddity | str


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the start. refused: what came and is no advert for us. odd: taken all the same. unsent: the kernel refused.

    lost, lost_strays: what there was no room for, of what looked like adverts and of what did not; of the interface's
    whole queue, which instances of one family share.
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
    lost_strays: int = 0


class Tally:
    """Of one instance."""

    def __init__(self) -> None:
        self.refused: Counter[Refused] = Counter()
        self._odd: Counter[Oddity] = Counter()
        self._counted: Counter[str] = Counter()

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

    def counts(self, lost: int, lost_strays: int) -> Counts:
        """As they are now."""
        mappings = {"refused": dict(self.refused), "odd": dict(self._odd)}
        return Counts(**self._counted, **mappings, lost=lost, lost_strays=lost_strays)  # type: ignore[arg-type]


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
