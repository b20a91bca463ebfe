"""What the client makes of every way in which nobody, or somebody else, answers."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.cli import client
from lvsctl.errors import DaemonUnreachable, LvsctlError
from tests.cli.conftest import Listener

Listen = Callable[..., Listener]


def http(body: bytes, *, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def test_an_answer(listen: Listen) -> None:
    daemon = listen(http(b'{"a": 1}'))
    assert client.ask(daemon.path, "GET", "/v1/status") == (200, {"a": 1})
    assert daemon.asked == [b"GET /v1/status HTTP/1.0\r\nHost: lvsctl\r\nContent-Length: 0\r\n\r\n"]


def test_a_body_is_sent_as_json(listen: Listen) -> None:
    daemon = listen(http(b"{}"))
    client.ask(daemon.path, "POST", "/v1/overrides", body={"subject": "shöp", "for": None})
    head, _, body = daemon.asked[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {"subject": "shöp", "for": None}
    assert head == (
        b"POST /v1/overrides HTTP/1.0\r\nHost: lvsctl\r\nContent-Type: application/json\r\n"
        + f"Content-Length: {len(body)}".encode()
    )


def test_an_answer_without_a_length_ends_with_the_connection(listen: Listen) -> None:
    daemon = listen(b'HTTP/1.0 422 Unprocessable\r\nServer: x\r\n\r\n{"ok": false}')
    assert client.ask(daemon.path, "POST", "/v1/reload") == (422, {"ok": False})


def test_a_long_answer(listen: Listen) -> None:
    body = json.dumps({"text": "x" * 5_000_000}).encode()
    assert len(client.ask(listen(http(body)).path, "GET", "/").body["text"]) == 5_000_000


def test_a_stream_is_read_line_by_line(listen: Listen) -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: application/jsonl\r\nLvsctl-Started: T\r\n\r\n"
    daemon = listen(head + b'{"number": 1}\n{"number": 2}\n{"numb')
    with client.following(daemon.path, "/v1/events") as stream:
        assert (stream.started, list(stream.lines)) == ("T", [{"number": 1}, {"number": 2}])


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (http(b'{"error": "no such"}', status="404 Not Found"), LvsctlError, "no such"),
        (http(b"{}", status="500 X"), LvsctlError, "the daemon answers with HTTP status 500"),
        (b"", DaemonUnreachable, "the daemon on {path} hung up in the middle of its answer"),
        (b"SSH-2.0-x\r\n", DaemonUnreachable, "what answers on {path} is not lvsctl's daemon: it does not speak HTTP"),
        (http(b"[1]\n"), DaemonUnreachable, "what answers on {path} is not lvsctl's daemon: a line that is no JSON"),
    ],
)
def test_a_stream_that_is_none(listen: Listen, answer: bytes, kind: type[LvsctlError], message: str) -> None:
    path = listen(answer).path
    with pytest.raises(kind) as caught, client.following(path, "/v1/events") as stream:
        list(stream.lines)
    assert str(caught.value).startswith(message.replace("{path}", path))


def test_a_stream_that_stops_in_the_middle(listen: Listen) -> None:
    path = listen(b'HTTP/1.0 200 OK\r\n\r\n{"number": 1}\n', hang=True).path
    with client.following(path, "/v1/events", patience=0.05) as stream:
        assert next(stream.lines) == {"number": 1}
        with pytest.raises(DaemonUnreachable) as caught:
            next(stream.lines)
    assert str(caught.value).startswith(f"the daemon on {path} did not answer within 0.05 s")


HALF = "the daemon on {path} hung up in the middle of its answer (journalctl -u lvsctl may say why)"
NOT_HTTP = "what answers on {path} is not lvsctl's daemon: it does not speak HTTP"
NOT_JSON = "what answers on {path} is not lvsctl's daemon: HTTP status {status} and no JSON object"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", HALF),
        (b"HTTP/1.1 200 OK\r\nContent-Le", HALF),
        (http(b'{"a": 1}')[:-1], HALF),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", NOT_HTTP),
        (b"HTTP/1.1 abc OK\r\n\r\n", NOT_HTTP),
        (bytes(range(256)) * 10, NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}", NOT_HTTP),
        (http(b"[1]"), NOT_JSON.replace("{status}", "200")),
        (http(b"{nonsense"), NOT_JSON.replace("{status}", "200")),
        (http(b"[" * 100_000), NOT_JSON.replace("{status}", "200")),
        (http(b"\xff\xfe"), NOT_JSON.replace("{status}", "200")),
        (http(b"404: Not Found", status="404 Not Found"), NOT_JSON.replace("{status}", "404")),
    ],
)
def test_half_an_answer_or_garbage(listen: Listen, answer: bytes, message: str) -> None:
    path = listen(answer).path
    with pytest.raises(DaemonUnreachable) as caught:
        client.ask(path, "GET", "/v1/status")
    assert str(caught.value) == message.replace("{path}", path)
    assert caught.value.exit_status == 4


def test_no_answer_in_time(listen: Listen) -> None:
    path = listen(b"", hang=True).path
    with pytest.raises(DaemonUnreachable) as caught:
        client.ask(path, "GET", "/v1/status", timeout=0.05)
    assert str(caught.value) == (
        f"the daemon on {path} did not answer within 0.05 s (journalctl -u lvsctl may say why)"
    )


def test_too_long_an_answer(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST", 1 << 20)
    path = listen(b"x" * (3 << 20)).path
    with pytest.raises(DaemonUnreachable) as caught:
        client.ask(path, "GET", "/v1/status")
    assert str(caught.value) == f"what answers on {path} is not lvsctl's daemon: more than 1 MiB"


def test_nobody_there(tmp_path: Path) -> None:
    absent, plain, abandoned = tmp_path / "absent", tmp_path / "plain", tmp_path / "abandoned"
    plain.touch()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(abandoned))
    for path in (absent, plain, abandoned, plain / "below"):
        with pytest.raises(DaemonUnreachable) as caught:
            client.ask(str(path), "GET", "/v1/status")
        assert str(caught.value) == f"no daemon answers on {path}: is lvsctl running? (systemctl status lvsctl)"


def test_a_path_that_cannot_be_a_socket() -> None:
    path = "/tmp/" + "x" * 200
    with pytest.raises(DaemonUnreachable) as caught:
        client.ask(path, "GET", "/v1/status")
    assert str(caught.value) == f"cannot use {path} as a control socket: AF_UNIX path too long"


def test_not_allowed_is_no_sign_of_a_dead_daemon(listen: Listen) -> None:
    path = listen(http(b"{}")).path
    os.chmod(path, 0)
    me = os.geteuid()
    os.seteuid(me or 65534)  # root would be allowed all the same
    try:
        with pytest.raises(LvsctlError) as caught:
            client.ask(path, "GET", "/v1/status")
    finally:
        os.seteuid(me)
        os.chmod(path, 0o700)
    assert caught.value.exit_status == 1
    assert str(caught.value) == (
        f"not allowed to talk to the daemon on {path}: be root, or in the group that owns the socket"
    )


@given(st.binary(max_size=200), st.booleans())
def test_whatever_is_received_is_an_answer_or_one_line(received: bytes, http_at_first: bool) -> None:
    try:
        answer = client._parse("/s", (b"HTTP/1.1 200 " if http_at_first else b"") + received)
    except DaemonUnreachable as error:
        assert str(error).isprintable()
    else:
        assert isinstance(answer.body, dict)
