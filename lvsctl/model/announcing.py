"""How often a director that became active tells the network where its addresses are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Announcing:
    """Bursts of announcements; the defaults are keepalived's, but for the limits, of which it has none.

    count: of each address in a burst. repeat_after: seconds from the first burst to the second, 0 for no second one.
    refresh: seconds from each burst after that to the next, 0 for none, with `refresh_count` of each address.

    at_once: frames sent without a pause on one interface, of at least `pause` seconds; a burst begins with one frame of
    every address, and only then comes the second of any.
    """

    count: int = 5
    repeat_after: float = 5.0
    refresh: float = 0.0
    refresh_count: int = 1
    at_once: int = 100
    pause: float = 0.01
