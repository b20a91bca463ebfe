"""A daemon of another version, older or newer than this lvsctl: every command says so, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lvsctl.cli.answers import _way_out
from tests.cli.conftest import Listener, Run

Listen = Callable[..., Listener]
RESTART = "restart the daemon after an upgrade (systemctl restart lvsctl)"


def http(status: int, body: Any) -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.0 {status} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


def of_version(version: str, status: int, body: Any) -> Callable[[bytes], bytes]:
    """A daemon that answers so to everything, and tells its version to who asks for its status without the table."""

    def answer(request: bytes) -> bytes:
        asks = request.startswith(b"GET /v1/status?table=no ")
        return http(200, {"version": version}) if asks else http(status, body)

    return answer


COMMANDS = [
    ("history", "/v1/history"),
    ("history shop --since 1h", "/v1/history"),
    ("events", "/v1/events"),
    ("events -f", "/v1/events"),
    ("explain shop", "/v1/explain"),
    ("overrides", "/v1/overrides"),
    ("drain a b", "/v1/overrides"),
    ("weight a 5", "/v1/overrides"),
    ("enable a", "/v1/overrides"),
    ("alerts", "/v1/alerts"),
    ("silence --list", "/v1/silences"),
    ("silence service=shop", "/v1/silences"),
    ("silence --end 1a", "/v1/silences"),
]


@pytest.mark.parametrize(("command", "resource"), COMMANDS)
@pytest.mark.parametrize("code", [404, 405])
def test_a_daemon_that_does_not_know_what_is_asked_for(
    run: Run, listen: Listen, command: str, resource: str, code: int
) -> None:
    why = {404: f"there is no {resource}: `lvsctl schema --api` tells what there is", 405: f"{resource} takes GET"}
    daemon = listen(of_version("0.0.9", code, {"error": why[code]}))
    result = run(*command.split(), "--socket", daemon.path)
    more = "; nothing was done" if command == "drain a b" else ""
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"lvsctl: the daemon (version 0.0.9) does not know {resource}, which this lvsctl (0.1.0) asks for: "
        f"{RESTART}{more}\n"
    )


@pytest.mark.parametrize(("command", "resource"), COMMANDS)
def test_a_daemon_that_answers_something_else(run: Run, listen: Listen, command: str, resource: str) -> None:
    body = {"told": 1} if resource != "/v1/events" else {"number": 1}
    text = json.dumps(body).encode() + b"\n"
    odd = of_version("9.9", 200, body)
    events = b"HTTP/1.0 200 OK\r\nLvsctl-Started: now\r\n\r\n" + text
    daemon = listen(lambda request: events if resource == "/v1/events" and b"table=no" not in request else odd(request))
    result = run(*command.split(), "--socket", daemon.path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "lvsctl: the daemon's answer (version 9.9) is not what this lvsctl (0.1.0) expects: "
        "use the lvsctl of its version\n"
    )


def test_a_question_that_a_daemon_of_another_version_does_not_take(run: Run, listen: Listen) -> None:
    why = "subjects: unknown key `subjects`: did you mean `subject`?"
    result = run("drain", "a", "--socket", listen(of_version("0.0.9", 422, {"error": why})).path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"lvsctl: {why}; the daemon is version 0.0.9, and this lvsctl 0.1.0: {RESTART} (see 'lvsctl drain --help')\n"
    )


@pytest.mark.parametrize(
    ("theirs", "newer"),
    [("0.0.9", False), ("0.1.0", False), ("unknown", False), ("0.1.1", True), ("0.10.0", True), ("1.0", True)],
)
def test_who_is_the_newer_one(theirs: str, newer: bool) -> None:
    assert (_way_out(theirs) == "use the lvsctl of its version") is newer
