"""A program in a pseudo-terminal, and what its screen shows."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import fcntl
import os
import select
import struct
import subprocess
import termios
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pyte

PATIENCE = 20.0  # seconds; what is waited for comes in a fraction of one


OTHER_SCREEN = 1049
"""The mode: on while the program has the screen to itself."""


class TwoScreens(pyte.Screen):
    """pyte's screen, and the other one that full-screen programs go to and come back from."""

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        if OTHER_SCREEN in modes and OTHER_SCREEN << 5 not in self.mode:
            self._first = copy.deepcopy(self.buffer), self.cursor.x, self.cursor.y
            self.erase_in_display(2)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        if OTHER_SCREEN in modes and OTHER_SCREEN << 5 in self.mode:
            self.buffer, self.cursor.x, self.cursor.y = self._first
        super().reset_mode(*modes, **kwargs)


class Console:
    """A terminal of some size with a program on it. received: every byte that the program has written."""

    def __init__(self, columns: int, lines: int, kind: type[pyte.Screen]) -> None:
        self._ours, self._theirs = os.openpty()
        self._screen = kind(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.received = b""
        self._news = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._set_size(columns, lines)
        self.settings = termios.tcgetattr(self._theirs)

    def start(self, arguments: list[str | Path], environment: Mapping[str, str]) -> None:
        os.set_blocking(self._ours, False)
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *arguments],  # a session of its own on this terminal, in the same process
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            env=dict(environment),
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _read(self) -> None:
        try:
            received = os.read(self._ours, 65536)
        except OSError:  # nobody has it open any more
            asyncio.get_running_loop().remove_reader(self._ours)
            received = b""
        self.received += received
        self._stream.feed(received)
        self._news.set()

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def cursor_hidden(self) -> bool:
        return bool(self._screen.cursor.hidden)

    async def until(self, what: str | Callable[[str], object]) -> str:
        """The screen, once it shows the text, or once that holds of it."""
        holds = (lambda text: what in text) if isinstance(what, str) else what
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds(self.text):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what!r} on:\n{self.text}") from None
        return self.text

    def stall(self, *, blocking: bool = True) -> None:
        """Take nothing that the program writes, until `go_on`. blocking: or have writing refused instead of held up."""
        os.set_blocking(self._theirs, blocking)
        asyncio.get_running_loop().remove_reader(self._ours)

    @property
    def is_full(self) -> bool:
        """Whether no more can be written."""
        return not select.select([], [self._theirs], [], 0)[1]

    def go_on(self) -> None:
        asyncio.get_running_loop().add_reader(self._ours, self._read)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        self._screen.resize(lines, columns)
        self._set_size(columns, lines)

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def blank(self) -> None:
        """As if somebody else had written on the screen."""
        self._screen.erase_in_display(2)

    def hang_up(self) -> None:
        """As when a connection breaks."""
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        self._ours = os.open(os.devnull, os.O_RDONLY)

    async def ended(self) -> int:
        """The exit status, or the negative signal, with everything read that was written."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE):
            while self._process.poll() is None:
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.02)
        with contextlib.suppress(BlockingIOError, OSError):
            while more := os.read(self._ours, 65536):
                self.received += more
                self._stream.feed(more)
        assert self._process.returncode is not None
        return self._process.returncode

    def is_as_before(self) -> bool:
        """Whether the terminal is as it was before the program, with its cursor and its first screen."""
        return (
            termios.tcgetattr(self._theirs) == self.settings
            and not self.cursor_hidden
            and self.received.rfind(b"\x1b[?1049h") <= self.received.rfind(b"\x1b[?1049l")
        )

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)
        os.close(self._theirs)


@contextlib.asynccontextmanager
async def console(
    *arguments: str | Path,
    columns: int = 80,
    lines: int = 24,
    kind: type[pyte.Screen] = TwoScreens,
    **environment: str,
) -> AsyncIterator[Console]:
    """The program with these arguments; it is killed at the end of the block if it still runs."""
    made = Console(columns, lines, kind)
    usual = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", "HOME": "/"}
    try:
        made.start(list(arguments), usual | environment)
        yield made
    finally:
        made.close()
