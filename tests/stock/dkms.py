"""The module built by the real dkms, in trees of its own: nothing of the host's is touched."""

from __future__ import annotations

import lzma
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.stock.debian import Kernel, built

SOURCE = Path(__file__).parents[2] / "deploy" / "ip-vs-hprio"
MODULE = "ip_vs_hprio"


@dataclass(frozen=True, slots=True)
class Dkms:
    """folder: holds the three trees that dkms works on; without spaces in its path, which no kernel build can stand."""

    folder: Path

    def add(self) -> None:
        """By the command of the module's README, which copies it to the tree of sources."""
        for name in ("source", "tree"):
            (self.folder / name).mkdir()
        self("add", str(SOURCE))

    def remove(self) -> None:
        """From all kernels; the copy in the tree of sources is the user's to delete."""
        self("remove", "/".join(self.package()), "--all", "--no-depmod")

    def package(self) -> tuple[str, str]:
        """Name and version, as the configuration has them."""
        text = (SOURCE / "dkms.conf").read_text()
        name, version = (re.search(rf'^PACKAGE_{key}="(.+)"$', text, re.MULTILINE) for key in ("NAME", "VERSION"))
        assert name is not None
        assert version is not None
        return name[1], version[1]

    def install(self, kernel: Kernel) -> None:
        self._at(kernel, "install", "/".join(self.package()))

    def autoinstall(self, kernel: Kernel) -> None:
        """What Debian's hook does when a kernel's headers are installed."""
        self._at(kernel, "autoinstall")

    def installed(self, kernel: Kernel) -> bytes:
        """The module, as dkms has put it in place for this kernel."""
        updates = self.folder / "install" / kernel.release / "updates" / "dkms"
        packed = updates / f"{MODULE}.ko.xz"
        return lzma.decompress(packed.read_bytes()) if packed.exists() else (updates / f"{MODULE}.ko").read_bytes()

    def status(self) -> list[str]:
        return self("status").splitlines()

    def _at(self, kernel: Kernel, *words: str) -> None:
        built(kernel)
        (self.folder / "install" / kernel.release).mkdir(parents=True)
        # the index of modules is the guest's affair: depmod would write the host's
        self(*words, "-k", kernel.release, "--no-depmod")

    def __call__(self, *words: str) -> str:
        trees = [word for tree in ("dkms", "source", "install") for word in (f"--{tree}tree", str(self._tree(tree)))]
        key = {"mok_signing_key": str(self.folder / "mok.key"), "mok_certificate": str(self.folder / "mok.pub")}
        done = subprocess.run(
            ["dkms", *words, *trees],
            env={**os.environ, **key},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"dkms {' '.join(words)}: {done.returncode}\n{done.stdout}{self._logs()}"
        return done.stdout

    def _tree(self, name: str) -> Path:
        return self.folder / ("tree" if name == "dkms" else name)

    def _logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in self.folder.rglob("make.log"))


def module(kernel: Kernel) -> bytes:
    """The module for this kernel, from trees that are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lvsctl-dkms-") as folder:
        dkms = Dkms(Path(folder))
        dkms.add()
        dkms.install(kernel)
        return dkms.installed(kernel)
