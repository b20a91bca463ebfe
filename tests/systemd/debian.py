"""A small Debian in a folder, with lvsctl installed as deploy/systemd says: what user-mode-linux boots as a machine."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.lab.module import MODULES

CHECKOUT: Final = Path(__file__).parents[2]
DEPLOY: Final = CHECKOUT / "deploy/systemd"
GUEST: Final = Path(__file__).with_name("guest")
PACKAGES: Final = (
    "systemd-sysv",
    "dbus",
    "kmod",
    "procps",
    "python3",
    "python3-venv",
    "iproute2",
    "ipvsadm",
    "keepalived",
)
PLACES: Final = {
    DEPLOY / "lvsctl.service": "etc/systemd/system/lvsctl.service",
    DEPLOY / "lvsctl.modules-load.conf": "etc/modules-load.d/lvsctl.conf",
    DEPLOY / "lvsctl.sysusers.conf": "etc/sysusers.d/lvsctl.conf",
    DEPLOY / "lvsctl.tmpfiles.conf": "etc/tmpfiles.d/lvsctl.conf",
    GUEST / "site.yaml": "etc/lvsctl/conf.d/site.yaml",
    GUEST / "beside.yaml": "etc/lvsctl/beside.yaml",
    GUEST / "keepalived.conf": "etc/keepalived/keepalived.conf",
    GUEST / "fstab": "etc/fstab",
    GUEST / "story.service": "etc/systemd/system/story.service",
    GUEST / "story": "usr/local/bin/story",
    GUEST / "hook": "usr/local/bin/hook",
}


class CannotInstall(Exception):
    """In words."""


def installed() -> Path:
    """The folder, with this checkout's lvsctl in it; the Debian in it is made once. Raises CannotInstall."""
    root = CHECKOUT / "build/systemd"
    made = root / "packages"
    if not made.exists() or made.read_text() != " ".join(PACKAGES):
        _debootstrap(root)
    for source, place in PLACES.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / place)
    with _proc(root):
        _install(root)
        _run("chroot", root, "systemd-sysusers")
        _run("chroot", root, "systemctl", "enable", "--quiet", "story")
        _run("chroot", root, "systemctl", "disable", "--quiet", "keepalived", "ipvsadm")
    return root


def _debootstrap(root: Path) -> None:
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    shutil.rmtree(root, ignore_errors=True)
    print(f"making a Debian {release}, which takes minutes", flush=True)
    _run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", release, root, _mirror(release))
    shutil.copytree(MODULES, root / "lib/modules", symlinks=True, dirs_exist_ok=True)
    (root / "packages").write_text(" ".join(PACKAGES))


def _mirror(release: str) -> str:
    """Where this machine has its Debian from."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for line in listed.splitlines():
        name, _, address = line.partition(" ")
        if name == release:
            return address
    raise CannotInstall(f"apt has no sources of {release}")


def _install(root: Path) -> None:
    """With the wheels that this machine's pip finds: the guest has no network."""
    ours = ".".join(map(str, sys.version_info[:2]))
    theirs = _run("chroot", root, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    if ours != theirs:
        raise CannotInstall(f"Debian's Python is {theirs}, and this one {ours}: its wheels do not fit")
    wheels = root / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", wheels, CHECKOUT)
    _run("chroot", root, "python3", "-m", "venv", "--clear", "/opt/lvsctl")
    offline = ("--quiet", "--no-index", "--find-links", "/wheels")
    _run("chroot", root, "/opt/lvsctl/bin/pip", "install", *offline, "lvsctl")


@contextmanager
def _proc(root: Path) -> Iterator[None]:
    _run("mount", "-t", "proc", "proc", root / "proc")
    try:
        yield
    finally:
        _run("umount", root / "proc")


def _run(*command: str | Path) -> str:
    """What it prints. Raises CannotInstall with its last words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise CannotInstall(f"{' '.join(map(str, command[:3]))}: {last}")
    return done.stdout
