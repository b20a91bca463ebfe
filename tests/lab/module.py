"""`python -m tests.lab.module`: build the scheduler hprio for Debian's user-mode-linux, as a tree that modprobe reads.

The package names the exact source that it was built from, which is packaged too (lab.md). Everything is kept in
build/kernels, under the hash of what it was made from.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "deploy" / "ip-vs-hprio"
CACHE = ROOT / "build" / "kernels"
CONFIG = Path("/usr/share/doc/user-mode-linux/config.gz")
MODULES = Path("/usr/lib/uml/modules")
NOT_NEEDED = (
    "*/drivers/*.[chS]", "*/sound/*.[ch]", "*/fs/*.c", "*/tools/testing/*", "*.rst", "*.dts*",
)  # fmt: skip
"""Two thirds of the source: not compiled, and not read, by what prepares a kernel for building modules."""


class CannotBuildError(Exception):
    """One line: what is missing, and what to install."""


def tree() -> Path | None:
    """What holds lib/modules/RELEASE of Debian's user-mode-linux with hprio in it; None before it was built."""
    made = _place()
    return made if made is not None and made.exists() else None


def build() -> Path:
    """Make that tree, or find it made. Raises CannotBuildError."""
    place = _place()
    if place is None:
        raise CannotBuildError("no user-mode-linux here: apt-get install --no-install-recommends user-mode-linux")
    with only_one(CACHE):
        if not place.exists():
            _make_tree(place)
    return place


def compiled(objects: Path, into: Path, *, source: Path = SOURCE) -> Path:
    """Compile `source` against a prepared user-mode-linux build folder; returns the .ko, in `into`.

    Raises CannotBuildError with the compiler's words; what it only warns of counts as well, but for symbols that a
    kernel without a Module.symvers cannot know.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "module"
        shutil.copytree(source, copy)
        said = run_make(["-C", str(objects), "ARCH=um", f"M={copy}", "W=1", "KBUILD_MODPOST_WARN=1", "modules"])
        if "warning:" in said:
            raise CannotBuildError(f"the module does not compile without warnings:\n{said}")
        into.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(copy / "ip_vs_hprio.ko", into))


def fingerprint(*more: str, source: Path = SOURCE) -> str:
    """Hash of the module's source and of `more`, 12 hexadecimal digits."""
    parts = [path.read_bytes() for path in sorted(source.iterdir()) if path.suffix == ".c" or path.name == "Kbuild"]
    return hashlib.sha256(b"\0".join([*parts, *(one.encode() for one in more)])).hexdigest()[:12]


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """One builder at a time in `folder`, which is made; the others wait, and find its work done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_make(arguments: Sequence[str]) -> str:
    """What `make` prints. LOCALVERSION= keeps a `+` out of the release: to make, a checkout is a changed kernel."""
    try:
        done = subprocess.run(
            ["make", "-s", "LOCALVERSION=", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise CannotBuildError("no make here: apt-get install --no-install-recommends make gcc flex bison bc") from None
    if done.returncode:
        raise CannotBuildError(f"make {' '.join(arguments)} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def unpack(package: str, version: str, into: Path, *, leave_out: Sequence[str] = ()) -> None:
    """Download Debian's linux-source `package` at `version`; its kernel source, unpacked, becomes the folder `into`."""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            ["apt-get", "download", f"{package}={version}"], cwd=scratch, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotBuildError(f"cannot download {package}={version}: apt-get update\n{done.stderr.strip()}")
        (deb,) = Path(scratch).glob("*.deb")
        without = " ".join(f"--exclude='{pattern}'" for pattern in leave_out)
        into.mkdir(parents=True)
        pipe = (
            f"dpkg-deb --fsys-tarfile '{deb}' | tar xf - --to-stdout ./usr/src/{package}.tar.xz"
            f" | tar xJf - -C '{into}' --strip-components=1 --wildcards {without}"
        )
        subprocess.run(["bash", "-o", "pipefail", "-c", pipe], check=True)


def _release() -> str | None:
    found = sorted(MODULES.glob("*/modules.symbols"))
    return found[-1].parent.name if found else None


def _place() -> Path | None:
    release = _release()
    return None if release is None else CACHE / "debian" / f"modules-{fingerprint(release, _built_from())}"


def _built_from() -> str:
    """The version of Debian's source package that the installed user-mode-linux was built from."""
    said = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Built-Using}", "user-mode-linux"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    named = re.search(r"\blinux \(= ([^)]+)\)", said.stdout)
    return named[1] if named else ""


def _make_tree(place: Path) -> None:
    release = _release()
    assert release is not None
    unfinished = place.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    folder = unfinished / "lib" / "modules" / release
    compiled(_prepared(release), folder / "extra")
    (folder / "kernel").symlink_to(MODULES / release / "kernel")
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(MODULES / release / name, folder)
    subprocess.run(["/sbin/depmod", "-b", unfinished, release], check=True)
    unfinished.rename(place)


def _prepared(release: str) -> Path:
    """A build folder of exactly the installed kernel, as far as modules need it."""
    version = _built_from()
    objects = CACHE / "debian" / f"objects-{version}"
    if (objects / "Module.symvers").exists():
        return objects
    source = CACHE / "debian" / f"source-{version}"
    for old in (source, objects):
        shutil.rmtree(old, ignore_errors=True)
    unpack("linux-source-" + ".".join(release.split(".")[:2]), version, source, leave_out=NOT_NEEDED)
    objects.mkdir()
    (objects / ".config").write_bytes(gzip.decompress(CONFIG.read_bytes()))
    for goal in ("olddefconfig", "modules_prepare"):
        run_make(["-C", str(source), "ARCH=um", f"O={objects}", "-j2", goal])
    (objects / "Module.symvers").write_text("".join(_symbols(release)))
    return objects


def _symbols(release: str) -> Iterator[str]:
    """What the kernel's own modules export; the package has no Module.symvers, its kernel no versions of symbols."""
    for line in (MODULES / release / "modules.symbols").read_text().splitlines():
        if line.startswith("alias symbol:"):
            symbol, owner = line.removeprefix("alias symbol:").split()
            yield f"0x00000000\t{symbol}\t{owner}\tEXPORT_SYMBOL\t\n"


def main() -> int:
    try:
        print(build())
    except CannotBuildError as problem:
        print(f"no module hprio for the lab, which uses fo in its place: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
