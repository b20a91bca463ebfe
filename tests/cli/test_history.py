"""`lvsctl history`: the table, and what is asked of the daemon."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lvsctl.cli import show_told
from tests.cli.conftest import Listener, Run

Listen = Callable[..., Listener]


def told(event: str, message: str, **facts: Any) -> dict[str, Any]:
    known = {"number": 7, "at": "2026-11-22T09:00:00.000Z", "event": event, "level": "info", "message": message}
    return {**known, "service": "shop", "pool": "", "server": "", **facts}


DOWN = told(
    "server_down",
    "server is down",
    server="192.0.2.21:80",
    pool="web",
    check="http",
    code="L7STS",
    detail="503 Service Unavailable",
    latency=0.0042,
)
BODY = {
    "transitions": [
        DOWN,
        told("service_down", "service is down", before="ok", why="no server is up"),
        told("withheld", "steps withheld", service="", why="too many at once", count=2, steps=["a b", "c"]),
    ]
}


def answer(body: dict[str, Any], status: str = "200 OK") -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.0 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


def test_the_table(run: Run, listen: Listen) -> None:
    daemon = listen(answer(BODY))
    result = run("history", "--socket", daemon.path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "TIME                      SUBJECT             EVENT         CHECK  CODE   LATENCY  WHAT\n"
        "2026-11-22T09:00:00.000Z  shop/192.0.2.21:80  server_down   http   L7STS  4.2ms    503 Service Unavailable\n"
        "2026-11-22T09:00:00.000Z  shop                service_down  -      -      -        service is down  before=ok"
        ' why="no server is up"\n'
        "2026-11-22T09:00:00.000Z  -                   withheld      -      -      -        steps withheld"
        '  why="too many at once" count=2 steps=["a b", "c"]\n'
    )
    assert daemon.asked[0].startswith(b"GET /v1/history?limit=50 HTTP/1.0\r\n")


def test_what_is_asked(run: Run, listen: Listen) -> None:
    daemon = listen(answer(BODY))
    asked = ["history", "--socket", daemon.path, "shop/192.0.2.21:80", "-n", "3", "--since", "1h", "-o", "json"]
    assert json.loads(run(*asked).stdout) == BODY
    assert daemon.asked[0].startswith(b"GET /v1/history?subject=shop%2F192.0.2.21%3A80&limit=3&since=1h HTTP/1.0\r\n")


@pytest.mark.parametrize("command", [["history", "\udcff"], ["events", "--service", "\udcff"]])
def test_bytes_that_are_no_text(run: Run, listen: Listen, command: list[str]) -> None:
    daemon = listen(answer({"error": "there is no service `?`"}, "404 Not Found"))
    assert run(*command, "--socket", daemon.path).stderr == "lvsctl: there is no service `?`\n"


def test_nothing(run: Run, listen: Listen) -> None:
    assert run("history", "--socket", listen(answer({"transitions": []})).path).stdout == "nothing has happened\n"


def test_what_the_daemon_says_against_it(run: Run, listen: Listen) -> None:
    daemon = listen(answer({"error": "there is no service `shpo`: did you mean `shop`?"}, "404 Not Found"))
    result = run("history", "--socket", daemon.path, "shpo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "lvsctl: there is no service `shpo`: did you mean `shop`?\n"


def test_no_daemon(run: Run) -> None:
    assert run("history", "--socket", "/nonexistent/s").exit_code == 4


def test_on_a_terminal_lines_are_cut() -> None:
    cut = show_told.table([DOWN], width=80).splitlines()[1]
    assert (len(cut), cut[-1]) == (80, "…")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["-n", "0"], "Invalid value for '-n' / '--limit': 0 is not in the range x>=1."),
        (
            ["--since", "yesterday"],
            "Invalid value for '--since': `yesterday` is neither a duration like 1h nor a time like 2026-01-31T12:00Z",
        ),
    ],
)
def test_wrong_usage(run: Run, given: list[str], says: str) -> None:
    result = run("history", *given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"lvsctl: {says} (see 'lvsctl history --help')\n"
