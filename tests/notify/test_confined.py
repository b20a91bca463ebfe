"""Programs are started by a daemon that the systemd unit keeps from privileged system calls (SystemCallFilter)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

FORBIDDEN: Final = {
    # setuid, setreuid, setresuid, setfsuid, setgroups, chroot; fchown, fchownat, setpriority, setrlimit; scheduling
    "x86_64": (105, 113, 117, 122, 116, 161, 93, 260, 141, 160, 142, 144, 203, 251),
    "aarch64": (146, 145, 147, 151, 159, 51, 55, 54, 140, 164, 118, 119, 122, 30),
}
"""Of `@privileged` and `@resources`, which the unit forbids: what somebody may think of who starts a program."""

CONFINED: Final = """
import asyncio, ctypes, os, struct, sys
from lvsctl.notify.process import Run

forbidden = [int(number) for number in sys.argv[1:]]
lines = [(0x20, 0, 0, 0)]  # load the number of the call
for number in forbidden:
    lines += [(0x15, 0, 1, number), (0x06, 0, 0, 0x80000000)]  # kill the process
lines.append((0x06, 0, 0, 0x7FFF0000))  # allow
code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
program = ctypes.create_string_buffer(struct.pack("HP", len(lines), ctypes.addressof(code)))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
if libc.prctl(22, ctypes.c_ulong(2), ctypes.c_void_p(ctypes.addressof(program)), 0, 0) != 0:  # PR_SET_SECCOMP
    sys.exit(77)

async def main():
    run = Run(("/bin/sh", "-c", "echo has run"), {"PATH": "/bin"}, keep=100)
    end = await run.ended
    print(end.status, end.printed.decode().strip())

asyncio.run(main())
child = os.fork()
if not child:
    libc.syscall(forbidden[0], os.getuid())
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(os.uname().machine not in FORBIDDEN, reason="the numbers of its system calls are not written here")
def test_a_program_is_started_although_the_unit_forbids_privileged_calls() -> None:
    numbers = map(str, FORBIDDEN[os.uname().machine])
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, *numbers], capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode == 77:
        pytest.skip("this kernel filters no system calls")
    assert done.stdout.splitlines() == ["0 has run", "-31"], done.stderr
