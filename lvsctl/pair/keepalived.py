"""The role as a keepalived beside lvsctl tells it: by its notify FIFO, or as the arguments of its notify script.

keepalived.conf(5): `vrrp_notify_fifo PATH` writes one line for each transition, `INSTANCE "VI_1" MASTER 150` or
`GROUP "VG_1" BACKUP 0`; a `notify` script gets the same four as its last arguments, the name without quotes. keepalived
tells transitions only: who starts after it must look where the addresses are.

A keepalived that has made the FIFO itself removes it when it stops, and makes it anew with every start and every reload
(seen: 2.2.7). So it is looked for again and again; what was written meanwhile waits in the new one.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lvsctl.errors import LvsctlError
from lvsctl.model import Role

LONGEST = 4096
"""Bytes of a line without an end that are kept; keepalived writes no longer ones (PIPE_BUF)."""

LOOK = 0.5
"""Seconds between looks whether the FIFO is still the one that is read."""

_ROLES = {
    "MASTER": Role.ACTIVE,
    "BACKUP": Role.STANDBY,
    "FAULT": Role.FAULT,
    "STOP": Role.FAULT,
    "DELETED": Role.FAULT,
}
_NO_TRANSITION = frozenset({"MASTER_RX_LOWER_PRI", "MASTER_PRIORITY", "BACKUP_PRIORITY"})


class NotUnderstood(LvsctlError):
    """What came is not what keepalived writes."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One transition. group: whether `name` is a sync group's. state: keepalived's own word. priority: 0 for groups.

    STOP counts as FAULT: a keepalived that has ended moves no addresses here. So does DELETED, which is told of an
    instance with `notify_deleted` that a reload has taken away, and its addresses with it; without, FAULT is.
    """

    group: bool
    name: str
    state: str
    priority: int

    @property
    def role(self) -> Role:
        """What this director is from now on."""
        return _ROLES[self.state]


def from_arguments(arguments: Sequence[str]) -> Notice | None:
    """What a notify script was called with: INSTANCE|GROUP, name, state, priority. None: it is no transition.

    Arguments that the operator wrote before them are left out. Raises NotUnderstood.
    """
    given = " ".join(arguments)
    if len(arguments) < 4:
        raise NotUnderstood(f'keepalived calls with INSTANCE|GROUP NAME STATE PRIORITY, not with "{given}"')
    kind, name, state, priority = arguments[-4:]
    known = state in _ROLES or state in _NO_TRANSITION
    if kind not in ("INSTANCE", "GROUP") or not name or not known or not (priority.isascii() and priority.isdigit()):
        raise NotUnderstood(f'keepalived calls with INSTANCE|GROUP NAME STATE PRIORITY, not with "{given}"')
    return Notice(kind == "GROUP", name, state, int(priority)) if state in _ROLES else None


def from_line(line: str) -> Notice | None:
    """What a line of the FIFO tells. None: it is no transition. Raises NotUnderstood."""
    kind, _, rest = line.strip().partition(" ")
    rest = rest.lstrip()
    name, _, rest = rest[1:].partition('"') if rest.startswith('"') else rest.partition(" ")
    return from_arguments((kind, name, *rest.split()))


class Lines:
    """Bytes as they come, cut into lines; what is longer than LONGEST is left out up to its end."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that `data` completes, without those that are empty."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            if line.strip() and not self._skipping and len(line) <= LONGEST:
                yield line.decode(errors="replace")
            self._skipping = False
        if len(self._rest) > LONGEST:
            self._rest, self._skipping = b"", True


class Fifo:
    """The notify FIFO, read for as long as it is open, also where it is another one by and by.

    path: made, for this user alone, where it is not there; keepalived takes one that is there. told: called with each
    transition; wrong: with what was not understood, or why there is none any more. Both must neither block nor raise.
    """

    def __init__(self, path: Path, *, told: Callable[[Notice], None], wrong: Callable[[LvsctlError], None]) -> None:
        self._path = path
        self._told = told
        self._wrong = wrong
        self._lines = Lines()
        self._descriptor: int | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._trouble = ""

    def open(self) -> None:
        """Raises LvsctlError with what to do."""
        self._listen(_opened(self._path))
        self._look_later()

    def close(self) -> None:
        """Listen no longer. The FIFO stays, as keepalived may have it open."""
        if self._looking is not None:
            self._looking.cancel()
        self._listen(None)

    def _listen(self, descriptor: int | None) -> None:
        loop, before = asyncio.get_running_loop(), self._descriptor
        if before is not None:
            loop.remove_reader(before)
            os.close(before)
        self._descriptor, self._lines = descriptor, Lines()
        if descriptor is not None:
            loop.add_reader(descriptor, self._read)

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK, self._look)

    def _look(self) -> None:
        self._look_later()
        if self._is_the_one():
            return
        try:
            descriptor = _opened(self._path)
        except LvsctlError as error:
            if str(error) != self._trouble:
                self._wrong(error)
            self._trouble = str(error)
            return
        self._trouble = ""
        self._read()  # the last that was written into the old one comes first
        self._listen(descriptor)

    def _is_the_one(self) -> bool:
        assert self._descriptor is not None  # noqa: S101 - it is looked at only while it is open
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def _read(self) -> None:
        assert self._descriptor is not None  # noqa: S101 - it is read only while it is open
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        for line in self._lines.feed(data):
            try:
                notice = from_line(line)
            except NotUnderstood as error:
                self._wrong(error)
                continue
            if notice is not None:
                self._told(notice)


def _opened(path: Path) -> int:
    """The FIFO, made if need be. Raises LvsctlError with what to do."""
    try:
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # For writing, too: else it would be at its end whenever keepalived is not there.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LvsctlError(f"{path}: {error.strerror}: {_way_out(path)}") from error
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LvsctlError(f"{path} is no FIFO: remove it, or name another as keepalived's vrrp_notify_fifo")
    return descriptor


def _way_out(path: Path) -> str:
    """keepalived gives a FIFO that it makes to the user named after it in keepalived.conf, and else to root."""
    if os.access(path, os.F_OK) and not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return f"let keepalived make it for lvsctl: `vrrp_notify_fifo {path} {_user()}`"
    return "name a FIFO that lvsctl may make and read"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
