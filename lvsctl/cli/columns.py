"""Text for people: aligned columns, greppable, without drawn boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

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
    widths = [max((len(row[column]) for row in table if column < len(row)), default=0) for column in range(columns)]
    lines = [row if isinstance(row, str) else _cut(_line(row, widths, right), width) for row in shown]
    return "".join(f"{line}\n" for line in lines)


def _line(cells: list[str], widths: list[int], right: frozenset[int]) -> str:
    padded = (
        cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])
        for column, cell in enumerate(cells)
    )
    return "  ".join(padded).rstrip()


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else line[: width - 1] + "…"


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
