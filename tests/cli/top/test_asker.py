"""What the daemon is asked in the background, and what is made of its answers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lvsctl.cli.top.asker import Answered, Asker, Broken, Done, Refused, Report, Unanswered
from lvsctl.cli.top.loop import glyphs
from lvsctl.cli.top.view import Drain, Undrain
from lvsctl.errors import DaemonUnreachable, LvsctlError
from tests.cli.conftest import Listener
from tests.cli.document import status

Listen = Callable[..., Listener]
HOUR = Drain("shop/192.0.2.21:80", "swap memory", 3600.0)


def http(body: object, code: int = 200) -> bytes:
    return f"HTTP/1.0 {code} X\r\n\r\n{json.dumps(body)}\n".encode()


def report(socket: str, wish: Drain | Undrain | None = None) -> Report:
    """The first report of an asker that polls, or that has a wish granted."""
    woken = threading.Event()
    asker = Asker(socket, 3600, woken.set)
    if wish is None:
        asker.start()
    else:
        asker.do(wish)
    try:
        found = asker.reports.get(timeout=20)
        assert woken.wait(20)
    finally:
        asker.end()
    return found


def test_who_asks_no_more_leaves_no_thread(listen: Listen) -> None:
    """A thread that stays could take a signal that a later test sends to this process."""
    report(listen(http(status())).path)
    others = [thread for thread in threading.enumerate() if thread.name.endswith("(_poll)")]
    for thread in others:
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("wish", "code", "answer", "said"),
    [
        (HOUR, 200, {"override": {}, "warnings": []}, Done("shop/192.0.2.21:80 is drained")),
        (HOUR, 200, {"warnings": ["a", "b"]}, Done("shop/192.0.2.21:80 is drained; a; b", bad=True)),
        (HOUR, 404, {"error": "there is no server"}, Done("there is no server", bad=True)),
        (HOUR, 500, {}, Done("the daemon answers with HTTP status 500", bad=True)),
        (
            HOUR,
            409,
            {"error": "that would leave nobody: it needs --force"},
            Refused("that would leave nobody", Drain("shop/192.0.2.21:80", "swap memory", 3600.0, force=True)),
        ),
        (Drain("shop/p", force=True), 409, {"error": "cannot"}, Done("cannot", bad=True)),
        (Undrain("shop/p", ()), 200, {"ended": [{"action": "drain"}]}, Done("shop/p is no longer drained")),
        (
            Undrain("shop/p", ()),
            200,
            {"ended": [{"action": "drain"}, {"action": "disable"}], "warnings": ["still held"]},
            Done("shop/p is no longer disabled and drained; still held", bad=True),
        ),
        (Undrain("shop/p", ()), 404, {"error": "nothing is ordered"}, Done("nothing is ordered", bad=True)),
    ],
)
def test_wishes(listen: Listen, wish: Drain | Undrain, code: int, answer: object, said: Report) -> None:
    assert report(listen(http(answer, code)).path, wish) == said


def test_what_is_asked_for(listen: Listen) -> None:
    daemon = listen(http({}))
    report(daemon.path, HOUR)
    report(daemon.path, Undrain("shop/[2001:db8::1]:80", ()))
    drain, undrain = daemon.asked
    head, _, body = drain.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/overrides HTTP/1.0\r\n")
    assert json.loads(body) == {
        "subjects": ["shop/192.0.2.21:80"],
        "action": "drain",
        "for": 3600.0,
        "reason": "swap memory",
        "force": False,
    }
    assert undrain.startswith(b"DELETE /v1/overrides?subject=shop%2F%5B2001%3Adb8%3A%3A1%5D%3A80 HTTP/1.0\r\n")


def test_nobody_to_ask(tmp_path: object) -> None:
    absent = f"{tmp_path}/absent"
    words = f"no daemon answers on {absent}: is lvsctl running? (systemctl status lvsctl)"
    assert report(absent, HOUR) == Done(words, bad=True)
    found = report(absent)
    assert isinstance(found, Unanswered)
    assert isinstance(found.error, DaemonUnreachable)


def test_a_status_whose_events_cannot_be_read_is_shown(listen: Listen) -> None:
    found = report(listen(http(status())).path)  # the same for /v1/events, which it is not
    assert isinstance(found, Answered)
    assert found.news == ()


def test_a_status_whose_events_do_not_come_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvsctl.cli.top.asker.TELLING", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        stalled = threading.Event()

        def serve() -> None:
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(http(status()))
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                stalled.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            found = report(str(tmp_path / "s"))
        finally:
            stalled.set()
            thread.join()
    assert isinstance(found, Answered) and found.news == ()


@pytest.mark.parametrize("body", [{}, {"services": 5}, status(round=None), status(services=[1])])
def test_what_is_no_status(listen: Listen, body: object) -> None:
    found = report(listen(http(body)).path)
    assert isinstance(found, Unanswered)
    assert "is not what this lvsctl (" in str(found.error)


def test_an_answer_that_is_not_understood_is_said(listen: Listen) -> None:
    old = "the daemon's answer (version unknown) is not what this lvsctl ("
    said = report(listen(http({"ended": [5]})).path, Undrain("shop/192.0.2.21:80", ()))
    assert isinstance(said, Done) and said.bad and said.text.startswith(old)


def test_a_refusal_to_tell(listen: Listen) -> None:
    found = report(listen(http({"error": "the kernel is silent"}, 503)).path)
    assert isinstance(found, Unanswered)
    assert type(found.error) is LvsctlError
    assert str(found.error) == "the daemon cannot tell: the kernel is silent"


def test_a_bug_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = RuntimeError("bug")

    def broken(*_: object, **__: object) -> None:
        raise bug

    monkeypatch.setattr("lvsctl.cli.client.ask", broken)
    assert report("nowhere") == Broken(bug)


@pytest.mark.parametrize(
    ("environment", "unicode"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "en_US.utf8"}, True),
        ({"LANG": "de_DE.UTF-8@euro"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "C"}, False),
        ({}, False),
        ({"LANG": "C.UTF-8", "TERM": "linux"}, False),  # its font has no blocks
    ],
)
def test_what_the_locale_allows(environment: dict[str, str], unicode: bool) -> None:
    assert glyphs(environment).unicode is unicode
