"""All that a screen is made from, apart from how the operator looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from lvsctl.cli.top.seen import Happening, Seen
from lvsctl.cli.top.trail import Trails, follow

KEPT = 100  # events


@dataclass(frozen=True, slots=True)
class Scene:
    """interval: seconds from an answer to the next question. zone: for the times of day; None: that of the process.

    seen: None before the first answer, which came at `answered`, Unix time, as the newest did. happened: the newest
    last. failure: why the newest question was not answered, "" if it was.
    """

    host: str
    zone: tzinfo | None
    interval: float
    seen: Seen | None = None
    trails: Trails | None = None
    happened: tuple[Happening, ...] = ()
    answered: float | None = None
    failure: str = ""


def answered(scene: Scene, seen: Seen, news: Sequence[Happening], now: float) -> Scene:
    """The scene after an answer. news: events since the one before."""
    same = scene.seen is not None and scene.seen.incarnation == seen.incarnation
    before = scene.happened if same else _without(scene.happened, news)
    happened = (*before, *news)[-KEPT:]
    trails = follow(scene.trails or {}, seen)
    return replace(scene, seen=seen, trails=trails, happened=happened, answered=now, failure="")


def _without(before: Sequence[Happening], news: Sequence[Happening]) -> tuple[Happening, ...]:
    """A daemon that was started between two questions may have told its first events already, once by mistake."""
    again = {(event.at, event.event, event.where) for event in news}
    return tuple(event for event in before if (event.at, event.event, event.where) not in again)


def unanswered(scene: Scene, why: str) -> Scene:
    """The scene after a question that nobody answered: what was seen last stays, and is said to be old."""
    return replace(scene, failure=why)
