"""A program of the operator's own: the notification on stdin as JSON, its exit status says whether it was taken.

0: taken; anything else, or no end within the deadline: it is started again later. No shell runs it. Its environment is
PATH, LANG=C.UTF-8, LVSCTL_RECEIVER, LVSCTL_NOTIFICATION (the id, the same however often it is tried), LVSCTL_STATUS,
LVSCTL_REASON and LVSCTL_SUBJECT; what it prints is thrown away. This process' ambient capabilities are not inherited.
When it ends, and at the deadline, its whole process group is killed.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from lvsctl.model import Notification, Program
from lvsctl.notify.outcome import Later, Outcome, Taken
from lvsctl.notify.trust import in_words
from lvsctl.notify.webhook import body, whole
from lvsctl.notify.words import cut, title

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4


def render(notification: Notification) -> bytes:
    """What it reads: Alertmanager's webhook body, version 4, with the notification's id, on one line."""
    return json.dumps({"id": notification.id} | body(whole(notification))).encode() + b"\n"


def environment(notification: Notification) -> dict[str, str]:
    """All that it finds in its environment."""
    facts = {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "LVSCTL_RECEIVER": notification.receiver,
        "LVSCTL_NOTIFICATION": notification.id,
        "LVSCTL_STATUS": str(notification.status),
        "LVSCTL_REASON": str(notification.reason),
        "LVSCTL_SUBJECT": cut(title(notification), 500),
    }
    return {name: value.replace("\0", " ") for name, value in facts.items()}


async def send(notification: Notification, program: Program) -> Outcome:
    """Run it once; when this is cancelled, it is killed."""
    name = Path(program.argv[0]).name
    run = _Run(program.argv, environment(notification), render(notification))
    try:
        status = await run.ended
    except OSError as error:
        return Later(f"{name} cannot be started: {in_words(error)}")
    finally:
        run.kill()
    if status < 0:
        return Later(f"{name} was killed by signal {-status}")
    return Taken() if status == 0 else Later(f"{name} ended with exit status {status}")


class _Run:
    """A program in a thread of its own, because capabilities belong to threads and so are given up in one.

    ended: gets its exit status (negative: the signal), or OSError.
    """

    def __init__(self, argv: tuple[str, ...], environment: dict[str, str], given: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self._lock = threading.Lock()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        start = (argv, environment, given)
        threading.Thread(target=self._run, args=start, name="notify-program", daemon=True).start()

    def kill(self) -> None:
        """Leave nothing of its group behind, whether it has ended, still runs or has not even begun."""
        with self._lock:
            self._unwanted = True
            if self._process is not None and self._process.returncode is None:
                _kill_group(self._process.pid)

    def _run(self, argv: tuple[str, ...], environment: dict[str, str], given: bytes) -> None:
        try:
            status = self._through(argv, environment, given)
        except OSError as error:
            self._tell(error)
        except ValueError:
            self._tell(OSError(errno.EINVAL, "an argument holds a NUL"))
        else:
            self._tell(status)

    def _through(self, argv: tuple[str, ...], environment: dict[str, str], given: bytes) -> int:
        ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        process = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        with self._lock:
            self._process = process
            if self._unwanted:
                _kill_group(process.pid)
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(OSError), process.stdin:  # one that does not read it may still do its work
            process.stdin.write(given)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:  # before it is reaped: until then nobody else can have its number
            _kill_group(process.pid)
            return process.wait()

    def _tell(self, result: int | OSError) -> None:
        def settle() -> None:
            if self.ended.done():
                return
            if isinstance(result, OSError):
                self.ended.set_exception(result)
            else:
                self.ended.set_result(result)

        with suppress(RuntimeError):  # the loop is closed: nobody wants to know
            self._loop.call_soon_threadsafe(settle)


def _kill_group(number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(number, signal.SIGKILL)
