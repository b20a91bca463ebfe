"""`lvsctl check`: one question by hand, to a server on loopback, with its trace."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator

import pytest
from pydantic import field_validator

from lvsctl import checkapi
from lvsctl.checks import registry
from tests.cli.conftest import Run


@pytest.fixture
def listener() -> Iterator[str]:
    """A loopback address on which connections are accepted, by the kernel alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def refusing() -> Iterator[str]:
    """A loopback address that is taken but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


class Params(checkapi.Params):
    say: str = "nothing"


async def run_echo(ask: checkapi.Ask[Params]) -> checkapi.Outcome:
    """Notes and says what it is told to."""
    ask.note("asking")
    match ask.params.say:
        case "no":
            return ask.failed("L7STS", "status 500")
        case "unaskable":
            raise checkapi.CannotAsk("no file descriptor is left")
        case "never":
            ask.timeout_code = "L7TOUT"
            await asyncio.Event().wait()
    ask.note(f"heard {ask.params.say}")
    return ask.passed("L7OK", ask.params.say)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check kind `echo`, and a broken one `dns`."""
    kind = checkapi.Kind(name="echo", summary="", params=Params, run=run_echo)
    kinds = registry.Installed({"echo": kind}, {"dns": "acme.dns of acme: no dnspython"})
    monkeypatch.setattr(registry, "installed", lambda: kinds)


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d+ms", "T", re.sub(r"^ +", "", text, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("say", "status", "told"),
    [
        ("hello", 0, "T  asking\nT  heard hello\npass: L7OK hello (echo 192.0.2.1:80, T)\n"),
        ("no", 1, "T  asking\nfail: L7STS status 500 (echo 192.0.2.1:80, T)\n"),
        ("unaskable", 1, "T  asking\nunknown: ASKERR no file descriptor is left (echo 192.0.2.1:80, T)\n"),
        ("never", 1, "T  asking\nfail: L7TOUT no complete answer within 1 s (echo 192.0.2.1:80, T)\n"),
        (
            '"\\e[2J\\n\\u202e"',
            0,
            "T  asking\nT  heard \\x1b[2J\\n\\u202e\npass: L7OK \\x1b[2J\\n\\u202e (echo 192.0.2.1:80, T)\n",
        ),
    ],
)
def test_the_trace_with_times_and_the_verdict(run: Run, echo: None, say: str, status: int, told: str) -> None:
    result = run("check", "echo", "192.0.2.1:80", f"say={say}", "timeout=1s" if say == "never" else "timeout=5s")
    assert (result.exit_code, result.stderr) == (status, "")
    assert timeless(result.stdout) == told


def test_a_real_server(run: Run, listener: str) -> None:
    result = run("check", "tcp", listener)
    assert (result.exit_code, result.stderr) == (0, "")
    assert timeless(result.stdout).splitlines()[-1] == f"pass: L4OK connected (tcp {listener}, T)"


def test_a_real_refusal(run: Run, refusing: str) -> None:
    result = run("check", "http", refusing, "path=/healthz", "status=[200, 204]", "timeout=2s")
    assert (result.exit_code, result.stderr) == (1, "")
    assert timeless(result.stdout).splitlines()[-1] == f"fail: L4CON Connection refused (http {refusing}, T)"


