"""Whether a receiver takes what it is given, and when somebody is to hear that it does not."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from lvsctl.events import DeliveryFailed, DeliveryRecovered, Event


class _Kind(Enum):
    LATER = auto()
    REFUSED = auto()
    LOST = auto()
    UNSAVED = auto()
    UNUSABLE = auto()


PATIENCE = 10.0
"""Seconds of failing until it is told: what works at the second or third attempt is no news."""


class Trouble:
    """Told when it begins and when it is over; a refusal or a loss at once, since somebody is not told of something.

    now: seconds on a clock that never jumps. since: the moment at which it began, None while all is well.
    """

    def __init__(self, receiver: str, tell: Callable[[Event], None], now: Callable[[], float]) -> None:
        self.since: float | None = None
        self.why = ""
        self._receiver = receiver
        self._tell = tell
        self._now = now
        self._told: set[_Kind] = set()
        self._lost = 0
        self._unsaved = False
        self._failing = False

    def later(self, why: str, waiting: int) -> None:
        """An attempt failed; it will be tried again."""
        self._failing = True
        if self._now() - self._begun(why) >= PATIENCE:
            self._say(_Kind.LATER, why, waiting)

    def refused(self, why: str, waiting: int) -> None:
        """A notification was refused for good."""
        self._failing = True
        self._begun(why)
        self._say(_Kind.REFUSED, why, waiting)

    def lost(self, count: int, why: str, waiting: int) -> None:
        """Notifications were dropped: nobody is told of them."""
        self._failing = True
        noun = "notification is" if count == 1 else "notifications are"
        cause = f" ({self.why})" if self.why else ""
        self._begun(self.why or why)
        self._lost += count
        self._say(_Kind.LOST, f"{count} {noun} lost: {why}{cause}", waiting)

    def unusable(self, why: str, waiting: int) -> None:
        """It cannot be tried at all."""
        self._failing = True
        self._begun(why)
        self._say(_Kind.UNUSABLE, why, waiting)

    def unsaved(self, why: str, waiting: int) -> None:
        """The queue cannot be kept on disk."""
        self._unsaved = True
        self._begun(why)
        self._say(_Kind.UNSAVED, why, waiting)

    def saved(self) -> None:
        """The queue is on disk."""
        self._unsaved = False
        self._maybe_over()

    def over(self) -> None:
        """It took what it was given."""
        self._failing = False
        self._maybe_over()

    def _maybe_over(self) -> None:
        if self._failing or self._unsaved or self.since is None:
            return
        if self._told:
            self._tell(DeliveryRecovered(self._receiver, self._now() - self.since, self._lost))
        self.since, self.why, self._lost = None, "", 0
        self._told.clear()

    def _begun(self, why: str) -> float:
        self.since = self._now() if self.since is None else self.since
        self.why = why
        return self.since

    def _say(self, kind: _Kind, why: str, waiting: int) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._tell(DeliveryFailed(self._receiver, why, waiting))
