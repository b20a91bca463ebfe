"""The module is built by DKMS for every kernel that is installed, and no tool has anything to say against it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab import source
from tests.stock import debian
from tests.stock.conftest import Site
from tests.stock.debian import Kernel, built
from tests.stock.dkms import MODULE, SOURCE, Dkms

pytestmark = [pytest.mark.stock, pytest.mark.timeout(300)]
# What a build of any module says here, whatever the module: there is no vmlinux beside the headers.
EXPECTED = ("Skipping BTF generation for ", "make: Entering directory ", "make: Leaving directory ")
STEPS = ("CC [M]", "CHECK", "MODPOST", "LD [M]", "BTF [M]")


def test_dkms_installs_it_and_rebuilds_it_by_itself(site: Site, kernel: Kernel) -> None:
    assert site.module(kernel).startswith(b"\x7fELF")
    assert f"ip-vs-hprio/{site.dkms.package()[1]}, {kernel.release}, x86_64: installed" in site.dkms.status()


def test_nothing_is_left_of_it_but_the_source_after_its_removal(tmp_path: Path) -> None:
    dkms, kernel = Dkms(tmp_path), debian.newest("6.12-cloud")
    dkms.add()
    dkms.install(kernel)
    assert dkms.installed(kernel)
    dkms.remove()
    assert dkms.status() == []
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()}
    copy = f"source/{'-'.join(dkms.package())}"
    assert left == {"mok.key", "mok.pub", *(f"{copy}/{path.name}" for path in SOURCE.iterdir())}


def test_no_warning_of_gcc_or_sparse(kernel: Kernel, tmp_path: Path) -> None:
    folder = tmp_path / "module"
    shutil.copytree(SOURCE, folder)
    told = source.run_make(["-C", str(built(kernel)), f"M={folder}", "C=2", "W=1", "CHECK=sparse", "modules"])
    assert [line for line in told.splitlines() if not line.strip().startswith((*EXPECTED, *STEPS))] == []
    assert f"CHECK   {folder}/{MODULE}.c" in told
    assert (folder / f"{MODULE}.ko").exists()


def test_no_word_of_checkpatch() -> None:
    script = source.unpacked(source.newest("linux-source-6.12")) / "scripts" / "checkpatch.pl"
    check = ["perl", str(script), "--no-tree", "--strict", "--file", str(SOURCE / f"{MODULE}.c")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "total: 0 errors, 0 warnings, 0 checks, " in done.stdout
