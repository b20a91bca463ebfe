"""Debian's newest kernels of the series we support: which they are, and their images, fetched and cut to size."""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.source import CannotBuildError, download

CACHE = Path(__file__).parents[2] / "build" / "stock"
# Debian 12's own series has metapackages without a number.
SERIES = {"6.1": "", "6.12": "6.12-"}
FLAVOURS = {"generic": "amd64", "cloud": "cloud-amd64"}
NAMES = tuple(f"{series}-{flavour}" for series in SERIES for flavour in FLAVOURS)
# What a guest may ask for; modprobe adds what these need.
WANTED = ("ip_vs", "veth", "crc32c_generic")
UNWANTED = ("ip_vs_ftp", "ip_vs_pe_sip")


@dataclass(frozen=True, slots=True)
class Kernel:
    """name: of NAMES, for people. release: as `uname -r`. version: of its Debian packages."""

    name: str
    release: str
    version: str


def headers(name: str) -> str:
    """The metapackage that a user installs to get, and to keep, this kernel's newest headers."""
    series, flavour = name.split("-")
    return f"linux-headers-{SERIES[series]}{FLAVOURS[flavour]}"


def newest(name: str) -> Kernel:
    """The newest that apt knows of; ends the program if that is not of the series, or apt knows of none."""
    package = headers(name)
    shown = _out("apt-cache", "show", "--no-all-versions", package)
    found = re.search(r"^Depends: .*linux-headers-(\d\S+) \(= (\S+?)\)", shown, re.MULTILINE)
    series = name.partition("-")[0]
    if found is None or not found[1].startswith(f"{series}."):
        raise SystemExit(f"{package}: apt knows of no kernel {series}; this needs Debian 12, and `apt-get update`")
    return Kernel(name, found[1], found[2])


def built(kernel: Kernel) -> Path:
    """Where this kernel's headers are installed; ends the program if they are not."""
    folder = Path("/lib/modules") / kernel.release / "build"
    if not folder.exists():
        raise SystemExit(
            f"no headers of {kernel.release}: apt-get install --no-install-recommends {headers(kernel.name)}"
        )
    return folder


def image(kernel: Kernel) -> Path:
    """A folder with `vmlinuz` and `lib/modules/RELEASE`: of the modules, WANTED, every scheduler and what they need.

    Taken from the package as it is, only unpacked: modules are decompressed. Fetched once.
    """
    folder = CACHE / f"{kernel.release}_{kernel.version}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetch-") as scratch:
        whole, cut = Path(scratch, "whole"), Path(scratch, "cut")
        _fetch(kernel, Path(scratch), whole)
        _cut(kernel, whole, cut)
        cut.rename(folder)
    return folder


def _fetch(kernel: Kernel, scratch: Path, whole: Path) -> None:
    try:
        archive = download(f"linux-image-{kernel.release}", kernel.version, scratch)
    except CannotBuildError as problem:
        raise SystemExit(str(problem)) from None
    subprocess.run(["dpkg-deb", "-x", archive, whole], check=True)
    archive.unlink()


def _cut(kernel: Kernel, whole: Path, cut: Path) -> None:
    subprocess.run(["depmod", "-b", whole, kernel.release], check=True)
    for source in sorted(set(_needed(kernel, whole))):
        goal = cut / source.relative_to(whole)
        goal.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".xz":
            goal.with_suffix("").write_bytes(lzma.decompress(source.read_bytes()))
        else:
            shutil.copy(source, goal)
    modules = Path("lib/modules") / kernel.release
    for source in (whole / modules).glob("modules.builtin*"):
        if source.suffix != ".bin":
            shutil.copy(source, cut / modules)
    shutil.copy(whole / modules / "modules.order", cut / modules)
    shutil.copy(whole / "boot" / f"vmlinuz-{kernel.release}", cut / "vmlinuz")


def _needed(kernel: Kernel, whole: Path) -> Iterator[Path]:
    ipvs = whole / "lib/modules" / kernel.release / "kernel/net/netfilter/ipvs"
    schedulers = {path.name.partition(".")[0] for path in ipvs.iterdir()} - set(UNWANTED)
    shown = _out("modprobe", "-d", whole, "-S", kernel.release, "--show-depends", "-a", *WANTED, *schedulers)
    for line in shown.splitlines():
        word, _, path = line.strip().partition(" ")
        if word == "insmod":
            yield Path(path)


def _out(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
