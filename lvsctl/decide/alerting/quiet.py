"""Whether a moment lies in quiet hours, and when these end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from lvsctl.model import Quiet

_LOOKED_AHEAD = 31 * 86400.0
"""Seconds: hours that follow each other without a gap are quiet for good, and are looked at again so much later."""


def quiet_until(periods: Iterable[Quiet], now: float) -> float | None:
    """The end of the quiet hours that `now` lies in, those that follow without a gap included; None if it is not quiet.

    now: Unix time.
    """
    many = tuple(periods)
    end = now
    while end - now < _LOOKED_AHEAD:
        later = max((until for one in many if (until := _until(one, end)) is not None), default=None)
        if later is None:
            break
        end = later
    return end if end > now else None


def _until(period: Quiet, now: float) -> float | None:
    return next((end for begin, end in _around(period, now) if begin <= now < end), None)


def _around(period: Quiet, now: float) -> Iterator[tuple[float, float]]:
    """The periods that start today or started yesterday, in Unix time: the clock of the place may be set in between."""
    today = datetime.fromtimestamp(now, period.zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    for day in (today, today - timedelta(days=1)):
        if day.weekday() in period.days:
            last = day if period.end > period.start else day + timedelta(days=1)
            yield (
                (day + timedelta(minutes=period.start)).timestamp(),
                (last + timedelta(minutes=period.end)).timestamp(),
            )
