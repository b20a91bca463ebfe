"""Lines of the screen -> what a terminal is sent: only what has changed, in the colours that it has."""

from __future__ import annotations

from collections.abc import Sequence

from rich.color import ColorSystem
from rich.style import Style

from lvsctl.cli.top.cells import Line, Tone

_STYLES = {  # the eight colours that every terminal has in its own shades; never the only sign of anything
    Tone.PLAIN: Style.null(),
    Tone.FAINT: Style(dim=True),
    Tone.STRONG: Style(bold=True),
    Tone.GOOD: Style(color="green"),
    Tone.WARN: Style(color="yellow"),
    Tone.BAD: Style(color="red", bold=True),
    Tone.HEAD: Style(reverse=True),
}
_CHOSEN = Style(reverse=True, dim=False)
_CLEAR = "\x1b[0m\x1b[2J"


class Painter:
    """Remembers what is on the screen."""

    def __init__(self, *, coloured: bool) -> None:
        self._styles = {tone: style if coloured else style.without_color for tone, style in _STYLES.items()}
        self._before: Sequence[Line] = ()

    def paint(self, lines: Sequence[Line], *, anew: bool = False) -> str:
        """What changes the screen into these lines. anew: whatever may be on it."""
        whole = anew or len(lines) != len(self._before)
        before: Sequence[Line | None] = [None] * len(lines) if whole else self._before
        self._before = tuple(lines)
        changed = (
            f"\x1b[{number};1H{self._line(now)}"
            for number, (now, then) in enumerate(zip(lines, before, strict=True), 1)
            if now != then
        )
        return (_CLEAR if whole else "") + "".join(changed)

    def _line(self, line: Line) -> str:
        return "".join(self._span(text, tone, chosen=line.chosen) for text, tone in line.spans)

    def _span(self, text: str, tone: Tone, *, chosen: bool) -> str:
        style = self._styles[tone] + _CHOSEN if chosen else self._styles[tone]
        return style.render(text, color_system=ColorSystem.STANDARD)
