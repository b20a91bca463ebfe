"""What an operator has said against the configuration, for a while: drain, disable, weight."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from lvsctl.model.table import Address, endpoint


class Action(StrEnum):
    """DRAIN: weight 0, connections may finish. DISABLE: out of the table. WEIGHT: another weight than configured."""

    DRAIN = "drain"
    DISABLE = "disable"
    WEIGHT = "weight"


@dataclass(frozen=True, slots=True)
class ServerSubject:
    """A real server: in one service, or with None in every service that has it. port: None for all its ports."""

    service: str | None
    address: Address
    port: int | None

    def __str__(self) -> str:
        server = str(self.address) if self.port is None else endpoint(self.address, self.port)
        return server if self.service is None else f"{self.service}/{server}"


@dataclass(frozen=True, slots=True)
class PoolSubject:
    """Every server of one pool."""

    service: str
    pool: str

    def __str__(self) -> str:
        return f"{self.service}/{self.pool}"


OverrideSubject: TypeAlias = ServerSubject | PoolSubject


@dataclass(frozen=True, slots=True)
class NewWeight:
    """A weight, or a share of the configured one in percent; a positive one never becomes 0."""

    value: int
    percent: bool = False

    def of(self, configured: int) -> int:
        """The weight in place of the configured one."""
        if not self.percent:
            return self.value
        scaled = round(configured * self.value / 100)
        return max(scaled, 1) if configured and self.value else scaled

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)


@dataclass(frozen=True, slots=True)
class Override:
    """One order of an operator. by: who, e.g. "alice (uid 1000)". since, until: Unix time; until None: for good.

    weight: for Action.WEIGHT, else None. reason: "" where none was given.
    """

    subject: OverrideSubject
    action: Action
    by: str
    reason: str
    since: float
    until: float | None = None
    weight: NewWeight | None = None


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Which of two words about one subject is the later; no two words about one have the same.

    counter: greater than that of every word that its director knew. origin: the director that said it, as long as it
    ran: it decides where two directors spoke without hearing one another.
    """

    counter: int
    origin: str


@dataclass(frozen=True, slots=True)
class Word:
    """The last that was said of a subject, on whichever director of a pair.

    order: what was ordered, None: what had been ordered was ended. by: who ended it, "" where its time was over or
    nobody did. at: Unix time of that, or of the order. director: the host on which it was said.
    """

    subject: OverrideSubject
    stamp: Stamp
    order: Override | None
    at: float
    by: str = ""
    director: str = ""
