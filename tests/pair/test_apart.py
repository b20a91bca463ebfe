"""A speaker in a process of its own: what the daemon does, or does not do, or dies of, is nothing to it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

import pytest

from lvsctl.daemon.speaking import speak
from lvsctl.errors import LvsctlError
from lvsctl.model import Announcing, Role, Transition, Trouble
from lvsctl.pair.apart import Apart
from lvsctl.pair.messages import Begin, Priority, Reports, packed, unpacked
from tests.pair.linked import Link
from tests.pair.making import OURS, V3, me
from tests.pair.remembered import ETH0, RememberedGround

FAST = me(V3, interval=0.02)
OFF = "remove 192.0.2.100 192.0.2.101"


class Director:
    """An Apart, and what it told."""

    def __init__(self, folder: Path, *command: str) -> None:
        self.log = folder / "speaker.log"
        self.told: list[Transition] = []
        self.wrong: list[Trouble] = []
        self.apart = Apart(
            [FAST],
            told=self.told.append,
            wrong=self.wrong.append,
            announcing=Announcing(),
            numbers=None,
            command=command or (sys.executable, "-m", "tests.pair.speaking", str(self.log)),
        )

    @property
    def sent(self) -> int:
        return self.apart.reports()["web"].counts.sent

    @property
    def process(self) -> int:
        """Of the speaker."""
        found = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and str(self.log) in _arguments(entry)]
        assert len(found) == 1
        return found[0]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.001)

    async def until_active(self) -> None:
        await self.until(lambda: bool(self.told) and self.told[-1].role is Role.ACTIVE)


def _arguments(process: str) -> list[str]:
    try:
        return Path("/proc", process, "cmdline").read_text().split("\0")
    except OSError:
        return []


@asynccontextmanager
async def running(director: Director) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(director.apart.run())
    try:
        yield task
    finally:
        director.apart.stop()
        async with asyncio.timeout(30):
            await asyncio.wait([task])


async def test_it_is_a_provider(tmp_path: Path) -> None:
    director = Director(tmp_path)
    assert director.apart.role("web") is None
    async with running(director):
        await director.until_active()
        assert director.apart.role("web") is Role.ACTIVE
        with pytest.raises(KeyError):
            director.apart.role("nobody")
    assert [transition.role for transition in director.told] == [Role.STANDBY, Role.ACTIVE, None]
    assert (director.apart.role("web"), director.wrong) == (None, [])
    assert director.log.read_text().splitlines()[-1] == OFF


async def test_adverts_go_out_while_the_daemon_stands_still(tmp_path: Path) -> None:
    director = Director(tmp_path)
    async with running(director):
        await director.until_active()
        await director.until(lambda: "web" in director.apart.reports())
        before = director.sent
        time.sleep(1.0)  # as a round might, or a collection of garbage: fifty intervals
        await director.until(lambda: director.sent >= before + 10)


async def test_what_it_is_told_reaches_the_speaker(tmp_path: Path) -> None:
    director = Director(tmp_path)
    async with running(director):
        await director.until_active()
        director.apart.set_priority("web", 7)
        await director.until(lambda: director.apart.reports()["web"].state.priority == 7)
        director.apart.set_priority("nobody", 7)
        director.apart.release()
        await director.until(lambda: director.told[-1].role is Role.STANDBY)
        assert director.told[-1].why == "ordered to hand over"


async def test_another_configuration_is_taken_without_losing_the_role(tmp_path: Path) -> None:
    director = Director(tmp_path)
    async with running(director):
        await director.until_active()
        director.apart.take([replace(FAST, priority=8), replace(FAST, name="other", vrid=52)], Announcing())
        await director.until(lambda: director.apart.reports().keys() == {"web", "other"})
        assert director.apart.reports()["web"].state.priority == 8
        assert director.apart.role("web") is Role.ACTIVE
    assert [one.role for one in director.told if one.instance == "web"] == [Role.STANDBY, Role.ACTIVE, None]


async def test_one_that_is_stopped_before_it_began_ends(tmp_path: Path) -> None:
    director = Director(tmp_path)
    director.apart.stop()
    async with asyncio.timeout(30):
        await director.apart.run()
    assert "has ended" in director.log.read_text()


async def test_a_speaker_that_is_killed_is_an_error_and_its_roles_are_gone(tmp_path: Path) -> None:
    director = Director(tmp_path)
    async with running(director) as task:
        await director.until_active()
        os.kill(director.process, signal.SIGKILL)
        with pytest.raises(LvsctlError, match=r"^the process that speaks VRRP ended: killed by signal 9$"):
            await task
    assert (director.told[-1].role, director.told[-1].why) == (None, "the process that speaks VRRP is gone")
    assert director.apart.reports() == {}


@pytest.mark.parametrize("leaving", [False, True])
async def test_a_speaker_that_stands_still_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaving: bool
) -> None:
    """Its addresses are here and the other director has them, too: whoever runs it takes them off."""
    monkeypatch.setattr("lvsctl.pair.apart.LOOK", 0.25)
    monkeypatch.setattr("lvsctl.pair.apart.SILENT", 10)
    director = Director(tmp_path)
    async with running(director) as task:
        await director.until_active()
        os.kill(director.process, signal.SIGSTOP)
        if leaving:
            director.apart.stop()
        with pytest.raises(LvsctlError, match=r"^the process that speaks VRRP ended: killed by signal 9$"):
            async with asyncio.timeout(30):
                await asyncio.shield(task)
    assert director.told[-1].role is None


async def test_a_speaker_goes_on_although_the_daemon_stood_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsctl.pair.apart.LOOK", 0.25)
    monkeypatch.setattr("lvsctl.pair.apart.SILENT", 10)
    director = Director(tmp_path)
    async with running(director):
        await director.until_active()
        before = director.process
        for _ in range(2):
            time.sleep(3.0)
            await asyncio.sleep(0)
        await director.until(lambda: director.sent > 0)
        assert director.process == before
    assert [one.role for one in director.told] == [Role.STANDBY, Role.ACTIVE, None]


async def test_in_the_name_of_a_daemon_that_stands_still_the_least_is_offered(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it offers something itself. Here it says nothing but that."""
    for name, value in (("LOOK", 0.01), ("SILENT", 5), ("PACE", 0.01)):
        monkeypatch.setattr(f"lvsctl.daemon.speaking.{name}", value)
    ours, theirs = socket.socketpair()
    owner = me(V3, name="own", vrid=52, interval=0.02, priority=255, addresses=[ip_interface(f"{OURS}/24")])
    task = asyncio.create_task(speak(theirs, RememberedGround(replace(ETH0, addresses=(ip_interface(f"{OURS}/24"),)))))
    reader, writer = await asyncio.open_connection(sock=ours)

    async def until_offered(priority: int) -> None:
        async with asyncio.timeout(30):
            while True:
                match await unpacked(reader):
                    case Reports(reports) if reports["web"].state.priority == priority:
                        assert reports["own"].state.priority == 255
                        return

    writer.write(packed(Begin((FAST, owner), Announcing(), None)))
    await until_offered(FAST.priority)
    await until_offered(1)
    writer.write(packed(Priority("web", 99)))
    await until_offered(99)
    await until_offered(1)
    writer.close()
    async with asyncio.timeout(30):
        await task


