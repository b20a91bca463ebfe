"""`lvsctl doctor`: what is shown, the exit statuses, and what the daemon's socket tells it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lvsctl.daemon.examine import gather
from lvsctl.decide.doctor.facts import Area, Daemon, Finding, Level
from tests.cli.conftest import Answers, Run

LVSCTL = str(Path(sys.executable).with_name("lvsctl"))
FINE = Finding(Level.OK, Area.KERNEL, "ip_vs", "ip_vs 1.2.1 on Linux 6.1.0")
SLOW = Finding(Level.WARNING, Area.KERNEL, "connection-table", "too small", "echo larger")
GONE = Finding(Level.ERROR, Area.LVSCTL, "configuration", "conf.d cannot be used: a\nb", "lvsctl validate -c /c")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let `doctor` find this; the list returned holds how it was asked."""
    asked: list[tuple[Path, Path, Daemon]] = []

    def find(*findings: Finding) -> list[tuple[Path, Path, Daemon]]:
        def stand_in(config: Path, *, state_dir: Path, daemon: Daemon) -> tuple[Finding, ...]:
            asked.append((config, state_dir, daemon))
            return findings

        monkeypatch.setattr(gather, "examine", stand_in)
        return asked

    return find


def test_by_area_with_the_command_that_mends_below(run: Run, found: Any) -> None:
    found(FINE, SLOW, GONE)
    result = run("doctor")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        "kernel\n"
        "  ok       ip_vs 1.2.1 on Linux 6.1.0\n"
        "  warning  too small\n"
        "           echo larger\n"
        "lvsctl\n"
        "  error    conf.d cannot be used: a\\nb\n"
        "           lvsctl validate -c /c\n"
        "1 error, 1 warning\n"
    )


@pytest.mark.parametrize(
    ("findings", "status", "last"),
    [
        ([FINE], 0, "all is well"),
        ([FINE, SLOW], 0, "1 warning"),
        ([GONE, GONE], 1, "2 errors"),
        ([SLOW, SLOW, GONE], 1, "1 error, 2 warnings"),
    ],
)
def test_exit_statuses(run: Run, found: Any, findings: list[Finding], status: int, last: str) -> None:
    found(*findings)
    for form in ("text", "json"):
        assert run("doctor", "-o", form).exit_code == status
    assert run("doctor").stdout.splitlines()[-1] == last


def test_as_json(run: Run, found: Any) -> None:
    found(FINE, SLOW)
    assert json.loads(run("doctor", "-o", "json").stdout) == {
        "apiVersion": "lvsctl/v1",
        "kind": "Doctor",
        "errors": 0,
        "warnings": 1,
        "findings": [
            {"level": "ok", "area": "kernel", "subject": "ip_vs", "text": "ip_vs 1.2.1 on Linux 6.1.0", "mend": ""},
            {
                "level": "warning",
                "area": "kernel",
                "subject": "connection-table",
                "text": "too small",
                "mend": "echo larger",
            },
        ],
    }


def answer(body: object, status: str = "200 OK") -> bytes:
    return f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\n\r\n{json.dumps(body)}".encode()


STATUS = {
    "version": "0.2.0",
    "pid": 7,
    "ready": True,
    "config": {"reload_ok": True},
    "round": {"error": None},
}


@pytest.mark.parametrize(
    ("reply", "daemon"),
    [
        (answer(STATUS), {"version": "0.2.0", "pid": 7}),
        (answer({**STATUS, "ready": False}), {"version": "0.2.0", "pid": 7, "ready": False}),
        (answer({**STATUS, "config": {"reload_ok": False}}), {"version": "0.2.0", "pid": 7, "reload_ok": False}),
        (answer({**STATUS, "round": {"error": "gone"}}), {"version": "0.2.0", "pid": 7, "trouble": "gone"}),
        (answer({"error": "no ip_vs"}, "503 Service Unavailable"), {"trouble": "no ip_vs"}),
        (answer({"version": "0.0.1"}), {"version": "0.0.1"}),
        (answer({**STATUS, "pid": float("inf")}), {"version": "0.2.0"}),
    ],
)
def test_what_the_daemon_says(run: Run, found: Any, listen: Answers, reply: bytes, daemon: dict[str, Any]) -> None:
    asked = found(FINE)
    listener = listen(reply)
    assert run("doctor", "--socket", listener.path, "-c", "/c", "--state-dir", "/s").exit_code == 0
    assert asked == [(Path("/c"), Path("/s"), Daemon(listener.path, **daemon))]
    assert listener.asked[0].startswith(b"GET /v1/status?table=no ")


def test_nobody_on_the_socket(run: Run, found: Any, tmp_path: Path) -> None:
    asked = found(FINE)
    path = str(tmp_path / "absent")
    run("doctor", "--socket", path)
    silence = f"no daemon answers on {path}: is lvsctl running? (systemctl status lvsctl)"
    assert asked[0][2] == Daemon(path, silence=silence)


def test_a_stranger_on_the_socket_is_said_to_be_one(run: Run, found: Any, listen: Answers) -> None:
    asked = found(FINE)
    listener = listen(b"SSH-2.0\r\n\r\n")
    run("doctor", "--socket", listener.path)
    assert asked[0][2].silence == f"what answers on {listener.path} is not lvsctl's daemon: it does not speak HTTP"


def test_the_program_on_any_host_whatever_is_missing_there(tmp_path: Path) -> None:
    """No configuration, no daemon, perhaps no ip_vs, perhaps no root: lines and a status, nothing on stderr."""
    where = ["-c", str(tmp_path / "absent"), "--socket", str(tmp_path / "s"), "--state-dir", str(tmp_path / "state")]
    told = subprocess.run([LVSCTL, "doctor", *where, "-o", "json"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (1, "")
    findings = {one["subject"]: one for one in json.loads(told.stdout)["findings"]}
    assert findings["configuration"]["text"] == (
        f"conf.d cannot be used: {tmp_path}/absent: does not exist: name the right file or directory with -c"
    )
    assert findings["daemon"]["level"] == "warning"
    assert "ip_vs" in findings
    assert list(tmp_path.iterdir()) == []
