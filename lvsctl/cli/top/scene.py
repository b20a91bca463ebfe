"""All that a screen is made from, apart from how the operator looks at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TypeAlias

from lvsctl.cli.top.seen import Happening, Seen, Server

EVENTS = 100  # kept
POLLS = 40  # whose latencies are kept; no screen shows more

Trail: TypeAlias = tuple[float | None, ...]
"""Seconds, the newest last; None where the server was down."""

Trails: TypeAlias = Mapping[tuple[str, str], Trail]
"""How the latencies went, by service and server."""


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
    happened = (*before, *news)[-EVENTS:]
    trails = follow(scene.trails or {}, seen)
    return replace(scene, seen=seen, trails=trails, happened=happened, answered=now, failure="")


def _without(before: Sequence[Happening], news: Sequence[Happening]) -> tuple[Happening, ...]:
    """A daemon that was started between two questions may have told its first events already, once by mistake."""
    again = {(event.at, event.event, event.where) for event in news}
    return tuple(event for event in before if (event.at, event.event, event.where) not in again)


def unanswered(scene: Scene, why: str) -> Scene:
    """The scene after a question that nobody answered: what was seen last stays, and is said to be old."""
    return replace(scene, failure=why)


def follow(trails: Trails, seen: Seen) -> dict[tuple[str, str], Trail]:
    """With one more poll; servers that are gone are forgotten."""
    return {
        (service.name, server.endpoint): (
            *trails.get((service.name, server.endpoint), ())[1 - POLLS :],
            _latency(server),
        )
        for service in seen.services
        for pool in service.pools
        for server in pool.servers
        if server.latency is not None
    }


def _latency(server: Server) -> float | None:
    return None if server.health == "down" else server.latency