async def test_a_speaker_that_is_told_nonsense_hands_over(tmp_path: Path) -> None:
    """Else it would never learn that its daemon is gone."""
    director = Director(tmp_path)
    async with running(director) as task:
        await director.until_active()
        assert director.apart._speaker is not None
        director.apart._speaker.write(b"\0\0\0\1x")
        async with asyncio.timeout(30):
            await asyncio.wait([task])
    assert director.log.read_text().splitlines()[-1] == OFF


async def test_a_speaker_that_is_asked_to_end_hands_over(tmp_path: Path) -> None:
    """As systemd asks everything in the unit."""
    director = Director(tmp_path)
    async with running(director) as task:
        await director.until_active()
        os.kill(director.process, signal.SIGTERM)
        await task
    assert (director.told[-1].role, director.told[-1].why) == (None, "lvsctl stops")


async def test_a_daemon_that_dies_leaves_a_speaker_that_hands_over(tmp_path: Path) -> None:
    director = Director(tmp_path)
    async with running(director) as task:
        await director.until_active()
        assert director.apart._speaker is not None
        director.apart._speaker.transport.abort()  # all that the speaker sees of its death
        with pytest.raises(LvsctlError, match=r"^the process that speaks VRRP ended: exit status 0$"):
            await task
    assert director.log.read_text().splitlines()[-1] == OFF


async def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(LvsctlError) as refused:
        await Director(tmp_path, "/nowhere/speaker").apart.run()
    assert str(refused.value) == "the process that speaks VRRP cannot be started: No such file or directory"
