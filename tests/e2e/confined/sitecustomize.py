"""With this folder in PYTHONPATH a Python program is killed if it makes another system call than those in SYSTEM_CALLS.

As systemd's SystemCallFilter has it, and by the same library (libseccomp). Calls that this machine lacks are left out.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import Final

ALLOW: Final = 0x7FFF0000  # of <seccomp.h>, as the next
KILL_PROCESS: Final = 0x80000000
UNKNOWN: Final = -1


def confine(calls: Iterable[str]) -> None:
    """This process and all that it starts, from now on and for good. Raises OSError."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(KILL_PROCESS)))
    for call in calls:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number != UNKNOWN:
            _done(library.seccomp_rule_add(rules, ctypes.c_uint32(ALLOW), number, 0))
    _done(library.seccomp_load(rules))


def _done(result: int) -> None:
    if result != 0:
        raise OSError(-result, os.strerror(-result))


if calls := os.environ.pop("SYSTEM_CALLS", ""):  # what it starts is confined already
    confine(calls.split(","))
