"""The time of day of moments on the event loop's clock."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP = 0.5
"""Seconds: less is the noise of reading two clocks one after the other, more is somebody who set the time of day."""


class Clock:
    """Two clocks: `now` never jumps, and is what durations are measured on; `at` tells the time of day.

    Their distance is measured once and kept, so that one moment is told alike however often it is told. NTP slews both
    alike; where the time of day is set, the distance is measured anew.

    now: seconds on the event loop's clock. today: Unix time.
    """

    def __init__(self, now: Callable[[], float], today: Callable[[], float] = time.time) -> None:
        self.now = now
        self._today = today
        self._distance = today() - now()

    def at(self, moment: float) -> float:
        """Unix time of a moment on `now`'s clock."""
        distance = self._today() - self.now()
        if abs(distance - self._distance) > STEP:
            self._distance = distance
        return moment + self._distance

    def moment(self, at: float) -> float:
        """The moment on `now`'s clock of a Unix time: the inverse of `at`."""
        return at - self.at(0.0)
