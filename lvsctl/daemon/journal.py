"""A file of JSON lines that is added to, and from time to time made anew; every call may wait for a disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path


class Journal:
    """size: bytes of the file, as far as is known here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0

    def read(self, most: int) -> list[bytes]:
        """The last lines, with `most` bytes at the most; the last one may be half a line. Raises OSError."""
        try:
            with self.path.open("rb") as file:
                self.size = file.seek(0, os.SEEK_END)
                file.seek(max(0, self.size - most))
                lines = file.read(most).splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return lines if self.size <= most else lines[1:]  # the first is half of one

    def append(self, lines: Sequence[bytes]) -> None:
        """Add whole lines. Raises OSError; then the end of the file may be anything."""
        data = memoryview(b"".join(lines))
        with self.path.open("ab", buffering=0) as file:
            while data:  # a disk that is nearly full takes a part, and refuses the rest
                written = file.write(data) or 0
                self.size += written
                data = data[written:]

    def replace(self, lines: Iterable[bytes]) -> None:
        """Make the file anew with these lines; it has either the old ones or the new ones. Raises OSError."""
        scratch = self.path.with_suffix(".new")
        try:
            with scratch.open("wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
            scratch.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise
        self.size = size
