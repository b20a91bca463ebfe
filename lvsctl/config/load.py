"""Read the files of conf.d and hand out the Spec, or every problem of every file."""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lvsctl.checkapi import AnyKind
from lvsctl.config import wording
from lvsctl.config.check import Grammar, grammar
from lvsctl.config.compile import compile_spec
from lvsctl.config.document import Document, one_line
from lvsctl.config.json_schema import json_schema
from lvsctl.config.merge import Parsed, merge
from lvsctl.config.repair import repaired, unusable
from lvsctl.config.schema import parse
from lvsctl.config.yaml12 import compose
from lvsctl.errors import ConfigError
from lvsctl.model import Problem, Severity, Spec

MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used. warnings: in the order of files and lines. files: those that were read."""

    spec: Spec
    warnings: tuple[Problem, ...]
    files: tuple[Path, ...]


def load(path: Path, kinds: Mapping[str, AnyKind]) -> Loaded:
    """Load one file, or every *.yaml and *.yml of a directory in the order of their names.

    kinds: the installed check kinds by name. Raises ConfigError with every problem, sorted by file and line.
    """
    files = _find(path)
    problems: list[Problem] = []
    reader = _Reader(kinds, problems)
    parsed = [one for file in files if (one := reader.read(file)) is not None]
    merged, twice = merge(parsed)
    problems += twice
    if not problems and not merged.services:
        message = "there is no service in it: define one under `services:` (an empty configuration is not applied)"
        raise ConfigError([Problem(_name(path), 0, 0, "", message)])
    alerts_complete = reader.complete and reader.alerts_understood
    spec, mistakes = compile_spec(merged, kinds, complete=reader.complete, alerts_complete=alerts_complete)
    if reader.defaults_understood:
        problems += mistakes
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column))
    if any(problem.severity is Severity.ERROR for problem in ordered):
        raise ConfigError(ordered)
    return Loaded(spec, tuple(ordered), files)


def _find(path: Path) -> tuple[Path, ...]:
    """The files to read: hidden ones and what editors and packagers leave behind (x.yaml~, x.yaml.bak) are not."""
    try:
        if not path.is_dir():
            path.stat()
            return (path,)
        files = sorted(
            (file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and not file.name.startswith(".")),
            key=lambda file: file.name,
        )
    except (OSError, ValueError) as error:
        raise ConfigError([Problem(_name(path), 0, 0, "", _cannot_read(error))]) from error
    if not files:
        message = "there is no *.yaml or *.yml file in this directory: put one there, or name another with -c"
        raise ConfigError([Problem(_name(path), 0, 0, "", message)])
    return tuple(files)


class _Reader:
    """Reads files one by one; what is wrong with them goes to the list that it was given.

    complete: whether no file and no section had to be left out; if one was, a name that is not found proves nothing.
    defaults_understood: if not, what services make of the defaults is not judged. alerts_understood: if not, names in
    `alerts` that are not found prove nothing.
    """

    def __init__(self, kinds: Mapping[str, AnyKind], problems: list[Problem]) -> None:
        self.complete = True
        self.defaults_understood = True
        self.alerts_understood = True
        self._grammar: Grammar = grammar(kinds)
        self._schema: Callable[[], dict[str, Any]] = cache(lambda: json_schema(kinds))
        self._problems = problems

    def read(self, file: Path) -> Parsed | None:
        """What of the file can be understood; None if nothing can, or nothing is in it."""
        try:
            document, found = compose(_name(file), _text(file))
        except ConfigError as error:
            self._problems += error.problems
            self.complete = False
            return None
        self._problems += found
        return None if document.data is None else self._understand(document, found)

    def _understand(self, written: Document, found: Collection[Problem]) -> Parsed | None:
        """The file, or what is left of it when what has mistakes is put right or left out."""
        document = written
        while True:  # each turn mends all that was found, and may uncover what a misspelt key holds
            try:
                return Parsed(document, parse(document.data, self._grammar), written)
            except ValidationError as error:
                mistakes = wording.mistakes(document, error, self._schema())
            said = {(problem.path, problem.line) for problem in found}
            problems = [mistake.problem for mistake in mistakes]
            self._problems += [problem for problem in problems if (problem.path, problem.line) not in said]
            lost = unusable(mistakes)
            ignored = {mistake.path for mistake in mistakes if mistake.unknown_key and mistake.meant is None}
            self.complete &= all(len(path) > 1 for path in lost | ignored)
            self.defaults_understood &= all(path[:1] != ("defaults",) for path in lost)
            self.alerts_understood &= all(path[:1] != ("alerts",) for path in lost)
            if () in lost:
                return None
            mended = repaired(document, mistakes)
            if mended.data == document.data:  # a kind's own models can be beyond us: what has been said must do
                self.complete = False
                return None
            document = mended


def _text(file: Path) -> str:
    """The text of one file, or ConfigError: conf.d may hold anything, and a FIFO must not hang the daemon."""
    name = _name(file)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError([Problem(name, 0, 0, "", "is not a regular file: remove it from conf.d")])
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError([Problem(name, 0, 0, "", _cannot_read(error))]) from error
    if len(content) > MAX_BYTES:
        message = f"is larger than {MAX_BYTES // 1024**2} MiB: that is no configuration, or it should be split"
        raise ConfigError([Problem(name, 0, 0, "", message)])
    if b"\0" in content:
        raise ConfigError([Problem(name, 0, 0, "", "is a binary file, not YAML: remove it from conf.d")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = f"is not UTF-8 text: byte 0x{content[error.start]:02x} cannot stand here; save it as UTF-8"
        raise ConfigError([Problem(name, line, column, "", message)]) from error


def _cannot_read(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "does not exist: name the right file or directory with -c"
        case PermissionError():
            return "cannot be read: permission denied; let the user that runs lvsctl read it"
        case OSError():
            return f"cannot be read: {error.strerror}"
    return "is not a file name"


def _name(path: Path) -> str:
    """The path as the operator named it, fit for one line."""
    return one_line(str(path))
