"""The socket itself: where it is, what may be in its way, and who may use it."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from lvsctl.errors import AlreadyRunning, LvsctlError

USUAL = "lvsctl"
"""The group that is given the socket when none is named, where it exists and may be given it."""

_GREATEST = 2**32 - 2  # of the numbers of groups: the one above it says "as it is"
_MODE = 0o660
_WAITING = 128  # who may wait to be answered


@contextlib.contextmanager
def held(path: Path, group: int | None) -> Iterator[socket.socket]:
    """A socket that listens on `path`, for its owner and its group alone; nobody else gets the path meanwhile.

    group: of the socket; None: that of the process, or USUAL. Nobody can connect before its rights are set; who does
    so then waits for somebody to answer. Raises LvsctlError if the path cannot be used, or not be given to the group.
    """
    with _alone(path), socket.socket(socket.AF_UNIX) as made:
        _make_room(path)
        _bind(made, path)
        try:
            _set_up(made, path, group)
            yield made
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """By a lock in a file beside it, which stays: nobody answers yet on the socket of a daemon that is just starting.

    Raises AlreadyRunning while another daemon has the path.
    """
    if not path.name:
        raise LvsctlError(f"cannot listen on {path}: it is a directory; name another with --socket")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LvsctlError(f"cannot make {path.parent}: {error.strerror}; name another with --socket") from error
    lock = path.with_name(f"{path.name}.lock")
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LvsctlError(f"cannot use {lock}: {error.strerror}; name another with --socket") from error
    try:
        _lock(handle, path)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AlreadyRunning(f"another daemon holds {path}: stop it first, or name another with --socket") from error


def _bind(made: socket.socket, path: Path) -> None:
    try:
        made.bind(str(path))
    except OSError as error:
        raise _unusable(path, error) from error


def _set_up(made: socket.socket, path: Path, group: int | None) -> None:
    try:
        path.chmod(_MODE)
        _give(path, group)
        made.listen(_WAITING)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> LvsctlError:
    return LvsctlError(f"cannot listen on {path}: {error.strerror or error}; name another with --socket")


def group_number(name: str) -> int:
    """Of a group's name, or its number; raises LvsctlError if there is no such group."""
    if name.isascii() and name.isdigit():
        if len(name) > len(str(_GREATEST)) or int(name) > _GREATEST:
            raise LvsctlError(f"{name[:60]} is no number of a group: name another with --socket-group")
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise LvsctlError(
            f"there is no group `{name}`: make it (groupadd --system {name}), or name another with --socket-group"
        ) from error


def _give(path: Path, group: int | None) -> None:
    if group is None:
        _give_to_usual(path)
        return
    try:
        os.chown(path, -1, group)
    except PermissionError as error:
        raise LvsctlError(
            f"not allowed to give {path} to the group {_name(group)}: "
            "be root or a member of it, or name another with --socket-group"
        ) from error


def _give_to_usual(path: Path) -> None:
    """Nobody asked for it: where it cannot be, the socket stays as it is."""
    try:
        os.chown(path, -1, grp.getgrnam(USUAL).gr_gid)
    except (KeyError, PermissionError):
        return


def _name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


def _make_room(path: Path) -> None:
    """Remove a socket that nobody answers on; anything else in the way is an error."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise LvsctlError(f"{path} is in the way and is no socket: remove it, or name another with --socket")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(path))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
        return
    except OSError as error:
        raise LvsctlError(f"cannot use {path}: {error.strerror or error}; name another with --socket") from error
    raise AlreadyRunning(f"another daemon answers on {path}: stop it first, or name another with --socket")
