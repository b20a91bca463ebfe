"""Boot a packaged kernel in qemu, run one script in it, hand back what it said and what the kernel said."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import process
from tests.stock.debian import Kernel, image
from tests.stock.dkms import MODULE

QEMU = "qemu-system-x86_64"
INIT = Path(__file__).with_name("init")
PROGRAMS = Path(__file__).with_name("programs")
BUSYBOX = Path("/bin/busybox")
# As on Debian, the shell too: that of busybox would take its own `ip` and `modprobe`, which know less than these.
TOOLS = ("dash", "ipvsadm", "ip", "modprobe", "rmmod")
CPUS = 2  # as many as it takes for two connections to be scheduled in the same moment
BEGIN, END = "=== stock: begin ===", "=== stock: end ==="
STATUS = re.compile(r"=== stock: status (\d+) ===")


@dataclass(frozen=True, slots=True)
class Guest:
    """What is booted, and on what.

    module: the scheduler as built for `kernel`; None: without. files: by name, put beside the script and executable.
    counted: a nanosecond passes with every instruction, on one processor at a time: what is timed inside is the same
    however busy the host, and no race is ever run.
    """

    kernel: Kernel
    module: bytes | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """status: the script's; 124 if it took too long, 125 if the kernel ended without one. log: the kernel's lines."""

    status: int
    output: str
    log: tuple[str, ...]

    def figures(self) -> dict[str, int]:
        """What the programs of ours measured: every `name=number` of the output."""
        return {name: int(number) for name, number in re.findall(r"\b([a-z]\w*)=(-?\d+)\b", self.output)}


def missing() -> str | None:
    """What keeps such kernels from running here, as a sentence that says what to install; None if nothing does."""
    programs = {
        QEMU: "qemu-system-x86", "busybox": "busybox-static", "ipvsadm": "ipvsadm", "ip": "iproute2", "cpio": "cpio",
        "depmod": "kmod", "dkms": "dkms", "gcc": "gcc libc6-dev", "make": "make", "sparse": "sparse",
    }  # fmt: skip
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    packages = [package for program, package in programs.items() if shutil.which(program, path=search) is None]
    if not packages:
        return None
    return "no packaged kernels here: apt-get install --no-install-recommends " + " ".join(packages)


def program(name: str) -> bytes:
    """PROGRAMS/NAME.c as a program that needs nothing of the guest's."""
    return compiled(PROGRAMS / f"{name}.c")


def compiled(source: Path) -> bytes:
    """A C file that may include the headers in PROGRAMS; warnings are errors."""
    with tempfile.TemporaryDirectory(prefix="lvsctl-stock-") as scratch:
        made = Path(scratch, "program")
        options = [
            "-std=gnu11",
            "-D_GNU_SOURCE",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-static",
            "-pthread",
            f"-I{PROGRAMS}",
        ]
        subprocess.run(["gcc", *options, "-o", made, source], check=True)
        return made.read_bytes()


def run(guest: Guest, script: str, *, timeout: float, echo: bool = False) -> Result:
    """Run `script` by sh as root in `guest`; its files are in its working folder, programs of PATH at hand.

    timeout: seconds for boot and script. echo: print what it says while it says it.
    """
    with tempfile.TemporaryDirectory(prefix="lvsctl-stock-") as scratch:
        folder = Path(scratch)
        initramfs = _initramfs(guest, script, folder / "root")
        log = folder / "log"
        boot = [
            *_machine(counted=guest.counted),
            "-kernel", str(image(guest.kernel) / "vmlinuz"), "-initrd", str(initramfs),
            "-append", _arguments(counted=guest.counted), "-serial", f"file:{log}", "-serial", "stdio",
        ]  # fmt: skip
        output, late = _boot(boot, timeout=timeout, echo=echo)
        return _result(output, log.read_text(errors="replace") if log.exists() else "", late=late)


def _machine(*, counted: bool) -> list[str]:
    """Emulated, which runs anywhere: a host's own virtualization is not to be relied on in a virtual machine."""
    pace = (
        ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"] if counted else ["-accel", "tcg,thread=multi"]
    )
    plain = ["-nodefaults", "-nic", "none", "-nographic", "-no-reboot"]
    return [QEMU, *pace, "-cpu", "max", "-smp", str(CPUS), "-m", "1024", *plain]


def _arguments(*, counted: bool) -> str:
    """The kernel's. Unless time is counted, an emulated TSC runs on while its processor waits for a real one."""
    clock = "" if counted else " tsc=unstable"  # known from the start, the kernel need not find out, and say so
    return f"console=ttyS0 quiet panic=-1{clock}"


def _initramfs(guest: Guest, script: str, root: Path) -> Path:
    modules = image(guest.kernel) / "lib"
    shutil.copytree(modules, root / "lib")
    if guest.module is not None:
        extra = root / "lib/modules" / guest.kernel.release / "updates/dkms"
        extra.mkdir(parents=True)
        (extra / f"{MODULE}.ko").write_bytes(guest.module)
    subprocess.run(["depmod", "-b", root, guest.kernel.release], check=True)
    for name in TOOLS:
        _with_libraries(name, root)
    (root / "bin").mkdir(exist_ok=True)
    shutil.copy(BUSYBOX, root / "bin")
    shutil.copy(INIT, root / "init")
    (root / "stock").mkdir()
    for name, content in {**guest.files, "script": script.encode()}.items():
        (root / "stock" / name).write_bytes(content)
        (root / "stock" / name).chmod(0o755)
    names = b"\0".join(os.fsencode(path.relative_to(root)) for path in sorted(root.rglob("*")))
    packed = root.with_name("initramfs")
    with packed.open("wb") as goal:
        pack = ["cpio", "--null", "--create", "--format=newc", "--quiet", "--owner=0:0"]
        subprocess.run(pack, cwd=root, input=names, stdout=goal, check=True)
    return packed


def _with_libraries(name: str, root: Path) -> None:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert found is not None, missing()
    (root / "usr/sbin").mkdir(parents=True, exist_ok=True)
    shutil.copy(found, root / "usr/sbin" / name)
    listed = subprocess.run(["ldd", found], check=True, capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        goal = root / library.lstrip("/")
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, goal)


def _boot(command: Sequence[str], *, timeout: float, echo: bool) -> tuple[str, bool]:
    """What came over the second serial port, and whether the guest had to be ended for taking too long."""
    with process.running(command, timeout=timeout) as (guest, late):
        output = _listen(guest, echo=echo)
    return output, late.is_set()


def _listen(guest: subprocess.Popen[bytes], *, echo: bool) -> str:
    assert guest.stdout is not None
    heard: list[str] = []
    for raw in guest.stdout:
        line = raw.decode(errors="replace").replace("\r", "")
        heard.append(line)
        if echo and not STATUS.fullmatch(line.strip()):
            print(line, end="", flush=True)
    return "".join(heard)


def _result(output: str, log: str, *, late: bool) -> Result:
    lines = [line.rstrip("\r") for line in log.split("\n")]
    marks = {mark: number for number, line in enumerate(lines) for mark in (BEGIN, END) if line.endswith(mark)}
    said = tuple(line for line in lines[marks.get(BEGIN, -1) + 1 : marks.get(END)] if line)
    status = STATUS.search(output)
    code = 124 if late else 125 if status is None else int(status[1])
    return Result(code, STATUS.sub("", output).rstrip("\n") + "\n", said)
