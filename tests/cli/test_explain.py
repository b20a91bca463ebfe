"""`lvsctl explain`: what is shown of what the daemon says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Listener, Run

Listen = Callable[..., Listener]

WHY = {
    "apiVersion": "lvsctl/v1",
    "kind": "Explanation",
    "subject": "shop/192.0.2.22:80",
    "service": {"kind": "address", "address": "192.0.2.20", "port": 80, "protocol": "tcp"},
    "server": {"address": "192.0.2.22", "port": 80},
    "answer": "shop/192.0.2.22:80 is not in the table: down: L4CON Connection refused",
    "chain": [
        {"about": "configuration", "says": "pool service (1 of 2 in order of priority), weight 5, forward route"},
        {"about": "health", "says": "down: does not belong in the table (on_down remove)"},
        {"about": "kernel", "says": "has it not, as wanted"},
    ],
}


@pytest.fixture
def daemon(listen: Listen) -> Callable[..., Listener]:
    """A socket on which this is answered."""

    def start(body: dict[str, Any], code: int = 200) -> Listener:
        text = json.dumps(body).encode()
        return listen(f"HTTP/1.0 {code} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)

    return start


Daemon = Callable[..., Listener]


def test_the_answer_and_the_chain(run: Run, daemon: Daemon) -> None:
    listener = daemon(WHY)
    result = run("explain", "--socket", listener.path, "shop/192.0.2.22")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "shop/192.0.2.22:80 is not in the table: down: L4CON Connection refused\n"
        "  configuration  pool service (1 of 2 in order of priority), weight 5, forward route\n"
        "  health         down: does not belong in the table (on_down remove)\n"
        "  kernel         has it not, as wanted\n"
    )
    assert listener.asked[0].startswith(b"GET /v1/explain?subject=shop%2F192.0.2.22 HTTP/1.0\r\n")


def test_a_name_that_is_no_text(run: Run, daemon: Daemon) -> None:
    listener = daemon({"error": "there is no service `?`"}, 404)
    assert run("explain", "--socket", listener.path, "\udcff").stderr == "lvsctl: there is no service `?`\n"
    assert listener.asked[0].startswith(b"GET /v1/explain?subject=%3F HTTP/1.0\r\n")


def test_json_is_the_document(run: Run, daemon: Daemon) -> None:
    assert json.loads(run("explain", "-o", "json", "--socket", daemon(WHY).path, "x").stdout) == WHY


def test_nothing_that_a_terminal_obeys_gets_through(run: Run, daemon: Daemon) -> None:
    evil = {**WHY, "answer": "a\x1b[2J", "chain": [{"about": "check", "says": "L7RSP \x07"}]}
    assert run("explain", "--socket", daemon(evil).path, "x").stdout == "a\\x1b[2J\n  check  L7RSP \\x07\n"


@pytest.mark.parametrize(
    ("code", "body", "says"),
    [
        (404, {"error": "there is no service `shpo`: did you mean `shop`?"}, None),
        (503, {"error": "the kernel has no IPVS: run modprobe ip_vs"}, "the daemon cannot tell: "),
    ],
)
def test_what_cannot_be_told_is_one_line(
    run: Run, daemon: Daemon, code: int, body: dict[str, str], says: str | None
) -> None:
    result = run("explain", "--socket", daemon(body, code).path, "shpo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"lvsctl: {says or ''}{body['error']}\n"


@pytest.mark.parametrize("body", [{}, {"answer": "x"}, {"answer": "x", "chain": [1]}])
def test_a_daemon_of_another_version(run: Run, daemon: Daemon, body: dict[str, Any]) -> None:
    result = run("explain", "--socket", daemon(body).path, "x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "lvsctl: the daemon's answer (version unknown) is not what this lvsctl (0.1.0) expects: "
        "restart the daemon after an upgrade (systemctl restart lvsctl)\n"
    )


def test_no_daemon_and_no_subject(run: Run) -> None:
    assert run("explain", "--socket", "/nonexistent/s", "shop").exit_code == 4
    result = run("explain")
    assert (result.exit_code, result.stderr) == (
        2,
        "lvsctl: Missing argument 'SUBJECT'. (see 'lvsctl explain --help')\n",
    )
