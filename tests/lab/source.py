"""Debian's kernel sources: which version, unpacked once into the cache, made."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).parents[2] / "build" / "kernels"
NOT_NEEDED = (
    "arch/[a-tvwyz]*.[chS]", "drivers/[ad-mo-su-z]*.[ch]", "drivers/net/*/*.[ch]", "sound/*.[ch]", "*.dts*",
    "tools/[a-hj-z]*.[chS]", "tools/perf/*", "Documentation/*/*",
)  # fmt: skip
"""Three quarters of the source: other machines, and drivers that user-mode-linux has nothing to drive with."""


class CannotBuildError(Exception):
    """What is missing, and what to install, in one line; or else the last words of the program that failed."""


def of_user_mode_linux() -> str:
    """The version of Debian's source package that the installed user-mode-linux was built from; empty if none is."""
    said = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Built-Using}", "user-mode-linux"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    named = re.search(r"\blinux \(= ([^)]+)\)", said.stdout)
    return named[1] if named else ""


def newest(package: str) -> str:
    """The version of `package` that apt would install."""
    said = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
    named = re.search(r"^ *Candidate: (\d\S*)", said.stdout, re.MULTILINE)
    if named is None:
        raise CannotBuildError(f"apt knows no package {package}: apt-get update")
    return named[1]


def unpacked(version: str) -> Path:
    """The folder with the kernel source of that version, without what is NOT_NEEDED; downloaded if it is not there."""
    if re.search(r"[\s:]", str(CACHE)):
        raise CannotBuildError(f"make cannot build a kernel in a path with spaces or colons: {CACHE}")
    place = CACHE / f"source-{version}"
    with only_one(CACHE / f"{place.name}.lock"):
        if not place.exists():
            unfinished = place.with_name(f"{place.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            _unpack("linux-source-" + ".".join(version.split(".")[:2]), version, unfinished)
            unfinished.rename(place)
    return place


def download(package: str, version: str, into: Path) -> Path:
    """The package as a file in the folder `into`."""
    wanted = f"{package}={version}"
    fetch = ["apt-get", "download", "--quiet", wanted]
    done = subprocess.run(fetch, cwd=into, capture_output=True, text=True, check=False)
    if done.returncode:
        why = " ".join(line for line in done.stderr.splitlines() if line.startswith("E: "))
        raise CannotBuildError(f"cannot download {wanted}; `apt-get update` may help: {why}")
    (deb,) = into.glob(f"{package}_*.deb")
    return deb


def _unpack(package: str, version: str, into: Path) -> None:
    if shutil.which("xz") is None:
        raise CannotBuildError("no xz here: apt-get install --no-install-recommends xz-utils")
    with tempfile.TemporaryDirectory() as scratch:
        deb = download(package, version, Path(scratch))
        without = " ".join(f"--exclude='{package}/{pattern}'" for pattern in NOT_NEEDED)
        into.mkdir(parents=True)
        pipe = (
            f"dpkg-deb --fsys-tarfile '{deb}' | tar xf - --to-stdout ./usr/src/{package}.tar.xz"
            f" | xz -dcT0 | tar xf - -C '{into}' --strip-components=1 --wildcards {without}"
        )
        done = subprocess.run(["bash", "-o", "pipefail", "-c", pipe], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise CannotBuildError(f"cannot unpack {package}={version}:\n{done.stderr.strip()}")


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """One builder at a time of what that file stands for; the others wait, and find its work done."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def run_make(arguments: Sequence[str]) -> str:
    """What `make` prints, as if it had not been called by another make.

    LOCALVERSION= keeps a `+` out of the release: to make, a checkout is a changed kernel.
    """
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    try:
        done = subprocess.run(
            ["make", "LOCALVERSION=", *arguments],
            env=outside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise CannotBuildError("no make here: apt-get install --no-install-recommends make gcc flex bison bc") from None
    if done.returncode:
        raise CannotBuildError(f"make {' '.join(arguments)} failed:\n{done.stdout[-3000:]}")
    return done.stdout
