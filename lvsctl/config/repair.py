"""What a file with mistakes still says, so that one mistake does not hide the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lvsctl.config.document import Document, Path
from lvsctl.config.wording import Mistake


def unusable(mistakes: Sequence[Mistake]) -> set[Path]:
    """What cannot be judged further: an entry (a service, a check, a default), a section, or () for the file.

    Unknown keys are no reason for that, and are put right first: behind them there may be more to say.
    """
    if any(one.unknown_key for one in mistakes):
        return set()
    return {one.path[:2] for one in mistakes}


def repaired(document: Document, mistakes: Sequence[Mistake]) -> Document:
    """A misspelt key is read as the one that was meant, others are ignored; then the document without the unusable."""
    renamed = {one.path: one.meant for one in mistakes if one.unknown_key}
    data = _copy(document.data, (), unusable(mistakes), renamed)
    marks = dict(document.marks)
    for path, mark in document.marks.items():
        meant = tuple(renamed.get(path[: index + 1]) or part for index, part in enumerate(path))
        marks.setdefault(meant, mark)
    return Document(document.file, data, marks)


def _copy(value: Any, path: Path, dropped: set[Path], renamed: dict[Path, str | None]) -> Any:
    if isinstance(value, list):
        return [_copy(item, (*path, index), dropped, renamed) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    copy: dict[str, Any] = {}
    for key, item in value.items():
        at = (*path, key)
        name = renamed.get(at, key)
        if at not in dropped and name is not None and (name == key or name not in value):
            copy[name] = _copy(item, at, dropped, renamed)
    return copy
