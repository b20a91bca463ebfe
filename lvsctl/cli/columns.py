"""Text for people: aligned columns, greppable, without drawn boxes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeAlias
from unicodedata import category, east_asian_width

Row: TypeAlias = Sequence[str] | str
"""Cells; or a line that stands as it is."""


def align(rows: Sequence[Row], *, right: frozenset[int] = frozenset(), width: int | None = None) -> str:
    """The rows as lines, cells two spaces apart. right: columns whose cells are flushed right. width: cut rows of cells
    there; other lines are never cut.

    What comes from the network is printed by way of this: nothing that a terminal would obey gets through.
    """
    shown = [printable(row) if isinstance(row, str) else [printable(cell) for cell in row] for row in rows]
    table = [row for row in shown if not isinstance(row, str)]
    columns = max(map(len, table), default=0)
    widths = [max((cells(row[column]) for row in table if column < len(row)), default=0) for column in range(columns)]
    lines = [row if isinstance(row, str) else _line(row, widths, right) for row in shown]
    if width is not None:
        lines = [row if isinstance(row, str) else cut(line, width) for row, line in zip(shown, lines, strict=True)]
    return "".join(f"{line}\n" for line in lines)


def _line(row: Sequence[str], widths: list[int], right: frozenset[int]) -> str:
    padded = list[str]()
    for column, cell in enumerate(row):
        blank = " " * (widths[column] - cells(cell))
        padded.append(blank + cell if column in right else cell + blank)
    return "  ".join(padded).rstrip()


def terminal_width() -> int | None:
    """In cells; None where the output is no terminal: then nothing is cut."""
    from shutil import get_terminal_size  # noqa: PLC0415

    return get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else None


def cells(text: str) -> int:
    """How many cells of a terminal the text takes, by what Unicode says of its characters."""
    return len(text) if text.isascii() else sum(map(_cell, text))


def _cell(c: str) -> int:
    return 0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "FW" else 1


def cut(line: str, width: int) -> str:
    """At most `width` cells of it, with a mark where something was cut off."""
    used = fitting = 0
    for end, c in enumerate(line, 1):
        used += 1 if c.isascii() else _cell(c)
        if used > width:
            return f"{line[:fitting]}…" if width > 0 else ""
        fitting = end if used < width else fitting
    return line


def printable(text: str) -> str:
    """The text without what could break out of its line or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text
    )


def counted(number: int, thing: str) -> str:
    """`1 server`, `2 servers`."""
    return f"{number} {thing}" + ("" if number == 1 else "s")
