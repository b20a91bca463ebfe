import asyncio
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.errors import LvsctlError
from lvsctl.model import Role
from lvsctl.pair.keepalived import LONGEST, Fifo, Lines, Notice, NotUnderstood, from_arguments, from_line

NOBODY = 65534


@pytest.mark.parametrize(
    ("line", "notice", "role"),
    [
        ('INSTANCE "VI_1" MASTER 150', Notice(False, "VI_1", "MASTER", 150), Role.ACTIVE),
        ('INSTANCE "VI_1" BACKUP 100', Notice(False, "VI_1", "BACKUP", 100), Role.STANDBY),
        ('INSTANCE "VI_1" FAULT 100', Notice(False, "VI_1", "FAULT", 100), Role.FAULT),
        ('INSTANCE "VI_1" STOP 100', Notice(False, "VI_1", "STOP", 100), Role.FAULT),
        ('INSTANCE "VI_1" DELETED 100', Notice(False, "VI_1", "DELETED", 100), Role.FAULT),
        ('GROUP "both" MASTER 0', Notice(True, "both", "MASTER", 0), Role.ACTIVE),
        ('INSTANCE "front door" MASTER 150\n', Notice(False, "front door", "MASTER", 150), Role.ACTIVE),
        ("INSTANCE VI_1 MASTER 150", Notice(False, "VI_1", "MASTER", 150), Role.ACTIVE),
    ],
)
def test_a_transition_is_understood(line, notice, role):
    assert from_line(line) == notice
    assert notice.role is role


@pytest.mark.parametrize("state", ["MASTER_RX_LOWER_PRI", "MASTER_PRIORITY", "BACKUP_PRIORITY"])
def test_what_is_no_transition_changes_nothing(state):
    assert from_line(f'INSTANCE "VI_1" {state} 150') is None


def test_a_notify_script_gets_the_same_after_the_operators_own_arguments():
    assert from_arguments(["--site", "a", "INSTANCE", "VI_1", "MASTER", "150"]) == Notice(False, "VI_1", "MASTER", 150)


@pytest.mark.parametrize(
    "line",
    ["", "INSTANCE", 'INSTANCE "VI_1"', 'INSTANCE "VI_1" KING 1', 'THING "VI_1" MASTER 1', 'INSTANCE "" MASTER 1',
     'INSTANCE "VI_1" MASTER -1', 'INSTANCE "VI_1" MASTER ²'],
)  # fmt: skip
def test_anything_else_is_said_to_be_wrong(line):
    with pytest.raises(NotUnderstood, match=r"^keepalived calls with INSTANCE\|GROUP NAME STATE PRIORITY, not with "):
        from_line(line)


@given(st.text())
def test_no_line_is_a_bug(line):
    with suppress(NotUnderstood):
        from_line(line)


@given(st.lists(st.integers(0, 60)))
def test_lines_are_whole_however_the_bytes_come(cuts):
    text = b'INSTANCE "VI_1" MASTER 150\n\nGROUP "G" BACKUP 0\nrest'
    lines, found, at = Lines(), [], 0
    for end in [*sorted(cuts), len(text)]:
        found += lines.feed(text[at:end])
        at = max(at, end)
    assert found == ['INSTANCE "VI_1" MASTER 150', 'GROUP "G" BACKUP 0']


def test_a_line_without_an_end_is_not_kept_for_ever():
    lines = Lines()
    assert list(lines.feed(b"x" * (LONGEST + 1))) == []
    assert list(lines.feed(b"x" * 10)) == []
    assert list(lines.feed(b'x\nINSTANCE "VI_1" MASTER 150\n')) == ['INSTANCE "VI_1" MASTER 150']


class Heard:
    def __init__(self, path):
        self.notices, self.wrong = asyncio.Queue(), []
        self.fifo = Fifo(path, told=self.notices.put_nowait, wrong=self.wrong.append)
        self.fifo.open()


def say(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "w") as fifo:
        fifo.write(text)


