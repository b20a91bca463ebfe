"""A file's plain values, and where in the file each of them stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from lvsctl.model import Problem, Severity

Path: TypeAlias = tuple[str | int, ...]
"""From the root to a value: keys of mappings and indexes of lists."""


class Mark(NamedTuple):
    """Where a value stands, from 1. A collection is pointed at by its key, a scalar by itself."""

    key: tuple[int, int]
    value: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read. data: dicts with text keys, lists, str, int, float, bool and None, as the operator wrote them."""

    file: str
    data: Any
    marks: dict[Path, Mark]

    def at(self, *path: str | int) -> Place:
        return Place(self, path)


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a document, for saying what is wrong with it."""

    document: Document
    path: Path = ()

    def at(self, *path: str | int) -> Place:
        return Place(self.document, self.path + path)

    def within(self, key: str) -> Place:
        """The value of `key` if it is written here, else this: for values that may have come from a shorter form."""
        value = self.value
        return self.at(key) if isinstance(value, dict) and key in value else self

    @property
    def value(self) -> Any:
        """What the operator wrote here, or None if nothing."""
        value = self.document.data
        for part in self.path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def position(self, *, key: bool = False) -> tuple[int, int]:
        """Line and column, of the key if so asked; of the nearest value around it if this one is not written."""
        path = self.path
        while path and path not in self.document.marks:
            path = path[:-1]
        mark = self.document.marks.get(path, Mark((1, 1), (1, 1)))
        pointed_by_key = key or isinstance(Place(self.document, path).value, dict | list)
        return mark.key if pointed_by_key else mark.value

    def problem(self, message: str, *, key: bool = False, severity: Severity = Severity.ERROR) -> Problem:
        line, column = self.position(key=key)
        return Problem(self.document.file, line, column, str_path(self.path), one_line(message), severity)

    def __str__(self) -> str:
        """`file:line:column` of its key, for naming a second place in a message."""
        line, column = self.position(key=True)
        return f"{self.document.file}:{line}:{column}"


def str_path(path: Path) -> str:
    """`services.shop.servers.0`."""
    return ".".join(one_line(shown(part)) for part in path)


def one_line(text: str) -> str:
    """The text without anything that could break out of its line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def shown(value: object, limit: int = 60) -> str:
    """A value as an operator would recognise it, cut to a length that fits a line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
    text = str(value)
    return text if len(text) <= limit else text[:limit] + "…"
