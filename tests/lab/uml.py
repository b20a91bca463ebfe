"""Boot user-mode-linux, run one command in it, pass its output and its exit status on."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.kernel.kernel_log import ALARMS
from tests.lab import kernels, module, process
from tests.lab.kernels import Kernel
from tests.lab.source import CannotBuildError

DEBIAN = "linux.uml"
INIT = Path(__file__).with_name("init")
BEGIN, END = "=== lab: begin ===", "=== lab: end ==="
REPORT = 60
"""Lines: as long as the report of a faulty access to memory."""
PASSED_ON = ("CI", "LANG", "LC_ALL", "TERM", "NO_COLOR", "COLUMNS", "LVSCTL_SEED", "LVSCTL_FAULTS")


def missing(kernel: str | None = None) -> str | None:
    """What keeps the lab from running here, as a sentence that says what to install; None if nothing does."""
    own = {} if kernel else {DEBIAN: "user-mode-linux"}
    programs = {**own, "ipvsadm": "ipvsadm", "ip": "iproute2", "modprobe": "kmod"}
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    packages = [package for program, package in programs.items() if shutil.which(program, path=search) is None]
    if not packages:
        return None
    return "no lab here: apt-get install --no-install-recommends " + " ".join(packages)


def kernel(name: str | None) -> Kernel:
    """The kernel `name` of our own, or Debian's. Raises CannotBuildError."""
    if name is not None:
        return kernels.find(name)
    program = shutil.which(DEBIAN)
    if program is None:
        raise CannotBuildError(str(missing()))
    with_hprio = module.tree()
    modules = with_hprio / "lib" / "modules" if with_hprio else module.MODULES
    return Kernel(name="debian", program=Path(program), modules=modules, time_travel=False)


def run(command: Sequence[str], *, memory: str, timeout: float, kernel: Kernel) -> int:
    """Run `command` as root in the guest, in the current folder; its output goes to our stdout.

    memory: as the kernel's mem=. timeout: real seconds; then the guest is ended and 124 returned. Returns the command's
    exit status, or 125 when the guest ended without one, or 1 when all went well but for what the kernel has to say.
    """
    with tempfile.TemporaryDirectory(prefix="lvsctl-lab-") as scratch:
        folder = Path(scratch)
        (folder / "command").write_text(_script(command, kernel))
        # The checkout's path may hold spaces, which a kernel's command line cannot: what it names is in this folder.
        shutil.copy(INIT, folder)
        (folder / "modules").symlink_to(kernel.modules)
        status = _boot(folder, memory=memory, timeout=timeout, kernel=kernel)
        complaint = _complaint(folder / "log")
        sys.stdout.writelines(complaint)
        return status or int(bool(complaint))


def _complaint(log: Path) -> list[str]:
    """The first report of the kernel against itself, at most: what follows is often of its making."""
    lines = log.read_text(errors="replace").splitlines(keepends=True) if log.exists() else []
    first = next((number for number, line in enumerate(lines) if any(alarm in line for alarm in ALARMS)), len(lines))
    return lines[first : first + REPORT]


def _script(command: Sequence[str], kernel: Kernel) -> str:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    if not sys.stdout.isatty():
        passed["NO_COLOR"] = "1"  # to the guest its console is a terminal
    own = {
        "HOME": "/run/tmp",
        "TMPDIR": "/run/tmp",
        "HYPOTHESIS_STORAGE_DIRECTORY": "/run/tmp/hypothesis",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LVSCTL_LAB": "1",
        "LVSCTL_LAB_KERNEL": kernel.name,
        "LVSCTL_LAB_TIME_TRAVEL": "1" if kernel.time_travel else "",
    }
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in {**passed, **own}.items())
    return f"{exports}cd {shlex.quote(str(Path.cwd()))} || exit 126\nexec {shlex.join(command)}\n"


def _boot(folder: Path, *, memory: str, timeout: float, kernel: Kernel) -> int:
    arguments = [
        "root=/dev/root", "rootfstype=hostfs", "hostfs=/", "ro", f"mem={memory}", f"init={folder / INIT.name}",
        "con=null", "con0=fd:0,fd:1", "quiet", f"lab={folder}", f"modules={folder / 'modules'}",
        *(["time-travel=inf-cpu"] if kernel.time_travel else []),
    ]  # fmt: skip
    with process.running([kernel.program, *arguments], timeout=timeout) as (guest, late):
        _pass_on(guest)
    if late.is_set():
        print(f"lab: ended after {timeout:.0f} s", flush=True)
        return 124
    status = folder / "status"
    return int(status.read_text()) if status.exists() else 125


def _pass_on(guest: subprocess.Popen[bytes]) -> None:
    """Copy to stdout what the command prints; the chatter of boot is shown only if the command never started."""
    assert guest.stdout is not None
    lines = (raw.decode(errors="replace").replace("\r", "") for raw in guest.stdout)
    boot: list[str] = []
    for line in lines:
        if line.strip() == BEGIN:
            break
        boot.append(line)
    else:
        sys.stdout.writelines(boot)
        return
    blank = False  # the end mark brings an empty line of its own
    for line in lines:
        if line.strip() == END:
            return
        sys.stdout.write("\n" * blank)
        blank = line == "\n"
        sys.stdout.write("" if blank else line)
        sys.stdout.flush()
