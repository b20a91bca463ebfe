"""What there is to show of the other director."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lvsctl.model.pair import Role


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A server that one director sees up and the other down. here: what this director sees."""

    service: str
    server: str
    here: bool

    def __str__(self) -> str:
        mine, theirs = ("up", "down") if self.here else ("down", "up")
        return f"{self.service}/{self.server} is {mine} here and {theirs} at the peer"


@dataclass(frozen=True, slots=True)
class InstanceStanding:
    """How a director stands in one instance of the pair. role: None while nobody knows. priority: 0 likewise."""

    name: str
    role: Role | None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class PeerView:
    """The other director, as it was heard last, and how its opinion compares with ours.

    address: where it is asked. heard: seconds since its last answer, None: never yet. lost: why it does not count now,
    "" while it does. version: of its lvsctl. blind: why it does not trust its own eyes, "" if it does. instances: how
    it stands in each. services: how each of its services stands there, a ServiceState's word or `spilling`.
    disagreements: now; differing: those of them that the pace of the checks no longer explains. here, there: how many
    of the `common` servers, that both have a verdict of, each sees up. lowering, why: what is taken from our priority,
    and the reason. deaf: why the peer cannot ask us, "" if it can. skew: seconds by which our time of day is ahead of
    its. counts: what was asked and answered, or refused, since the start.
    """

    address: str
    heard: float | None = None
    lost: str = ""
    version: str = ""
    blind: str = ""
    instances: tuple[InstanceStanding, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict)
    disagreements: tuple[Disagreement, ...] = ()
    differing: tuple[Disagreement, ...] = ()
    here: int = 0
    there: int = 0
    common: int = 0
    lowering: int = 0
    why: str = ""
    deaf: str = ""
    skew: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
