"""What the lab does with its guest, shown with a stand-in for linux.uml that boots at once."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab import uml
from tests.lab.kernels import Kernel

GUEST = """#!/bin/sh
for word; do
    case $word in lab=*) lab=${word#lab=} ;; init=*) init=${word#init=} ;; time-travel=*) export "TRAVEL=$word" ;; esac
done
[ -x "$init" ] || exit 1
printf 'boot\\n\\n=== lab: begin ===\\n'
export COMMAND="$lab/command"
sh "$COMMAND"
status=$?
[ $status = 9 ] || echo $status >"$lab/status"
printf '\\n=== lab: end ===\\n'
"""
RUN = "import sys; from tests.lab import __main__, here; here.native = lambda: 'not here'; sys.exit(__main__.main())"


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lab's scratch folders are made in it."""
    for name in (uml.DEBIAN, "ipvsadm", "ip", "modprobe"):
        (tmp_path / name).write_text(GUEST)
        (tmp_path / name).chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))
    return scratch


@pytest.mark.parametrize(("told", "status"), [(0, 0), (1, 1), (77, 77), (9, 125)])
def test_the_commands_status_is_passed_on(guest: Path, told: int, status: int) -> None:
    assert uml.run(["sh", "-c", f"exit {told}"], memory="1M", timeout=60, kernel=uml.kernel(None)) == status
    assert list(guest.iterdir()) == []


def test_what_the_command_prints_is_passed_on(guest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert uml.run(["printf", r"a  b\n\nc"], memory="1M", timeout=60, kernel=uml.kernel(None)) == 0
    assert capsys.readouterr().out == "a  b\n\nc\n"


@pytest.mark.parametrize("told", [0, 5])
def test_what_the_kernel_says_against_itself_is_shown(
    guest: Path, capsys: pytest.CaptureFixture[str], told: int
) -> None:
    report = "[ 1.0] BUG: KASAN: slab-use-after-free in ip_vs_hprio_schedule+0x1/0x2\n[ 1.0] Call Trace:\n"
    log = f"[ 0.5] IPVS: [hprio] scheduler registered.\n{report}"
    script = f"printf %s {shlex.quote(log)} >$(dirname $COMMAND)/log; exit {told}"
    assert uml.run(["sh", "-c", script], memory="1M", timeout=60, kernel=uml.kernel(None)) == (told or 1)
    assert capsys.readouterr().out == report


SAY = "echo $LVSCTL_LAB $LVSCTL_LAB_KERNEL ${LVSCTL_LAB_TIME_TRAVEL:-0} ${TRAVEL:-none}"


@pytest.mark.parametrize(
    ("name", "travel", "said"), [("debian", False, "1 debian 0 none\n"), ("new", True, "1 new 1 time-travel=inf-cpu\n")]
)
def test_a_command_knows_its_kernel(
    guest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, travel: bool, said: str
) -> None:
    kernel = Kernel(name=name, program=tmp_path / uml.DEBIAN, modules=tmp_path, time_travel=travel)
    assert uml.run(["sh", "-c", SAY], memory="1M", timeout=60, kernel=kernel) == 0
    assert capsys.readouterr().out == said


def test_a_checkout_with_spaces_in_its_path(guest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "my work"
    checkout.mkdir()
    (checkout / "init").touch(0o755)
    monkeypatch.chdir(checkout)
    monkeypatch.setattr(uml, "INIT", checkout / "init")
    boots: list[list[str]] = []
    popen = subprocess.Popen

    def seen(arguments: list[str], **options: object) -> object:
        boots.append(arguments)
        return popen(arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", seen)
    assert uml.run(["test", "-x", "init"], memory="1M", timeout=60, kernel=uml.kernel(None)) == 0
    assert not [word for word in boots[0] if " " in word]


def test_a_guest_that_takes_too_long_is_ended(guest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert uml.run(["sleep", "600"], memory="1M", timeout=0.2, kernel=uml.kernel(None)) == 124
    assert capsys.readouterr().out.endswith("lab: ended after 0 s\n")
    assert list(guest.iterdir()) == []


def runs(process: int) -> bool:
    """Killed, it is gone, or a zombie until the init that inherited it looks after it."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, -signal.SIGINT)]
)
def test_whoever_ends_the_lab_ends_the_guest(guest: Path, number: signal.Signals, status: int) -> None:
    command = [sys.executable, "-c", RUN, "--", "sh", "-c", "echo $$; exec sleep 600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as lab:
        assert lab.stdout is not None
        inner = int(lab.stdout.readline())
        lab.send_signal(number)
        assert lab.wait(30) == status
    deadline = time.monotonic() + 30
    while runs(inner):
        assert time.monotonic() < deadline, "the guest outlives the lab"
    assert list(guest.iterdir()) == []
