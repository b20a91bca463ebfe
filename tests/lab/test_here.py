"""A host without an IPVS kernel is told so, whatever else it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import here


@pytest.fixture(autouse=True)
def root_without_ip_vs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "TABLE", tmp_path / "ip_vs")
    monkeypatch.setattr(here, "IN_LAB", False)
    monkeypatch.setattr("os.geteuid", lambda: 0)


@pytest.mark.parametrize("modprobe", [None, "false"])
def test_a_kernel_without_ip_vs(monkeypatch: pytest.MonkeyPatch, modprobe: str | None) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: modprobe)
    assert here.native() == "this kernel has no ip_vs; `make kernel` runs it in the lab"


def test_whoever_is_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert here.native() == "needs root and a kernel with ip_vs; `make kernel` runs it in the lab"
