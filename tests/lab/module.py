"""`python -m tests.lab.module`: build the scheduler hprio for Debian's user-mode-linux, as a tree that modprobe reads.

The package names the exact source that it was built from, which is packaged too (lab.md). Everything is kept in
build/kernels, under the hash of what it was made from.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.lab.source import CACHE, CannotBuildError, of_user_mode_linux, only_one, run_make, unpacked

SOURCE = Path(__file__).parents[2] / "deploy" / "ip-vs-hprio"
CONFIG = Path("/usr/share/doc/user-mode-linux/config.gz")
MODULES = Path("/usr/lib/uml/modules")


def tree() -> Path | None:
    """What holds lib/modules/RELEASE of Debian's user-mode-linux with hprio in it; None before it was built."""
    made = _place()
    return made if made is not None and made.exists() else None


def build() -> Path:
    """Make that tree, or find it made. Raises CannotBuildError."""
    release, place = _release(), _place()
    if release is None or place is None:
        raise CannotBuildError("no user-mode-linux here: apt-get install --no-install-recommends user-mode-linux")
    with only_one(CACHE / "debian.lock"):
        if not place.exists():
            shipped = MODULES / release
            make_tree(place, objects=_prepared(release), index=shipped, others=shipped / "kernel")
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


def make_tree(place: Path, *, objects: Path, index: Path, others: Path | None = None) -> None:
    """Make `place`/lib/modules/RELEASE for modprobe: hprio, and the modules in `others`.

    objects: the prepared build folder of the kernel. index: where modules.order and modules.builtin lie.
    """
    release = (objects / "include" / "config" / "kernel.release").read_text().strip()
    unfinished = place.with_name("modules-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    folder = unfinished / "lib" / "modules" / release
    compiled(objects, folder / "extra")
    if others is not None:
        (folder / "kernel").symlink_to(others)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(index / name, folder)
    subprocess.run(["/sbin/depmod", "-b", unfinished, release], check=True)
    unfinished.rename(place)


def _release() -> str | None:
    found = sorted(MODULES.glob("*/modules.symbols"))
    return found[-1].parent.name if found else None


def _place() -> Path | None:
    release = _release()
    return None if release is None else CACHE / "debian" / f"modules-{fingerprint(release, of_user_mode_linux())}"


def _prepared(release: str) -> Path:
    """A build folder of exactly the installed kernel, as far as modules need it."""
    version = of_user_mode_linux()
    objects = CACHE / "debian" / f"objects-{version}"
    if (objects / "Module.symvers").exists():
        return objects
    shutil.rmtree(objects, ignore_errors=True)
    source = unpacked(version)
    objects.mkdir(parents=True)
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
