"""Compose one YAML 1.2 document into plain values with the position of every one.

PyYAML's C parser supplies the events; composing them is done here, because its own composer follows YAML 1.1 (`off`
is false, `12:30` is 750), lets the last of two equal keys win, and recurses in C as deep as the file tells it to.
Plain scalars are resolved by the core schema of YAML 1.2.2, section 10.3.2; keys are always text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from lvsctl.config.document import Document, Mark, Path, Place, shown
from lvsctl.errors import ConfigError
from lvsctl.model import Problem

MAX_DEPTH = 40
MAX_VALUES = 200_000  # aliases counted as often as they are used

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CORE = "tag:yaml.org,2002:"
_TAGS: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}
_BARE_IPV6_PORT = re.compile(r"(^|[\s,\[])\[[0-9a-fA-F:.]+\]:\d")


def compose(file: str, text: str) -> tuple[Document, list[Problem]]:
    """The document in `text` (its data is None if there is none) and the problems that leave the rest readable.

    Raises ConfigError when there is no reading on: malformed YAML, nesting or repetition beyond sense, a second
    document.
    """
    composer = _Composer(file)
    try:
        return composer.document(yaml.parse(text, Loader=_PARSER)), composer.problems
    except yaml.MarkedYAMLError as error:
        raise ConfigError([*composer.problems, _malformed(file, text, error)]) from error
    except yaml.reader.ReaderError as error:
        line, column = text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position)
        message = "a control character stands here: remove it; a configuration is a text file"
        raise ConfigError([*composer.problems, Problem(file, line, column, "", message)]) from error


def resolve(text: str) -> Any:
    """The value of a plain scalar by the core schema."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


@dataclass(slots=True)
class _Anchor:
    """What `&name` stands for. values and depth: what an alias to it adds; value is set when it is complete."""

    value: Any = None
    values: int = 0
    depth: int = 0
    complete: bool = False


class _Composer:
    """One pass over the events of one file."""

    def __init__(self, file: str) -> None:
        self.marks: dict[Path, Mark] = {}
        self.problems: list[Problem] = []
        self._document = Document(file, None, self.marks)
        self._anchors: dict[str, _Anchor] = {}
        self._values = 0
        self._deepest = 0

    def document(self, events: Iterator[yaml.Event]) -> Document:
        data = None
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if self.marks:
                self._stop((), event, "a second document starts here: one document a file, no `---` after the first")
            data = self._value(events, next(events), (), None)
        return Document(self._document.file, data, self.marks)

    def _value(self, events: Iterator[yaml.Event], event: yaml.Event, path: Path, key: yaml.Event | None) -> Any:
        """The value that starts with `event`. The first to stand at a path is the one that is remembered there."""
        self.marks.setdefault(path, Mark(_position(key or event), _position(event)))
        self._count(path, event, values=1, depth=len(path))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        name = getattr(event, "anchor", None)
        if name is None:
            return self._content(events, event, path)
        return self._anchored(events, event, path, name)

    def _content(self, events: Iterator[yaml.Event], event: yaml.Event, path: Path) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        self._check_tag(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        return self._sequence(events, path)

    def _mapping(self, events: Iterator[yaml.Event], path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(events, event, path)
            known = key in mapping
            if key is not None and known:
                first = Place(self._document, (*path, key)).position(key=True)
                self._complain((*path, key), event, f"the key `{shown(key)}` is already in line {first[0]}: remove one")
            value = self._value(events, next(events), (*path, "?" if key is None else key), event)
            if key is not None and not known:
                mapping[key] = value
        return mapping

    def _key(self, events: Iterator[yaml.Event], event: yaml.Event, path: Path) -> str | None:
        """The text of a key, or None for one that cannot be used (which is said)."""
        if not isinstance(event, yaml.ScalarEvent):
            self._complain(path, event, "a key must be plain text (an IPv6 address in brackets needs quotes)")
            self._value(events, event, (*path, "?"), event)
            return None
        if event.value == "<<" and event.implicit[0]:
            self._complain(path, event, "merge keys (`<<`) are not YAML 1.2: write the keys out, or use `defaults:`")
            return None
        return str(event.value)

    def _sequence(self, events: Iterator[yaml.Event], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._value(events, event, (*path, len(items)), None))
        return items

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        plain, quoted = event.implicit
        if event.tag == "!" or (quoted and not plain):
            return event.value
        if plain:
            return resolve(event.value)
        wanted = _TAGS.get(str(event.tag).removeprefix(_CORE))
        if wanted is str:
            return event.value
        value = resolve(event.value)
        if wanted is None or type(value) is not wanted:
            self._complain(path, event, f"the tag `{shown(event.tag)}` cannot be used here: leave it out")
        return value

    def _check_tag(self, event: yaml.Event, path: Path) -> None:
        tag = getattr(event, "tag", None)
        expected = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        if tag not in (None, "!", _CORE + expected):
            self._complain(path, event, f"the tag `{shown(tag)}` cannot be used here: leave it out")

    def _anchored(self, events: Iterator[yaml.Event], event: yaml.Event, path: Path, name: str) -> Any:
        anchor = self._anchors[name] = _Anchor()
        before, self._deepest, outer = self._values, len(path), self._deepest
        anchor.value = self._content(events, event, path)
        anchor.values, anchor.depth = self._values - before + 1, self._deepest - len(path)
        self._deepest = max(outer, self._deepest)
        anchor.complete = True
        return anchor.value

    def _alias(self, event: yaml.AliasEvent, path: Path) -> Any:
        name = str(event.anchor)
        anchor = self._anchors.get(name)
        if anchor is None:
            self._complain(path, event, f"there is no anchor `&{shown(name)}` above this")
            return None
        if not anchor.complete:
            self._stop(path, event, f"`*{shown(name)}` stands inside the very anchor that it names")
        self._count(path, event, values=anchor.values - 1, depth=len(path) + anchor.depth)
        return anchor.value

    def _count(self, path: Path, event: yaml.Event, *, values: int, depth: int) -> None:
        self._values += values
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            self._stop(path[:3], event, f"nested more than {MAX_DEPTH} deep: no configuration needs that")
        if self._values > MAX_VALUES:
            self._stop(path[:3], event, f"more than {MAX_VALUES} values (aliases counted): split the file")

    def _complain(self, path: Path, event: yaml.Event, message: str) -> None:
        line, column = _position(event)
        said = Place(self._document, path).problem(message)
        self.problems.append(Problem(said.file, line, column, said.path, said.message))

    def _stop(self, path: Path, event: yaml.Event, message: str) -> NoReturn:
        self._complain(path, event, message)
        raise ConfigError(self.problems)


def _position(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _malformed(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    """The parser's complaint, with a hint where its cause is a usual one."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.split("\n")
    if line > len(lines):  # the parser may count one more at the end
        line, column = len(lines), len(lines[-1]) + 1
    here = lines[line - 1]
    at = here[column - 1 : column]
    hint = ""
    if at == "\t":
        hint = "; a tab cannot indent, use spaces"
    elif at and at in "@`%":
        hint = f"; put a value that starts with `{at}` in quotes"
    elif any(_BARE_IPV6_PORT.search(candidate) for candidate in lines[max(0, line - 2) : line]):
        hint = '; put an IPv6 address with a port in quotes, like "[2001:db8::1]:80"'
    return Problem(file, line, column, "", f"not valid YAML: {error.problem or error.context}{hint}")
