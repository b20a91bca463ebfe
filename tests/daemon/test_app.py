"""`lvsctl run`: what has to be held before anything begins, and how a start is refused."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Never

import pytest

from lvsctl.daemon import app
from lvsctl.daemon.api import listener
from lvsctl.errors import AlreadyRunning, LvsctlError
from tests.daemon.site import conf, service

CONF = conf(service("shop", "127.0.0.11", address="192.0.2.20:80", check="none"))


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has begun; it goes no further than that."""
    seen: list[str] = []

    def begin(**_: object) -> Never:
        seen.append("daemon")
        raise LvsctlError("begun")

    monkeypatch.setattr(app, "Daemon", begin)
    return seen


def start(folder: Path, path: Path) -> None:
    (folder / "conf.yaml").write_text(CONF)
    app.run(
        config=folder / "conf.yaml", socket=path, socket_group=None, state_dir=folder / "state", log_format="logfmt"
    )


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log and the limits of this process stay as they are."""
    monkeypatch.setattr(app.logs, "configure", lambda _: None)
    monkeypatch.setattr(app, "_allow_many_files", lambda: None)


def test_where_another_daemon_answers_nothing_begins(
    tmp_path: Path, begun: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lvsctl.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(AlreadyRunning) as caught:
            start(tmp_path, path)
        assert path.exists(), "it is the other's"
    assert str(caught.value) == f"another daemon answers on {path}: stop it first, or name another with --socket"
    assert begun == []
    assert capfd.readouterr() == ("", "")
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["lock"]


def test_the_socket_is_held_before_anything_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lvsctl.sock"

    def look(**_: object) -> Never:
        with pytest.raises(AlreadyRunning):
            start(tmp_path / "second", path)
        raise LvsctlError("seen")

    (tmp_path / "second").mkdir()
    monkeypatch.setattr(app, "Daemon", look)
    with pytest.raises(LvsctlError, match="seen"):
        start(tmp_path, path)
    assert not path.exists(), "it goes with the daemon"


@pytest.mark.parametrize("moment", ["chmod", "bind"])
def test_of_two_that_start_at_once_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Nobody answers yet on the socket of one that is just starting: it is no leftover for all that."""
    path, refused = tmp_path / "lvsctl.sock", list[str]()
    where = {"chmod": (Path, "chmod"), "bind": (listener, "_bind")}[moment]
    goes_on = getattr(*where)

    def meanwhile(*given: object) -> None:
        monkeypatch.setattr(*where, goes_on)
        with pytest.raises(AlreadyRunning) as caught, listener.held(path, None):
            pass
        refused.append(str(caught.value))
        goes_on(*given)

    with socket.socket(socket.AF_UNIX) as leftover:
        leftover.bind(str(path))
    monkeypatch.setattr(*where, meanwhile)
    with listener.held(path, None), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert refused == [f"another daemon holds {path}: stop it first, or name another with --socket"]
    with listener.held(path, None):
        assert path.exists(), "it is free again"
