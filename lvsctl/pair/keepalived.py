"""The role as a keepalived beside lvsctl tells it: by its notify FIFO, or as the arguments of its notify script.

keepalived.conf(5): `vrrp_notify_fifo PATH` writes one line for each transition, `INSTANCE "VI_1" MASTER 150` or
`GROUP "VG_1" BACKUP 0`; a `notify` script gets the same four as its last arguments, the name without quotes. keepalived
tells transitions only: who starts after it must look where the addresses are.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lvsctl.errors import LvsctlError
from lvsctl.model import Role

LONGEST = 4096
"""Bytes of a line without an end that are kept; keepalived writes no longer ones (PIPE_BUF)."""

_ROLES = {"MASTER": Role.ACTIVE, "BACKUP": Role.STANDBY, "FAULT": Role.FAULT, "STOP": Role.FAULT}
_NO_TRANSITION = frozenset({"MASTER_RX_LOWER_PRI", "MASTER_PRIORITY", "BACKUP_PRIORITY", "DELETED"})


class NotUnderstood(LvsctlError):
    """What came is not what keepalived writes."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One transition. group: whether `name` is a sync group's. state: keepalived's own word. priority: 0 for groups.

    STOP counts as FAULT: a keepalived that has ended moves no addresses here.
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
    name, _, rest = rest.lstrip().removeprefix('"').partition('"')
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
    """The notify FIFO, read for as long as it is open.

    path: made, for this user alone, where it is not there yet; keepalived takes one that is there. told: called with
    each transition; wrong: with what was not understood. Both must neither block nor raise.
    """

    def __init__(self, path: Path, *, told: Callable[[Notice], None], wrong: Callable[[NotUnderstood], None]) -> None:
        self._path = path
        self._told = told
        self._wrong = wrong
        self._lines = Lines()
        self._descriptor: int | None = None

    def open(self) -> None:
        """Raises LvsctlError with what to do."""
        try:
            with suppress(FileExistsError):
                os.mkfifo(self._path, 0o600)
            # For writing, too: else it would be at its end whenever keepalived is not there.
            descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise LvsctlError(f"{self._path}: {error.strerror}: name a FIFO that lvsctl may make and read") from error
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise LvsctlError(f"{self._path} is no FIFO: remove it, or name another as keepalived's vrrp_notify_fifo")
        self._descriptor = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def close(self) -> None:
        """Listen no longer. The FIFO stays, as keepalived may have it open."""
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

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
