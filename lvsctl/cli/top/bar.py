"""A bar of connections against a threshold."""

from __future__ import annotations

from lvsctl.cli.top.cells import Glyphs, Tone

NEARLY = 0.8  # the share at which a bar turns yellow


def bar(count: int, limit: int | None, width: int, glyphs: Glyphs) -> tuple[str, Tone]:
    """`width` cells. Any connection at all shows, and only what is full looks full; blank without a limit."""
    if not limit or width <= 0:
        return " " * max(width, 0), Tone.PLAIN
    filled = min(max(round(width * count / limit), 1 if count else 0), width if count >= limit else width - 1)
    share = count / limit
    tone = Tone.BAD if share >= 1 else Tone.WARN if share >= NEARLY else Tone.GOOD
    return glyphs.full * filled + glyphs.empty * (width - filled), tone
