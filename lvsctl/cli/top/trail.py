"""How the latencies went: those of the last polls, for every server."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import TypeAlias

from lvsctl.cli.top.cells import Glyphs
from lvsctl.cli.top.seen import Seen, Server

KEPT = 40  # polls; no screen shows more

Trail: TypeAlias = tuple[float | None, ...]
"""Seconds, the newest last; None where the server was down."""

Trails: TypeAlias = Mapping[tuple[str, str], Trail]
"""By service and server."""


def follow(trails: Trails, seen: Seen) -> dict[tuple[str, str], Trail]:
    """With one more poll; servers that are gone are forgotten."""
    return {
        (service.name, server.endpoint): (
            *trails.get((service.name, server.endpoint), ())[1 - KEPT :],
            _latency(server),
        )
        for service in seen.services
        for pool in service.pools
        for server in pool.servers
        if server.latency is not None
    }


def _latency(server: Server) -> float | None:
    return None if server.health == "down" else server.latency


def spark(trail: Trail, width: int, glyphs: Glyphs) -> str:
    """The last `width` polls, one cell each. What is usual stands at half height, so that an outlier stands out and a
    steady server looks steady; the highest fills its cell."""
    shown = trail[-width:] if width > 0 else ()
    known = [latency for latency in shown if latency is not None]
    top = max(2 * median(known), *known, 1e-6) if known else 1.0
    return "".join(glyphs.failed if latency is None else _level(latency / top, glyphs.levels) for latency in shown)


def _level(share: float, levels: str) -> str:
    return levels[min(int(share * len(levels)), len(levels) - 1)]
