"""Start a program that has none of this process' capabilities and can gain none.

In Linux capabilities belong to the thread. So a thread is made that gives up all it has, starts the program with
posix_spawn, and ends; the program inherits what was left. No code runs between fork and exec, no helper program is
needed, and nothing of it needs a privilege: where the bounding set cannot be emptied (no CAP_SETPCAP),
no_new_privs and the empty permitted set keep even root and set-uid programs without capabilities.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from healthchecks import _spawn

_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_DEFAULTS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")


def spawn(command: tuple[str, ...], environment: Mapping[str, str], output: int) -> asyncio.Future[int]:
    """Start `command` in a session of its own; stdin is /dev/null, stdout and stderr go to `output`, closed here then.

    The future gets its process id, which is also that of its process group, or OSError. It is not to be cancelled:
    starting a program from a file server that does not answer can take for ever, and nothing stops it.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # inherited: the kernel would throw exit statuses away
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    loop = asyncio.get_running_loop()
    started: asyncio.Future[int] = loop.create_future()

    def start() -> None:
        try:
            _give_up_everything()
            tell = partial(started.set_result, _spawn.spawn(command, environment, output, _DEFAULTS))
        except Exception as error:
            tell = partial(started.set_exception, error)
        finally:
            os.close(output)
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know
            loop.call_soon_threadsafe(tell)

    try:
        threading.Thread(target=start, name="exec-check", daemon=True).start()
    except RuntimeError as error:
        os.close(output)
        raise OSError(errno.EAGAIN, "cannot start a thread") from error
    return started


def _give_up_everything() -> None:
    """Empty every capability set of this thread. Raises PermissionError if a root program would still get some."""
    libc = ctypes.CDLL(None, use_errno=True)
    last = int(_LAST_CAPABILITY.read_text())
    kept = [number for number in range(last + 1) if libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0]
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    emptied = libc.capset(header, (ctypes.c_uint32 * 6)()) == 0
    final = libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    if not final or (os.geteuid() == 0 and kept and not emptied):
        raise PermissionError(1, "cannot give up this process' capabilities")
