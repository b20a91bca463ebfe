"""What waits for one receiver, on disk: a file that only grows, line by line, and now and then is written anew.

A line is `{"put": notification}` or `{"gone": [id, …]}`. What `append` wrote is on the disk when it returns, and a line
that a crash cut short is ignored: killed at any moment, nothing is lost that was promised to be kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from lvsctl.model import Notification
from lvsctl.model.alert_json import notification_from_json, notification_json

Line: TypeAlias = dict[str, Any]


def put(notification: Notification) -> Line:
    """The line that says: this waits."""
    return {"put": notification_json(notification)}


def gone(ids: Iterable[str]) -> Line:
    """The line that says: these wait no more."""
    return {"gone": list(ids)}


@dataclass(slots=True)
class Kept:
    """What a file holds. waiting: in order. gone: ids that were there, in order. damaged: lines that make no sense."""

    waiting: dict[str, Notification] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)
    damaged: int = 0

    def take(self, line: bytes) -> None:
        """Read one line."""
        try:
            value = json.loads(line)
            if "put" in value:
                notification = notification_from_json(value["put"])
                self.waiting[notification.id] = notification
            else:
                for name in value["gone"]:
                    self.waiting.pop(name, None)
                    self.gone[str(name)] = None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.damaged += 1


SLACK = 64 * 1024
"""Bytes that a file may hold beyond twice what it needs."""


class Journal:
    """One file. Its methods wait for the disk; they are called one after the other. They raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0
        self._needed = 0
        self._handle: int | None = None

    @property
    def wasteful(self) -> bool:
        """Whether it is time to write it anew."""
        return self._size > 2 * self._needed + SLACK

    def open(self) -> Kept:
        """Read what there is, and be ready to append."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self.path, len(whole))
        kept = Kept()
        for line in whole.splitlines():
            kept.take(line)
        self._open()
        return kept

    def _open(self) -> int:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _sync_directory(self.path.parent)
        except OSError:
            os.close(handle)
            raise
        self._handle = handle
        self._size = os.fstat(handle).st_size
        return handle

    def append(self, lines: Sequence[Line]) -> None:
        """Write the lines down, all of them or, if that cannot be done, none."""
        handle = self._open() if self._handle is None else self._handle
        end = os.fstat(handle).st_size
        try:
            _write(handle, lines)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, end)
            raise
        self._size = os.fstat(handle).st_size

    def rewrite(self, lines: Sequence[Line]) -> None:
        """Let the file hold just these lines; the old ones stay until the new ones are on the disk."""
        scratch = self.path.with_name(f"{self.path.name}.new")
        try:
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write(handle, lines)
            finally:
                os.close(handle)
            scratch.replace(self.path)
        except OSError:
            with suppress(OSError):  # a full disk needs the room
                scratch.unlink()
            raise
        self.close()
        self._open()
        self._needed = self._size

    def close(self) -> None:
        """Release the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _write(handle: int, lines: Sequence[Line]) -> None:
    left = memoryview(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines))
    while left:
        left = left[os.write(handle, left) :]
    os.fsync(handle)


def _sync_directory(directory: Path) -> None:
    """So that the name of a new file survives, too."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
