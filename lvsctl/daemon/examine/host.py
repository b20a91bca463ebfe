"""What the host's files say of its kernel and its modules; `root` is / outside of tests."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from lvsctl.decide.doctor.facts import Build, DkmsSilent, Hprio, Modules
from lvsctl.decide.doctor.hprio import PACKAGE

CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
DKMS_PATIENCE = 30  # seconds; it is a shell script
LARGEST = 1 << 24  # bytes of a file; those of /proc have 0


def text_of(file: Path) -> str:
    """The file's text, "" where there is none, we may not read it, or it is far too large.

    Some files are named by processes of other people. Of a device or a pipe nothing is read: to open it may block, or
    do worse (/dev/watchdog).
    """
    with contextlib.suppress(OSError, ValueError):  # ValueError: a NUL in the name
        if file.is_file() and file.stat().st_size <= LARGEST:
            return file.read_text(errors="replace")
    return ""


def permitted(root: Path) -> bool:
    """Whether this process has CAP_NET_ADMIN."""
    return bool(has(root, "self", CAP_NET_ADMIN))


def has(root: Path, process: str, capability: int) -> bool | None:
    """Whether the process has the capability; None if it is not there, or does not tell."""
    for line in text_of(root / "proc" / process / "status").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            with contextlib.suppress(ValueError):
                return bool(int(value, 16) >> capability & 1)
    return None


def release(root: Path) -> str:
    """The running kernel's, as `uname -r` says it."""
    return text_of(root / "proc/sys/kernel/osrelease").strip()


def loadable(root: Path, module: str) -> bool | None:
    """Whether modprobe finds `module` for the running kernel; None where that cannot be told, as in containers."""
    folder = root / "lib/modules" / release(root)
    return _known(folder, module) if folder.is_dir() else None


def built_in(root: Path) -> bool:
    """Whether ip_vs is part of the kernel's image."""
    modules = text_of(root / "proc/modules").splitlines()
    return not any(line.startswith("ip_vs ") for line in modules)


def hprio(root: Path, dkms: str | None) -> Hprio:
    """dkms: path of the program, None if it is not installed."""
    return Hprio(
        loaded=text_of(root / "sys/module/ip_vs_hprio/version").strip(),
        builds=None if dkms is None else _builds(dkms),
        kernels=tuple(_kernels(root)),
        signed_only=_signed_only(root),
    )


def _kernels(root: Path) -> list[Modules]:
    """Those that can be booted: DKMS leaves folders without the kernel's own modules behind."""
    with contextlib.suppress(OSError):
        folders = sorted(folder for folder in (root / "lib/modules").iterdir() if (folder / "kernel").is_dir())
        return [Modules(one.name, _known(one, "ip_vs_hprio"), (one / "build").exists()) for one in folders]
    return []


def _known(folder: Path, module: str) -> bool:
    """depmod wrote down every module file (`updates/dkms/ip_vs_hprio.ko.xz: …`), and what the image itself has.

    A file may have been deleted since.
    """
    files, builtin = (text_of(folder / name).splitlines() for name in ("modules.dep", "modules.builtin"))
    found = [path for line in files if _is_of(module, path := line.partition(":")[0])]
    return any((folder / path).exists() for path in found) or any(_is_of(module, path) for path in builtin)


def _is_of(module: str, path: str) -> bool:
    return path.rpartition("/")[2].startswith(f"{module}.ko")


def _builds(dkms: str) -> tuple[Build, ...] | DkmsSilent:
    """What `dkms status` tells of our package; it fails, for one, when the source of a module that it knows is gone."""
    command = [dkms, "status", "-m", PACKAGE]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=DKMS_PATIENCE, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return DkmsSilent(str(error))
    builds = tuple(build for line in told.stdout.splitlines() if (build := build_of(line)) is not None)
    if told.returncode and not builds:
        return DkmsSilent(" ".join((told.stderr or told.stdout).split()) or f"exit status {told.returncode}")
    return builds


def build_of(line: str) -> Build | None:
    """`ip-vs-hprio/1.0.0, 6.1.0-56-amd64, x86_64: installed`; None for any other package's.

    Before dkms 3 there was a comma after the name. Remarks may follow the state: `installed (WARNING! …)`.
    """
    where, _, state = line.partition(":")
    name, version, *kernel = [word.strip() for word in where.replace("/", ",", 1).split(",")] + [""]
    if name != PACKAGE or not version or not state.split():
        return None
    return Build(version, kernel[0], state.split()[0])


def _signed_only(root: Path) -> bool:
    """lockdown: `none [integrity] confidentiality`, the chosen one in brackets."""
    lockdown = text_of(root / "sys/kernel/security/lockdown")
    enforced = text_of(root / "sys/module/module/parameters/sig_enforce").strip() == "Y"
    return enforced or ("[" in lockdown and "[none]" not in lockdown)
