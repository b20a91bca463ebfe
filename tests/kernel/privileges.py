"""Run something with fewer privileges, in a thread of its own: Linux keeps users and capabilities by thread."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable

CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
SYS = {"x86_64": (117, 126), "aarch64": (147, 91)}[os.uname().machine]  # setresuid, capset
PR_SET_KEEPCAPS = 8
VERSION_3 = 0x20080522


def run_as(user: int, capabilities: frozenset[int], function: Callable[[], None]) -> None:
    """Raises what `function` raises."""
    failure: list[BaseException] = []

    def body() -> None:
        try:
            _drop(user, capabilities)
            function()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def _drop(user: int, capabilities: frozenset[int]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    bits = sum(1 << capability for capability in capabilities)
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(bits, bits, 0, 0, 0, 0)
    _check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    _check(libc.syscall(SYS[0], user, user, user))
    _check(libc.syscall(SYS[1], header, data))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
