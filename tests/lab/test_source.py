"""Kernel sources that cannot be had: one sentence, and what helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab import source
from tests.stock import debian
from tests.stock.debian import Kernel

NOT_FOUND = """#!/bin/sh
echo 'W: Download is performed unsandboxed' >&2
echo "E: Version '9' for '${3%=*}' was not found" >&2
exit 100
"""
BROKEN = """#!/bin/sh
echo rubbish >"${3%=*}_9_all.deb"
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stand-ins, asked first; the caches are empty."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for module in (source, debian):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    return folder


def put(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


def test_a_source_that_apt_does_not_have(programs: Path) -> None:
    put(programs / "apt-get", NOT_FOUND)
    with pytest.raises(source.CannotBuildError) as refused:
        source.unpacked("6.12.9-1")
    assert str(refused.value) == (
        "cannot download linux-source-6.12=6.12.9-1; `apt-get update` may help: "
        "E: Version '9' for 'linux-source-6.12' was not found"
    )


def test_an_image_that_apt_does_not_have(programs: Path) -> None:
    put(programs / "apt-get", NOT_FOUND)
    with pytest.raises(SystemExit) as ended:
        debian.image(Kernel("6.12-cloud", "6.12.9-cloud", "9"))
    assert str(ended.value) == (
        "cannot download linux-image-6.12.9-cloud=9; `apt-get update` may help: "
        "E: Version '9' for 'linux-image-6.12.9-cloud' was not found"
    )


def test_a_package_that_is_none(programs: Path) -> None:
    put(programs / "apt-get", BROKEN)
    with pytest.raises(source.CannotBuildError, match=r"^cannot unpack linux-source-6\.12=6\.12\.9-1:\n.*dpkg-deb: "):
        source.unpacked("6.12.9-1")
    assert not list(source.CACHE.glob("source-*-1"))


def test_a_host_without_xz(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))
    with pytest.raises(source.CannotBuildError) as refused:
        source.unpacked("6.12.9-1")
    assert str(refused.value) == "no xz here: apt-get install --no-install-recommends xz-utils"