def test_an_ipv6_target(run: Run) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        target = f"[::1]:{server.getsockname()[1]}"
        assert timeless(run("check", "tcp", target).stdout).endswith(f"pass: L4OK connected (tcp {target}, T)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["htp", "192.0.2.1:80"], "no check kind `htp` is installed: did you mean `http`?"),
        (["gopher", "192.0.2.1:80"], "no check kind `gopher` is installed: installed are exec, http, tcp"),
        (["tcp", "192.0.2.1"], "TARGET `192.0.2.1` has no port: write 192.0.2.1:80"),
        (["tcp", "2001:db8::1"], "TARGET `2001:db8::1` has no port: write [2001:db8::1]:80"),
        (["tcp", "[2001:db8::1]"], "TARGET `[2001:db8::1]` has no port: write [2001:db8::1]:80"),
        (["tcp", "www.example.org:80"], "TARGET `www.example.org` is not an IP address (names are not resolved)"),
        (["tcp", "192.0.2.1:99999"], "TARGET `99999` is not a port: write a number from 0 to 65535"),
        (["tcp", "192.0.2.1:80", "/healthz"], "`/healthz` is not KEY=VALUE, like path=/healthz"),
        (["tcp", "192.0.2.1:80", "=x"], "`=x` is not KEY=VALUE, like path=/healthz"),
        (["http", "192.0.2.1:80", "path=/a", "path=/b"], "`path` is given twice"),
        (["http", "192.0.2.1:80", "path=/\udcff"], "path: is not UTF-8 text"),
        (["http", "192.0.2.1:80", "pth=/a"], "pth: unknown key `pth`: did you mean `path`?"),
        (["http", "192.0.2.1:80", "path=1"], "path: must be text, not `1`; if text is meant, put it in quotes"),
        (["http", "192.0.2.1:80", "status=[200"], "status: not valid YAML: did not find expected ',' or ']'"),
        (["exec", "192.0.2.1:80"], "the key `command` is missing"),
        (["tcp", "192.0.2.1:80", "timeout=3"], "timeout: `3` has no unit: write 3s, 3ms or 3m"),
        (["tcp", "192.0.2.1:80", "timeout=0s"], "timeout: must be longer than 0s"),
        (["tcp", "192.0.2.1:80", "send=${env:NOT_SET}"], "send: the environment variable `NOT_SET` is not set"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_to_do(run: Run, arguments: list[str], message: str) -> None:
    result = run("check", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"lvsctl: {message} (see 'lvsctl check --help')\n"


def test_values_are_yaml_1_2(run: Run, echo: None) -> None:
    assert run("check", "echo", "192.0.2.1:80", "say=off").exit_code == 0  # text, where YAML 1.1 has false
    twice = run("check", "echo", "192.0.2.1:80", "say={a: 1, a: 2}")
    assert twice.exit_code == 2
    assert twice.stderr.startswith("lvsctl: say: the key `a` is already in line 1")


def test_a_secret_is_put_in_and_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    result = run("check", "http", "192.0.2.1:80", "status=${env:TOKEN}")
    assert result.exit_code == 2
    assert "(secret)" in result.stderr
    assert "s3cret" not in result.stderr


def test_a_secret_is_in_no_step_and_no_verdict(run: Run, echo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces are pasted into tickets; a server may well send back what it was sent."""
    monkeypatch.setenv("TOKEN", "s3cret")
    result = run("check", "echo", "192.0.2.1:80", "say=${env:TOKEN}")
    told = "T  asking\nT  heard (secret)\npass: L7OK (secret) (echo 192.0.2.1:80, T)\n"
    assert (result.exit_code, timeless(result.stdout)) == (0, told)


def test_a_program_is_started_without_showing_its_arguments(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3 'cret")
    result = run("check", "exec", "192.0.2.1:80", "command=[/bin/true, '${env:TOKEN}']", "timeout=20s")
    assert result.exit_code == 0
    assert "cret" not in result.output


def test_a_kind_whose_parameters_are_faulty_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty(checkapi.Params):
        say: str

        @field_validator("say")
        @classmethod
        def _look_up(cls, value: str) -> str:
            raise KeyError(value)

    kind = checkapi.Kind(name="odd", summary="", params=Faulty, run=run_echo)
    monkeypatch.setattr(registry, "installed", lambda: registry.Installed({"odd": kind}, {}))
    result = run("check", "odd", "192.0.2.1:80", "say=s3cret")
    assert result.exit_code == 2
    assert result.stderr == (
        "lvsctl: the check kind `odd` is faulty (KeyError): tell its author (see 'lvsctl check --help')\n"
    )


def test_a_broken_kind_says_why(run: Run, echo: None) -> None:
    result = run("check", "dns", "192.0.2.1:53")
    assert result.exit_code == 2
    assert result.stderr == (
        "lvsctl: the check kind `dns` cannot be used: acme.dns of acme: no dnspython (see 'lvsctl check --help')\n"
    )


def test_http_has_a_usual_port_and_exec_needs_none(run: Run) -> None:
    assert "(http 127.0.0.1:80," in run("check", "http", "127.0.0.1", "timeout=5s").stdout
    assert "(http 127.0.0.1:443," in run("check", "http", "127.0.0.1", "tls=true", "timeout=5s").stdout
    assert run("check", "exec", "127.0.0.1", "command=/bin/true", "timeout=5s").exit_code == 0
