"""The maintenance directory: a server is drained while a file is named after it, for people who work with touch and rm.

A file is named as `lvsctl drain` takes a server: an address, address:port or name, in every service; or, as a file's
name cannot hold the slash of SERVICE/SERVER, SERVER@SERVICE (and POOL@SERVICE). The first line in it is the reason; who
owns it ordered it. Hidden files and what editors leave behind (x~, x.swp) name nobody.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from lvsctl.daemon.users import Users
from lvsctl.decide.explain.subject import NoSuchSubject
from lvsctl.decide.override_subject import meant
from lvsctl.model import Action, Override, OverrideSubject, Spec

AGAIN = 30.0
"""Seconds after which the files are read again although the directory has not changed: their text may have."""

FRESH = 2.0
"""Seconds: file systems tell times by ticks, so one more change in the tick of the last one would not be seen."""

LONGEST = 200
"""Characters of a first line that are taken for the reason."""

log = structlog.get_logger("lvsctl")


@dataclass(frozen=True, slots=True)
class _Note:
    """One file. owner: user id."""

    path: Path
    owner: int
    reason: str
    since: float


class Maintenance:
    """Reads the directory when it has changed. today: gives Unix time.

    files: for every server or pool that is named, the override, and the file that stands for it.
    """

    def __init__(self, today: Callable[[], float]) -> None:
        self.files: dict[OverrideSubject, tuple[Override, Path]] = {}
        self._today = today
        self._notes: tuple[_Note, ...] = ()
        self._users = Users()
        self._names: dict[int, str] = {}  # of the users that own files; who could not be told is not asked for again
        self._seen: tuple[str, int, int] | None = None  # directory, inode and time of change of the last reading
        self._read = 0.0
        self._spec: Spec | None = None
        self._nobody: frozenset[Path] = frozenset()  # files that have been warned of
        self._trouble = ""

    def has(self, path: Path) -> bool:
        """Whether the file is there, whomever it names."""
        return any(note.path == path for note in self._notes)

    async def look(self, spec: Spec) -> None:
        """Bring `files` up to date with the directory that `spec` names; a directory that is missing is empty.

        While it cannot be read everything stays as it was last seen. Nobody else has to wait for a slow disk.
        """
        try:
            changed = await self._read_again(spec.maintenance) if spec.maintenance else self._forget()
        except OSError as error:
            trouble = error.strerror or str(error)
            if trouble != self._trouble:
                log.error("the maintenance directory cannot be read", directory=spec.maintenance, error=trouble)
            self._trouble = trouble
            return
        self._trouble = ""
        if changed or spec is not self._spec:
            self._spec = spec
            await self._learn_names()
            self._understand(spec)

    async def _learn_names(self) -> None:
        for uid in {note.owner for note in self._notes} - self._names.keys():
            self._names[uid] = await self._users.name(uid) or f"uid {uid}"

    async def _read_again(self, directory: str) -> bool:
        from lvsctl.notify.aside import aside  # noqa: PLC0415 - it imports aiohttp, which is slow to import

        return await aside(partial(self._look, directory))

    def _look(self, directory: str) -> bool:
        """Whether the files were read again."""
        now = self._today()
        try:
            status = Path(directory).stat()
        except FileNotFoundError:
            return self._forget()
        seen = directory, status.st_ino, status.st_mtime_ns
        if seen == self._seen and 0 <= now - self._read < AGAIN:
            return False
        settled = not 0 <= now - status.st_mtime < FRESH
        self._notes = tuple(sorted(_notes(Path(directory)), key=lambda note: note.path.name))
        self._seen, self._read = (seen if settled else None), now
        return True

    def _forget(self) -> bool:
        """There are no files; whether there were."""
        changed, self._notes, self._seen = bool(self._notes), (), None
        return changed

    def _understand(self, spec: Spec) -> None:
        found: dict[OverrideSubject, tuple[Override, Path]] = {}
        nobody: set[Path] = set()
        for note in self._notes:
            try:
                subject = meant(spec, _words(note.path.name))
            except NoSuchSubject as error:
                nobody.add(note.path)
                if note.path not in self._nobody:
                    log.warning(
                        "a file of the maintenance directory drains nobody", file=str(note.path), why=str(error)
                    )
                continue
            by = f"maintenance directory ({self._names[note.owner]})"
            found[subject] = Override(subject, Action.DRAIN, by, note.reason, note.since), note.path
        self.files, self._nobody = found, frozenset(nobody)


def _words(name: str) -> str:
    """`web1@shop` is shop/web1."""
    server, at, service = name.rpartition("@")
    return f"{service}/{server}" if at else name


def _notes(directory: Path) -> Iterator[_Note]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.endswith(("~", ".swp")):
                continue
            try:
                if entry.is_file():
                    status = entry.stat(follow_symlinks=False)
                    yield _Note(Path(entry.path), status.st_uid, _reason(entry.path), status.st_mtime)
            except FileNotFoundError:  # removed meanwhile
                continue


def _reason(path: str) -> str:
    """The first line, as far as it may be read; a file says what it has to say by its name.

    Nothing is read through a symbolic link: whoever may write here may not therefore read what only we may.
    """
    try:
        with open(path, "rb", opener=_no_link) as file:
            line = file.read(4 * LONGEST).partition(b"\n")[0]
    except OSError:
        return ""
    text = line.decode("utf-8", "replace").strip()
    return "".join(c if c.isprintable() else " " for c in text)[:LONGEST]


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