async def test_a_fifo_is_made_for_this_user_alone_and_outlives_its_writers(tmp_path):
    path = tmp_path / "notify"
    heard = Heard(path)
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        say(path, 'INSTANCE "VI_1" BACKUP 100\nnonsense\n')
        say(path, 'INSTANCE "VI_1" MASTER 100\n')
        async with asyncio.timeout(5):
            roles = [(await heard.notices.get()).role for _ in range(2)]
        assert roles == [Role.STANDBY, Role.ACTIVE]
        assert [str(one) for one in heard.wrong] == [
            'keepalived calls with INSTANCE|GROUP NAME STATE PRIORITY, not with "nonsense "'
        ]
    finally:
        heard.fifo.close()


async def test_one_that_is_there_is_taken_as_it_is(tmp_path):
    path = tmp_path / "notify"
    os.mkfifo(path, 0o640)
    heard = Heard(path)
    try:
        say(path, 'GROUP "both" FAULT 0\n')
        async with asyncio.timeout(5):
            assert (await heard.notices.get()) == Notice(True, "both", "FAULT", 0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        heard.fifo.close()


@pytest.mark.parametrize("anew", [True, False])
async def test_one_that_is_another_by_now_is_listened_to(tmp_path, monkeypatch, anew):
    """keepalived has removed its own, as it does when it stops, and may have made another one."""
    monkeypatch.setattr("lvsctl.pair.keepalived.LOOK", 0.001)
    path = tmp_path / "notify"
    heard = Heard(path)
    try:
        say(path, 'INSTANCE "VI_1" STOP 100\nINSTANCE "VI_1" MAS')
        path.unlink()
        if anew:
            os.mkfifo(path)
            theirs = os.open(path, os.O_RDWR | os.O_NONBLOCK)
            say(path, 'INSTANCE "VI_1" MASTER 100\n')
        async with asyncio.timeout(5):
            assert (await heard.notices.get()).state == "STOP"
            while not path.exists():
                await asyncio.sleep(0.001)
            if not anew:
                say(path, 'INSTANCE "VI_1" MASTER 100\n')
            assert (await heard.notices.get()).state == "MASTER"
        assert heard.wrong == []
    finally:
        heard.fifo.close()
        if anew:
            os.close(theirs)


async def test_where_there_can_be_none_any_more_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr("lvsctl.pair.keepalived.LOOK", 0.001)
    path = tmp_path / "notify"
    heard = Heard(path)
    try:
        path.unlink()
        path.write_text("")
        async with asyncio.timeout(5):
            while not heard.wrong:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert [str(one) for one in heard.wrong] == [
            f"{path} is no FIFO: remove it, or name another as keepalived's vrrp_notify_fifo"
        ]
        path.unlink()
        async with asyncio.timeout(5):
            while not path.exists():
                await asyncio.sleep(0.001)
        say(path, 'GROUP "both" FAULT 0\n')
        async with asyncio.timeout(5):
            assert (await heard.notices.get()).name == "both"
    finally:
        heard.fifo.close()


async def test_a_file_that_is_no_fifo_is_refused(tmp_path):
    path = tmp_path / "notify"
    path.write_text("precious")
    with pytest.raises(LvsctlError) as refused:
        Heard(path)
    assert str(refused.value) == f"{path} is no FIFO: remove it, or name another as keepalived's vrrp_notify_fifo"
    assert path.read_text() == "precious"


@pytest.fixture
def of_another() -> Iterator[Path]:
    """A FIFO of root's, as keepalived makes it, in a folder that everybody may enter; this user may not use it."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "notify"
        os.mkfifo(path, 0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        try:
            yield path
        finally:
            if root:
                os.seteuid(0)


async def test_one_that_keepalived_has_made_for_root_is_said(of_another):
    with pytest.raises(LvsctlError) as refused:
        Heard(of_another)
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert str(refused.value) == (
        f"{of_another}: Permission denied: let keepalived make it for lvsctl: `vrrp_notify_fifo {of_another} {user}`"
    )


async def test_a_place_where_none_can_be_made_is_said(tmp_path):
    with pytest.raises(LvsctlError) as refused:
        Heard(tmp_path / "no" / "notify")
    assert str(refused.value) == (
        f"{tmp_path}/no/notify: No such file or directory: name a FIFO that lvsctl may make and read"
    )
