"""Numbers for sealed adverts: none is used twice, over restarts and jumps of the time of day too (see `seal`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lvsctl.errors import LvsctlError

AHEAD: Final = 10**9
"""How many are written down as used before the first of them is: enough for months, so the file is hardly written."""

RETRY: Final = 1000
"""Numbers until the file is tried again."""


def microseconds() -> int:
    """Of the time of day."""
    return time.time_ns() // 1000


def no_number() -> int:
    """Where nothing is sealed."""
    return 0


class Numbers:
    """path: of the file with the first number that is certainly unused. Calling it gives the next.

    They begin at the time of day in microseconds, or at what the file says if that is more.
    """

    def __init__(self, path: Path, clock: Callable[[], int] = microseconds) -> None:
        """Raises LvsctlError where the file cannot be used."""
        self._path = path
        self._next = max(clock(), self._written())
        self._end = self._next
        self._reserve()

    def __call__(self) -> int:
        if self._next >= self._end:
            self._reserve_if_possible()
        number, self._next = self._next, self._next + 1
        return number

    def _written(self) -> int:
        try:
            return int(self._path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise LvsctlError(
                f"{self._path}: cannot tell which numbers of sealed adverts were used ({error}): remove it if the time "
                "of day is right"
            ) from error

    def _reserve_if_possible(self) -> None:
        """A disk that has become full keeps no advert from being sent."""
        try:
            self._reserve()
        except LvsctlError:
            self._end = self._next + RETRY

    def _reserve(self) -> None:
        end = self._next + AHEAD
        try:
            beside = self._path.with_name(f"{self._path.name}.new")
            beside.write_text(f"{end}\n", encoding="ascii")
            beside.replace(self._path)
        except OSError as error:
            raise LvsctlError(
                f"{self._path}: {error.strerror}: lvsctl writes the numbers of sealed adverts here"
            ) from error
        self._end = end
