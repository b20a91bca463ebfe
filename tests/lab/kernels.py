"""`python -m tests.lab.kernels NAME...`: build user-mode-linux kernels of our own from Debian's sources.

`old` and `new` have the two generations of the overload code; `debug` has KASAN and lockdep. Time travels in all of
them. Each is kept in build/kernels/NAME until its source package or its configuration changes. Tests run in one by

    python -m tests.lab --kernel debug --timeout 3000 -- .venv/bin/pytest -p no:cacheprovider -m kernel tests/kernel

which fails, with the report, also when all tests pass but the kernel has found fault with itself.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import module, source
from tests.lab.source import CannotBuildError

CONFIG = Path(__file__).with_name("config")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a kernel is made of: the version of Debian's source, when asked, and files of config/, later ones win."""

    version: Callable[[], str]
    config: tuple[str, ...] = ("base",)

    def text(self) -> str:
        """The options, without the comments: a better comment is no other kernel."""
        lines = "".join((CONFIG / name).read_text() for name in self.config).splitlines(keepends=True)
        return "".join(line for line in lines if "CONFIG_" in line)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel to boot: the program, the folder whose RELEASE/ holds its modules, whether time travels in it."""

    name: str
    program: Path
    modules: Path
    time_travel: bool


RECIPES = {
    "old": Recipe(source.of_user_mode_linux),
    "new": Recipe(lambda: source.newest("linux-source-6.12")),
    "debug": Recipe(lambda: source.newest("linux-source-6.12"), ("base", "debug")),
}


def find(name: str) -> Kernel:
    """The kernel `name`, built earlier, with hprio as it is now. Raises CannotBuildError."""
    current = source.CACHE / name / "current"
    if not current.exists():
        raise CannotBuildError(f"no kernel {name} here: python -m tests.lab.kernels {name}")
    place = current.resolve()
    modules = place / f"modules-{module.fingerprint(place.name)}"
    with source.only_one(place / "lock"):
        if not modules.exists():
            (shipped,) = (place / "lib" / "modules").iterdir()
            module.make_tree(modules, objects=place / "objects", index=shipped, others=shipped / "kernel")
    return Kernel(name=name, program=place / "linux", modules=modules / "lib" / "modules", time_travel=True)


def build(name: str) -> Kernel:
    """The kernel `name`, built anew if the one at hand is of another source or configuration."""
    recipe = RECIPES[name]
    version = recipe.version()
    if not version:
        raise CannotBuildError("no user-mode-linux here: apt-get install --no-install-recommends user-mode-linux")
    place = source.CACHE / name / hashlib.sha256(f"{version}\n{recipe.text()}".encode()).hexdigest()[:12]
    with source.only_one(source.CACHE / f"{name}.lock"):
        if not (place / "linux").exists():
            print(f"building kernel {name} from linux-source {version}, which takes minutes", file=sys.stderr)
            shutil.rmtree(place, ignore_errors=True)
            _make_kernel(place, source.unpacked(version), recipe.text())
        make_current(place)
    return find(name)


def _make_kernel(place: Path, tree: Path, config: str) -> None:
    objects = place / "objects"
    objects.mkdir(parents=True)
    (place / "config").write_text(config)
    goal = ["-C", str(tree), "ARCH=um", f"O={objects}"]
    source.run_make([*goal, f"KCONFIG_ALLCONFIG={place / 'config'}", "allnoconfig"])
    refuse_lost(config, (objects / ".config").read_text())
    source.run_make([*goal, f"-j{len(os.sched_getaffinity(0))}", "linux", "modules"])
    source.run_make([*goal, f"INSTALL_MOD_PATH={place}", "DEPMOD=true", "modules_install"])
    for path in objects.rglob("*.[oa]"):  # a hundred megabytes that no module asks for
        if "scripts" not in path.relative_to(objects).parts:
            path.unlink()
    subprocess.run(["strip", "-o", place / "linux", objects / "linux"], check=True)


def make_current(place: Path) -> None:
    """Guests that run from an older kernel of the name have read it; its place goes."""
    current = place.with_name("current")
    if current.is_symlink() and current.resolve() == place:
        return
    current.unlink(missing_ok=True)
    current.symlink_to(place.name)
    for other in place.parent.iterdir():
        if other not in (place, current):
            shutil.rmtree(other, ignore_errors=True)


def refuse_lost(wanted: str, got: str) -> None:
    """An option that does not exist, or lacks what it depends on, vanishes without a word: not here."""
    lines = set(got.splitlines())
    lost = [line for line in wanted.splitlines() if line.startswith("CONFIG_") and line not in lines]
    if lost:
        raise CannotBuildError(f"this kernel does not have: {' '.join(lost)}")


def main(names: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.kernels", description=__doc__)
    parser.add_argument("names", nargs="+", choices=RECIPES, metavar="NAME", help=", ".join(RECIPES))
    for name in parser.parse_args(names).names:
        try:
            print(build(name).program)
        except CannotBuildError as problem:
            print(f"no kernel {name}: {problem}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
