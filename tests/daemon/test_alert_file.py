"""What the engine of the alerts remembers, on a disk that takes nothing or does not answer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lvsctl.daemon import alert_file
from lvsctl.daemon.alert_file import AlertFile
from lvsctl.daemon.state import write_down
from lvsctl.decide.alerting.state import State
from lvsctl.errors import LvsctlError
from lvsctl.notify import disk

SAID = "alerts: the file cannot be written, a restart would tell again what was told"


async def test_a_disk_that_hangs_is_not_waited_for_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = threading.Event()

    def hung(path: Path, text: str) -> None:
        answers.wait(30)
        write_down(path, text)

    monkeypatch.setattr(disk.Disk.__init__, "__defaults__", (0.1,))
    monkeypatch.setattr(alert_file, "write_down", hung)
    file = AlertFile(tmp_path / "alerts.json")
    try:
        for _ in range(3):
            await file.keep(State(routed=("a",)))
            assert file.complaint
    finally:
        answers.set()
    while file.complaint:
        await file.keep(State(routed=("b",)))
    assert file.read().routed == ("b",)
    said = capsys.readouterr().out
    assert said.count(SAID) == 1 and "alerts.json: the disk does not answer" in said
    file.close()


async def test_a_disk_that_takes_nothing_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, _: str) -> None:
        raise LvsctlError(f"cannot write {path}: No space left on device")

    file = AlertFile(tmp_path / "alerts.json")
    with monkeypatch.context() as patch:
        patch.setattr(alert_file, "write_down", full)
        await file.keep(State())
        await file.keep(State())
        assert file.complaint
    assert capsys.readouterr().out.count("No space left on device") == 1
    await file.keep(State())
    assert not file.complaint
    file.close()


async def test_one_that_is_damaged_and_cannot_be_put_aside_keeps_no_daemon_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "alerts.damaged").mkdir()
    (tmp_path / "alerts.json").write_text("{")
    assert AlertFile(tmp_path / "alerts.json").read() == State()
    said = capsys.readouterr().out
    assert "alerts: the file is damaged, what was told before is forgotten" in said
    assert "not_moved='Is a directory'" in said
