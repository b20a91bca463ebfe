"""One lvsctl in a network namespace speaks VRRP: a second one would take the first one's addresses for leavings."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import Final

from lvsctl.daemon.credentials import credentials
from lvsctl.errors import LvsctlError

NAME: Final = "\0lvsctl: speaks VRRP"
"""Of an abstract socket: the kernel keeps one such name for each network namespace, and only as long as its owner
lives; no folder need be shared for it."""

_WAITING: Final = 16  # who may ask who we are while we are busy


class Alone:
    """name: others for tests. It is given back with the process, at the latest."""

    def __init__(self, name: str = NAME) -> None:
        self._name = name
        self._held: socket.socket | None = None

    def hold(self) -> None:
        """Be the one, from now on. Raises LvsctlError while another one is."""
        if self._held is not None:
            return
        made = socket.socket(socket.AF_UNIX)
        try:
            made.bind(self._name)
        except OSError:
            made.close()
            if (pid := self._other()) is not None:
                raise LvsctlError(_refusal(pid)) from None
            return  # a stranger has the name: he keeps nobody from working
        made.listen(_WAITING)
        made.setblocking(False)
        asyncio.get_running_loop().add_reader(made, _greet, made)
        self._held = made

    def is_disturbed(self) -> bool:
        """Whether another one speaks here."""
        return self._held is None and self._other() is not None

    def release(self) -> None:
        """Others may, from now on."""
        if self._held is not None:
            asyncio.get_running_loop().remove_reader(self._held)
            self._held.close()
            self._held = None

    def _other(self) -> int | None:
        """The process that has the name, 0 where that cannot be told; None if nobody has it, or a stranger.

        Everybody may take a name: one that runs neither as root nor as our own user is no lvsctl.
        """
        with socket.socket(socket.AF_UNIX) as asking:
            asking.setblocking(False)
            try:
                asking.connect(self._name)
            except BlockingIOError:
                return 0  # it stands still
            except OSError:
                return None
            who = credentials(asking)
        return who.pid if who.uid in _users() else None


def _greet(listening: socket.socket) -> None:
    """Who asks has heard who we are as soon as he is connected."""
    with contextlib.suppress(OSError):
        asking, _ = listening.accept()
        asking.close()


def _users() -> tuple[int, ...]:
    return 0, os.geteuid()


def _refusal(pid: int) -> str:
    who = f"another lvsctl (pid {pid})" if pid else "another lvsctl"
    return f"{who} speaks VRRP in this network namespace: stop it, or put the instances of both into one conf.d"
