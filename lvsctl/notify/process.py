"""An operator's own program: started without our capabilities, and gone with all of its group when it is over.

A program that leaves its process group (setsid, a service manager's units) is its own master from then on: it is not
killed with the rest, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import os
import select
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lvsctl.notify.trust import in_words

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of every program that lvsctl starts."""

_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

_PIPE: Final = 1 << 20
"""Bytes that a program can print before it has to wait for us; the most that an ordinary user may have."""

_BREATH: Final = 0.004
"""Seconds between two looks at what it prints: what prints without end is slowed down instead of keeping us busy."""


@dataclass(frozen=True, slots=True)
class End:
    """status: its exit status; negative: the signal that killed it. printed: the last of what it printed."""

    status: int
    printed: bytes = b""


def ending(argv: tuple[str, ...], end: End | OSError) -> str | None:
    """What is wrong with an end, in words; None: nothing is."""
    name = Path(argv[0]).name
    if isinstance(end, OSError):
        return f"{name} cannot be started: {in_words(end)}"
    if end.status < 0:
        return f"{name} was killed by signal {-end.status}"
    return f"{name} ended with exit status {end.status}" if end.status else None


class Run:
    """A program in a thread of its own, because capabilities belong to threads and so are given up in one.

    given: what it reads on stdin; None: /dev/null. keep: how many of the last bytes that it prints are kept; 0: none,
    it prints to /dev/null. ended: gets its End, or OSError where it cannot be started. When it has ended, what is left
    of its group is killed.
    """

    def __init__(
        self, argv: tuple[str, ...], environment: dict[str, str], *, given: bytes | None = None, keep: int = 0
    ) -> None:
        self._argv = argv
        self._environment = environment
        self._given = given
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self._lock = threading.Lock()
        self.ended: asyncio.Future[End] = self._loop.create_future()
        self.ended.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody may be waiting
        try:
            threading.Thread(target=self._run, name="program", daemon=True).start()
        except RuntimeError:  # no further thread can be started
            self.ended.set_exception(OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))

    def ask(self) -> None:
        """Ask it, and all of its group, to end."""
        with self._lock:
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Leave nothing of its group behind, whether it has ended, still runs or has not even begun."""
        with self._lock:
            self._unwanted = True
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            _signal_group(self._process.pid, number)

    def _run(self) -> None:
        try:
            end = self._through()
        except OSError as error:
            self._tell(error)
        except ValueError:
            self._tell(OSError(errno.EINVAL, "an argument holds a NUL"))
        else:
            self._tell(end)

    def _through(self) -> End:
        ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        if not self._keep:
            return End(self._wait_for(self._start(subprocess.DEVNULL)))
        with _Printed(self._keep) as printed:
            process = self._start(printed.theirs)
            printed.read_until_end_of(process.pid)
            status = self._wait_for(process)
            printed.read_on()
            return End(status, printed.kept)

    def _start(self, output: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._argv,
            env=self._environment,
            stdin=subprocess.DEVNULL if self._given is None else subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            # Our own, which has it started with fork. With vfork some versions of Python stand still, with all of their
            # threads, until the program's file has been opened: for ever, where it is on a disk that is gone. A user
            # would do as well, but for the unit's SystemCallFilter, which forbids setreuid.
            group=os.getegid(),
        )
        with self._lock:
            self._process = process
            if self._unwanted:
                _signal_group(process.pid, signal.SIGKILL)
        if process.stdin is not None:
            with suppress(OSError), process.stdin:  # one that does not read it may still do its work
                process.stdin.write(self._given or b"")
        return process

    def _wait_for(self, process: subprocess.Popen[bytes]) -> int:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:  # before it is reaped: until then nobody else can have its number
            _signal_group(process.pid, signal.SIGKILL)
            return process.wait()

    def _tell(self, result: End | OSError) -> None:
        def settle() -> None:
            if self.ended.done():
                return
            if isinstance(result, OSError):
                self.ended.set_exception(result)
            else:
                self.ended.set_result(result)

        with suppress(RuntimeError):  # the loop is closed: nobody wants to know
            self._loop.call_soon_threadsafe(settle)


class _Printed:
    """A pipe, out of which everything is read and the last of it kept."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self.kept = b""
        self._ours, self.theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._ours, False)
        with suppress(OSError):  # this user may have too many of them: it does with less
            fcntl.fcntl(self.theirs, fcntl.F_SETPIPE_SZ, _PIPE)

    def __enter__(self) -> _Printed:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_theirs()
        os.close(self._ours)

    def read_until_end_of(self, number: int) -> None:
        """Nobody waits for those that have the pipe from this process and live on."""
        self._close_theirs()
        handle = os.pidfd_open(number)
        try:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            poll.register(self._ours, select.POLLIN)
            while handle not in dict(poll.poll()):
                if not self.read_on():
                    poll.unregister(self._ours)
                time.sleep(_BREATH)
        finally:
            os.close(handle)

    def read_on(self) -> bool:
        """What is in the pipe now; False: nobody can print any more."""
        try:
            data = os.read(self._ours, _PIPE)
        except BlockingIOError:
            return True
        self.kept = (self.kept + data[-self._keep :])[-self._keep :]
        return bool(data)

    def _close_theirs(self) -> None:
        if self.theirs >= 0:
            os.close(self.theirs)
            self.theirs = -1


def _signal_group(number: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(number, what)
