"""How the operator looks at it: what is sorted, filtered, folded and chosen, and what is being asked of him."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Ident: TypeAlias = tuple[str, ...]
"""What a row is about: (service,), (service, pool) or (service, pool, server)."""


class Sort(StrEnum):
    """By what services and the servers of a pool are ordered; pools stay in order of priority."""

    TROUBLE = "trouble"
    CONFIGURED = "conf.d"
    NAME = "name"
    LOAD = "load"
    CONNECTIONS = "connections"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Drain:
    """Weight 0 for a server or a pool. seconds: None for good. force: although nobody would serve then."""

    subject: str
    reason: str = ""
    seconds: float | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Undrain:
    """End what operators have ordered of the subject. servers: those meant, as (service, address and port).

    force: the subject is of more than what was chosen, as an order for all services of a server.
    """

    subject: str
    servers: tuple[tuple[str, str], ...]
    force: bool = False


@dataclass(frozen=True, slots=True)
class Refresh:
    """Ask the daemon now."""


@dataclass(frozen=True, slots=True)
class Quit:
    """End the program."""


Wish: TypeAlias = Drain | Undrain | Refresh | Quit


@dataclass(frozen=True, slots=True)
class Browsing:
    """The keys move and choose."""


@dataclass(frozen=True, slots=True)
class Helping:
    """The help is on the screen."""


@dataclass(frozen=True, slots=True)
class Filtering:
    """The filter is being typed and already holds. before: what Esc brings back."""

    before: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The reason for a drain is being typed."""

    drain: Drain
    text: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to drain is being typed. mistake: what is wrong with what was typed, "" if nothing."""

    drain: Drain
    text: str = ""
    mistake: str = ""


@dataclass(frozen=True, slots=True)
class Confirming:
    """Only y does it, or what was refused only F: who types y twice has not forced anything."""

    wish: Drain | Undrain
    question: str

    @property
    def key(self) -> str:
        """The key that does it."""
        return "F" if self.wish.force else "y"


Mode: TypeAlias = Browsing | Helping | Filtering | Reasoning | Timing | Confirming


@dataclass(frozen=True, slots=True)
class Message:
    """What came of a wish, until the next key."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """cursor: the chosen row, None for the first whatever it is. at: where it was last; top: the first row shown.

    opened: whether services are open unless `turned` over; None: open if there are few.
    """

    sort: Sort = Sort.TROUBLE
    backwards: bool = False
    filter: str = ""
    opened: bool | None = None
    turned: frozenset[str] = frozenset()
    cursor: Ident | None = None
    at: int = 0
    top: int = 0
    mode: Mode = Browsing()
    message: Message | None = None
