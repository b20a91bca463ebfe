"""The maintenance directory: who is named by which file, and when it is read."""

from __future__ import annotations

import asyncio
import os
import pwd
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lvsctl.daemon import users
from lvsctl.daemon.maintenance import AGAIN, FRESH, Maintenance
from lvsctl.model import Action, Spec
from tests.decide.test_overrides import TOWN

ME = pwd.getpwuid(os.getuid()).pw_name


class Day:
    """The time of day, as a test wants it."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


def spec(directory: Path | str) -> Spec:
    return Spec(TOWN.services, TOWN.questions, TOWN.checks, maintenance=str(directory))


def names(maintenance: Maintenance) -> dict[str, str]:
    """Subject -> reason."""
    return {str(subject): override.reason for subject, (override, _) in maintenance.files.items()}


def made(directory: Path, *files: str, text: str = "") -> None:
    """Files in a directory that has been as it is for a while."""
    for file in files:
        (directory / file).write_text(text)
    os.utime(directory, (1e8 + len(list(directory.iterdir())), 1e8 + len(list(directory.iterdir()))))


@pytest.mark.parametrize(
    ("file", "subject"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("web1", "10.0.0.1:80"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ("web1@shop", "shop/10.0.0.1:80"),
        ("[2001:db8::1]:80@api", "api/[2001:db8::1]:80"),
        ("b@shop", "shop/b"),
    ],
)
async def test_who_is_named(tmp_path: Path, file: str, subject: str) -> None:
    made(tmp_path, file, text="  new memory \nticket 4711\n")
    maintenance = Maintenance(Day())
    await maintenance.look(spec(tmp_path))
    [(override, path)] = maintenance.files.values()
    assert (str(override.subject), override.action) == (subject, Action.DRAIN)
    assert (override.by, override.reason) == (f"maintenance directory ({ME})", "new memory")
    assert (override.until, path) == (None, tmp_path / file)
    assert override.since == path.stat().st_mtime


async def test_what_names_nobody_is_warned_of_once(tmp_path: Path) -> None:
    made(tmp_path, "wbe1", ".web1", "web1~", ".web1.swp", "web1.swp")
    (tmp_path / "six").mkdir()
    day = Day()
    maintenance = Maintenance(day)
    with capture_logs() as logs:
        await maintenance.look(spec(tmp_path))
        day.now += AGAIN
        await maintenance.look(spec(tmp_path))
    assert names(maintenance) == {}
    [said] = logs
    assert (said["file"], said["why"]) == (str(tmp_path / "wbe1"), "there is no server `wbe1`: did you mean `web1`?")
    (tmp_path / "wbe1").unlink()
    made(tmp_path)
    await maintenance.look(spec(tmp_path))
    made(tmp_path, "wbe1")
    with capture_logs() as logs:
        await maintenance.look(spec(tmp_path))
    assert len(logs) == 1


async def test_it_is_read_when_it_has_changed_or_a_while_has_gone_by(tmp_path: Path) -> None:
    day, wanted = Day(), spec(tmp_path)
    maintenance = Maintenance(day)
    made(tmp_path, "web1")
    await maintenance.look(wanted)
    (tmp_path / "web1").write_text("why not\n")  # this does not change the directory
    await maintenance.look(wanted)
    assert names(maintenance) == {"10.0.0.1:80": ""}
    day.now += AGAIN
    await maintenance.look(wanted)
    assert names(maintenance) == {"10.0.0.1:80": "why not"}
    made(tmp_path, "six")
    await maintenance.look(wanted)
    assert set(names(maintenance)) == {"10.0.0.1:80", "[2001:db8::1]:80"}


async def test_a_directory_that_changed_just_now_may_change_again_in_the_same_tick(tmp_path: Path) -> None:
    day, wanted = Day(), spec(tmp_path)
    maintenance = Maintenance(day)
    os.utime(tmp_path, (day.now, day.now))
    await maintenance.look(wanted)
    (tmp_path / "web1").touch()
    os.utime(tmp_path, (day.now, day.now))
    await maintenance.look(wanted)
    assert set(names(maintenance)) == {"10.0.0.1:80"}
    day.now += FRESH
    await maintenance.look(wanted)
    (tmp_path / "web1").unlink()
    os.utime(tmp_path, (day.now - FRESH, day.now - FRESH))
    await maintenance.look(wanted)
    assert set(names(maintenance)) == {"10.0.0.1:80"}, "nobody could tell"


async def test_a_reload_names_others(tmp_path: Path) -> None:
    made(tmp_path, "web1")
    maintenance = Maintenance(Day())
    await maintenance.look(spec(tmp_path))
    api = Spec({"api": TOWN.services["api"]}, {}, {}, maintenance=str(tmp_path))
    await maintenance.look(api)
    assert names(maintenance) == {}
    await maintenance.look(spec(tmp_path))
    assert set(names(maintenance)) == {"10.0.0.1:80"}
    await maintenance.look(spec(""))
    assert names(maintenance) == {}


async def test_a_missing_directory_is_empty_and_one_that_cannot_be_read_stays_as_it_was(tmp_path: Path) -> None:
    day, folder = Day(), tmp_path / "maintenance"
    wanted = spec(folder)
    maintenance = Maintenance(day)
    await maintenance.look(wanted)
    assert names(maintenance) == {}
    folder.mkdir()
    made(folder, "web1")
    await maintenance.look(wanted)
    folder.rename(tmp_path / "away")
    folder.touch()
    with capture_logs() as logs:
        await maintenance.look(wanted)
        await maintenance.look(wanted)
    assert set(names(maintenance)) == {"10.0.0.1:80"}
    [said] = logs
    assert said["event"] == "the maintenance directory cannot be read"
    folder.unlink()
    await maintenance.look(wanted)
    assert names(maintenance) == {}


async def test_the_reason_is_one_line_that_a_terminal_can_show(tmp_path: Path) -> None:
    made(tmp_path, "web1")
    (tmp_path / "web1").write_bytes(b"a\x1b[2Jb \xff" + b"x" * 5000 + b"\n")
    maintenance = Maintenance(Day())
    await maintenance.look(spec(tmp_path))
    [reason] = names(maintenance).values()
    assert reason.startswith("a [2Jb �xxx") and len(reason) == 200


async def test_nothing_is_read_through_a_link(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("what only the daemon may read\n")
    folder = tmp_path / "maintenance"
    folder.mkdir()
    (folder / "web1").symlink_to(secret)
    maintenance = Maintenance(Day())
    await maintenance.look(spec(folder))
    assert names(maintenance) == {"10.0.0.1:80": ""}


async def test_a_directory_service_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "web1")
    answers = threading.Event()
    asked: list[int] = []

    def getpwuid(uid: int) -> object:
        asked.append(uid)
        answers.wait(30)
        raise KeyError(uid)

    monkeypatch.setattr(users, "NAMING", 0.2)
    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    day = Day()
    maintenance = Maintenance(day)
    try:
        looking = asyncio.create_task(maintenance.look(spec(tmp_path)))
        while not asked:
            await asyncio.sleep(0)
        assert not looking.done(), "the loop turns while it hangs"
        await looking
        day.now += AGAIN
        await maintenance.look(spec(tmp_path))
    finally:
        answers.set()
    [(override, _)] = maintenance.files.values()
    assert override.by == f"maintenance directory (uid {os.getuid()})"
    assert asked == [os.getuid()], "once is enough"
