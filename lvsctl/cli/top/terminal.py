"""The terminal: taken over for a while and always given back as it was; its keys, its size, its signals."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import termios
from types import TracebackType

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # the other screen, no cursor, and what is too long does not wrap
LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[999;1H\r\n\x1b[?1049l"
"""Where there is no other screen (linux, vt100, screen without altscreen) the shell goes on below what was drawn."""

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_CAUGHT = (signal.SIGINT, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH, *_ENDING)


class Ended(Exception):
    """The process was told to end by this signal."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


class Terminal:
    """A context: inside it the terminal is ours. keys, screen: file descriptors of the terminal."""

    def __init__(self, keys: int, screen: int) -> None:
        self._keys, self._screen = keys, screen
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._writing = False
        self._before = termios.tcgetattr(keys)
        self._handlers = {number: signal.getsignal(number) for number in _CAUGHT}

    def __enter__(self) -> Terminal:
        with contextlib.ExitStack() as undo:
            undo.push(self)
            signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
            for number in _CAUGHT:
                signal.signal(number, self._noted)
                signal.siginterrupt(number, False)  # SIGCONT ends a stop inside tcsetattr: that goes on then
            self._take()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, termios.error, Ended):  # the terminal may be gone
            if isinstance(error, Ended):
                termios.tcflush(self._screen, termios.TCOFLUSH)  # it may take nothing more
            self._give_back()
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines; 80x24 on a terminal that does not know."""
        columns, lines = os.get_terminal_size(self._screen)
        return columns or 80, lines or 24

    def wake(self) -> None:
        """End a `wait`, from any thread."""
        with contextlib.suppress(BlockingIOError):  # full: it is awake
            os.write(self._wake, b"\0")

    def write(self, text: str) -> None:
        """Raises Ended when told to end, though the terminal takes nothing, and where it hung up before its signal."""
        self._writing = True
        try:
            self._send(text)
        finally:
            self._writing = False

    def _send(self, text: str) -> None:
        rest = text.encode("utf-8", "replace")
        while rest:
            try:
                rest = rest[os.write(self._screen, rest) :]
            except BlockingIOError:  # so somebody has left the terminal to us
                select.select([], [self._screen], [])
            except OSError as error:
                if error.errno == errno.EIO:
                    raise Ended(signal.SIGHUP) from error
                raise

    def wait(self, timeout: float) -> tuple[bytes, bool]:
        """What was typed, and whether all has to be drawn anew, after at most `timeout` seconds.

        Raises Ended, and OSError if the terminal is gone.
        """
        ready, _, _ = select.select([self._keys, self._woken], [], [], timeout)
        typed = os.read(self._keys, 65536) if self._keys in ready else b""
        if self._keys in ready and not typed:
            raise Ended(signal.SIGHUP)
        numbers = set(os.read(self._woken, 65536)) if self._woken in ready else set[int]()
        return self._signalled(typed, numbers)

    def _signalled(self, typed: bytes, numbers: set[int]) -> tuple[bytes, bool]:
        for number in _ENDING:
            if number in numbers:
                raise Ended(number)
        if signal.SIGTSTP in numbers:
            self._stop()
        elif signal.SIGCONT in numbers:
            self._take()
        if signal.SIGINT in numbers:
            typed += b"\x03"
        return typed, bool(numbers & {signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH})

    def _take(self) -> None:
        ours = termios.tcgetattr(self._keys)
        ours[0] &= ~(termios.IXON | termios.IXOFF | termios.ISTRIP)  # ^S must not freeze the screen
        ours[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)  # ISIG stays: ^C and ^Z are signals
        ours[6][termios.VMIN], ours[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._keys, termios.TCSADRAIN, ours)
        self._send(ENTER)

    def _give_back(self) -> None:
        self._send(LEAVE)
        termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)

    def _stop(self) -> None:
        """As any program does at ^Z; returns when it goes on."""
        self._give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # in this thread: sent to the process, another could take it, and later
        signal.signal(signal.SIGTSTP, self._noted)
        self._take()

    def _noted(self, number: int, _: object) -> None:
        """The signal's number is in the pipe; the loop deals with it where it waits, if it ever comes to that."""
        if self._writing and number in _ENDING:
            raise Ended(number)


def die(number: int) -> None:
    """End as the signal would have ended this process."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
