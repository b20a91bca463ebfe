"""Cells of a terminal: text that is safe to show, cut and padded to a number of cells; lines of such text in tones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from rich.cells import get_character_cell_size


class Tone(StrEnum):
    """What a piece of text means; how that looks is the terminal's business."""

    PLAIN = "plain"
    FAINT = "faint"
    STRONG = "strong"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    HEAD = "head"


Span: TypeAlias = tuple[str, Tone]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the screen. chosen: the line that the keys act on."""

    spans: tuple[Span, ...] = ()
    chosen: bool = False

    @property
    def text(self) -> str:
        """As it is read, without the blanks at its end."""
        return "".join(text for text, _ in self.spans).rstrip()


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters to draw with. unicode: whether the terminal shows more than ASCII."""

    unicode: bool
    full: str
    empty: str
    levels: str
    failed: str
    more: str
    opened: str
    closed: str
    rule: str

    def safe(self, text: str) -> str:
        """The text without what a terminal would obey, and without characters of no width of their own: what others
        made must neither steer the terminal nor shift a column."""
        if text.isascii() and text.isprintable():
            return text
        return "".join(c if self._harmless(c) else _escaped(c) for c in text)

    def _harmless(self, c: str) -> bool:
        return c.isprintable() and (c.isascii() or (self.unicode and get_character_cell_size(c) > 0))

    def cut(self, text: str, width: int) -> str:
        """At most `width` cells, with a mark where something was cut off the end."""
        text = self.safe(text)
        if cells(text) <= width:
            return text
        return _head(text, width - 1) + self.more if width > 0 else ""

    def squeeze(self, text: str, width: int) -> str:
        """At most `width` cells, cut in the middle: of a long address it is the end that tells it from others."""
        text = self.safe(text)
        if cells(text) <= width:
            return text
        left = (width - 1) // 2
        tail = _head(text[::-1], width - 1 - left)[::-1]
        return _head(text, left) + self.more + tail if width > 0 else ""

    def fit(self, text: str, width: int, *, right: bool = False) -> str:
        """Exactly `width` cells."""
        text = self.cut(text, width)
        blank = " " * (width - cells(text))
        return blank + text if right else text + blank

    def wrap(self, text: str, width: int, most: int) -> list[str]:
        """At most `most` lines, broken at blanks where there are any; the last is cut if it does not all fit."""
        rest, lines = self.safe(text), list[str]()
        while rest and len(lines) < most - 1 and cells(rest) > width > 0:
            head = _head(rest, width)
            blank = head.rfind(" ") if rest[len(head) : len(head) + 1] != " " else len(head)
            end = blank if blank > 0 else len(head)
            lines.append(rest[:end].rstrip())
            rest = rest[end:].lstrip()
        return [*lines, self.cut(rest, width)] if rest else lines


UNICODE = Glyphs(True, "█", "░", "▁▂▃▄▅▆▇█", "x", "…", "▾", "▸", "─")
ASCII = Glyphs(False, "#", "-", "_.:-=+*#", "x", "~", "v", ">", "-")


def cells(text: str) -> int:
    """How many cells the text takes."""
    return len(text) if text.isascii() else sum(map(get_character_cell_size, text))


def _head(text: str, width: int) -> str:
    """As much of the beginning as fits."""
    if text.isascii():
        return text[: max(width, 0)]
    used = 0
    for index, c in enumerate(text):
        used += get_character_cell_size(c)
        if used > width:
            return text[:index]
    return text


def _escaped(c: str) -> str:
    return c.encode("unicode_escape", "backslashreplace").decode("ascii")


def line(glyphs: Glyphs, width: int, spans: Iterable[Span], *, chosen: bool = False) -> Line:
    """The spans one after the other, cut at `width` cells and padded to it."""
    kept, left = list[Span](), width
    for text, tone in spans:
        shown = glyphs.cut(text, left)
        left -= cells(shown)
        if shown:
            kept.append((shown, tone))
    return Line((*kept, (" " * left, Tone.PLAIN)), chosen)
