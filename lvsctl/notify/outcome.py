"""What became of one attempt to tell a receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Taken:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Later:
    """It may take it another time. why: for people, without secrets. after: seconds that the receiver asks for.

    alone: this says nothing about the other parts of the same notification.
    """

    why: str
    after: float | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never take it. gone: it wants to hear of nothing any more."""

    why: str
    gone: bool = False


Outcome: TypeAlias = Taken | Later | Refused
