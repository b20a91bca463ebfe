"""A program of the operator's own."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from lvsctl.model import Program, Receiver
from lvsctl.notify.http import Client
from lvsctl.notify.outcome import Later, Outcome, Taken
from lvsctl.notify.program import send
from lvsctl.notify.senders import opened
from tests.notify.made import START, alert, notification


async def told(*argv: str, deadline: float = 10.0) -> Outcome:
    client = Client(lambda: START)
    sender = opened(Receiver("team", Program(argv), timeout=deadline), client, lambda: START)
    (letter,) = sender.letters(notification(alert("a")))
    try:
        return await letter.attempt()
    finally:
        await client.close()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def until_gone(pid: int) -> None:
    while not gone(pid):
        await asyncio.sleep(0.01)


async def test_it_reads_the_notification_and_a_few_variables(tmp_path: Path) -> None:
    script = f"cat >{tmp_path}/in; env >{tmp_path}/env"
    assert await told("/bin/sh", "-c", script) == Taken()
    given = json.loads((tmp_path / "in").read_text())
    assert (given["id"], given["version"], given["alerts"][0]["labels"]["server"]) == ("n1", "4", "a")
    found = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert {name: value for name, value in found.items() if name.startswith("LVSCTL")} == {
        "LVSCTL_RECEIVER": "team",
        "LVSCTL_NOTIFICATION": "n1",
        "LVSCTL_STATUS": "firing",
        "LVSCTL_REASON": "first",
        "LVSCTL_SUBJECT": "[FIRING:1] server a of shop is down",
    }
    assert set(found) - {"PWD", "SHLVL", "_"} <= {"PATH", "LANG", *(name for name in found if name[:6] == "LVSCTL")}


@pytest.mark.parametrize(
    ("script", "means"),
    [
        ("exit 0", Taken()),
        ("exit 3", Later("sh ended with exit status 3")),
        ("kill -TERM $$", Later("sh was killed by signal 15")),
        ("exec <&-; exit 0", Taken()),
        ("yes | head -c 1000000; exit 0", Taken()),
    ],
    ids=["taken", "not taken", "killed", "it reads nothing", "it prints a lot"],
)
async def test_what_its_end_means(script: str, means: Outcome) -> None:
    assert await told("/bin/sh", "-c", script) == means


async def test_no_shell_sees_its_arguments(tmp_path: Path) -> None:
    assert await told("/bin/echo", f"$(touch {tmp_path}/x); touch {tmp_path}/y") == Taken()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("/nowhere/at-all",), "at-all cannot be started: No such file or directory"),
        (("/etc/passwd",), "passwd cannot be started: Permission denied"),
        (("/bin/true", "a\0b"), "true cannot be started: Invalid argument"),
    ],
)
async def test_one_that_cannot_be_started(argv: tuple[str, ...], why: str) -> None:
    assert await told(*argv) == Later(why)


async def test_at_the_deadline_its_whole_group_is_killed(tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! $$ >{tmp_path}/pids.new; mv {tmp_path}/pids.new {tmp_path}/pids; wait"
    outcome = await told("/bin/sh", "-c", script, deadline=3.0)
    assert outcome == Later("sh is not done within 3 s")
    for pid in (tmp_path / "pids").read_text().split():
        await until_gone(int(pid))


async def test_when_it_ends_it_leaves_nothing_behind(tmp_path: Path) -> None:
    assert await told("/bin/sh", "-c", f"sleep 1000 & echo $! >{tmp_path}/pid") == Taken()
    await until_gone(int((tmp_path / "pid").read_text()))


async def test_a_stop_in_the_middle_kills_it(tmp_path: Path) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    task = asyncio.create_task(send(notification(), Program(("/bin/sh", "-c", f"echo $$ >{fifo}; exec sleep 1000"))))
    pid = int(await asyncio.to_thread(fifo.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_gone(pid)
