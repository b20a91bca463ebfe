"""Kernels of our own: how they are kept and found, and that they are what they are built for."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab import __main__, here, kernels, source, uml

RUN_LAB = Path("/run/lab")
VIP, REAL = ("192.0.2.1", 80), ("192.0.2.11", 80)


def ipvsadm(*arguments: str) -> None:
    subprocess.run(["ipvsadm", *arguments], check=True)


def real_clock() -> float:
    """Seconds: what the host stamps on a file that the guest makes in the folder that they share."""
    stamp = RUN_LAB / "stamp"
    stamp.unlink(missing_ok=True)
    stamp.touch()
    return stamp.stat().st_mtime


@pytest.mark.kernels("old", "new", "debug")
@pytest.mark.timeout(900)
def test_sleep_costs_nothing() -> None:
    began, began_here = time.monotonic(), real_clock()
    time.sleep(600)
    assert time.monotonic() - began >= 600
    assert 0 <= real_clock() - began_here < 60


@pytest.fixture
def server(netns: None) -> Iterator[socket.socket]:
    """A real server with a virtual service before it, both on this host."""
    for address, _ in (VIP, REAL):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    with socket.create_server(REAL) as listener:
        ipvsadm("-A", "-t", "192.0.2.1:80", "-s", "rr")
        ipvsadm("-a", "-t", "192.0.2.1:80", "-r", "192.0.2.11:80", "-m", "-x", "4", "-y", "2")
        yield listener


def opened(attempts: int, held: ExitStack) -> int:
    """How many of so many connections to the virtual service are taken; they stay open."""
    taken = 0
    for _ in range(attempts):
        try:
            held.enter_context(socket.create_connection(VIP, timeout=60))
        except ConnectionRefusedError:
            continue
        taken += 1
    return taken


@pytest.mark.kernels("old", "new", "debug")
def test_a_full_server_whose_upper_threshold_is_raised(server: socket.socket) -> None:
    """The old overload code forgets the overload at once; the new one sees that it is not below the lower threshold."""
    with ExitStack() as held:
        assert opened(6, held) == 4
        ipvsadm("-e", "-t", "192.0.2.1:80", "-r", "192.0.2.11:80", "-m", "-x", "6", "-y", "2")
        assert opened(4, held) == (2 if here.KERNEL == "old" else 0)


@pytest.mark.kernels("old", "new", "debug")
def test_hprio_is_loaded_by_the_kernel_itself(netns: None) -> None:
    ipvsadm("-A", "-t", "192.0.2.1:80", "-s", "hprio")
    assert "ip_vs_hprio" in Path("/proc/modules").read_text()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(source, "CACHE", tmp_path)
    return tmp_path


def test_what_was_never_built(cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(uml, "missing", lambda _: None)
    monkeypatch.setattr("sys.argv", ["lab", "--kernel", "new", "--", "true"])
    assert __main__.main() == 1
    assert capsys.readouterr().err == "no kernel new here: python -m tests.lab.kernels new\n"


def test_an_option_that_this_kernel_does_not_have_is_refused() -> None:
    with pytest.raises(source.CannotBuildError, match=r"^this kernel does not have: CONFIG_B=y CONFIG_C=m$"):
        kernels.refuse_lost("# why\nCONFIG_A=y\nCONFIG_B=y\nCONFIG_C=m\n", "CONFIG_A=y\nCONFIG_C=y\nCONFIG_D=y\n")


def test_of_a_kernel_only_the_newest_is_kept(cache: Path) -> None:
    for name in ("one", "two"):
        (cache / "new" / name).mkdir(parents=True)
        kernels.make_current(cache / "new" / name)
    assert sorted(path.name for path in (cache / "new").iterdir()) == ["current", "two"]
    assert (cache / "new" / "current").resolve().name == "two"


def test_a_checkout_whose_path_make_cannot_take(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CACHE", cache / "my work")
    with pytest.raises(
        source.CannotBuildError, match=r"^make cannot build a kernel in a path with spaces or colons: /"
    ):
        source.unpacked("6.12.1-1")


@pytest.mark.parametrize("name", kernels.RECIPES)
def test_an_option_is_asked_for_once(name: str) -> None:
    lines = kernels.RECIPES[name].text().splitlines()
    asked = [line.split("=")[0] for line in lines if line.startswith("CONFIG_")]
    assert sorted(set(asked)) == sorted(asked)
