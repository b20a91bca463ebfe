"""`lvsctl events` against the real daemon: what was, what comes, and daemons that go and come again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.cli import show_told
from lvsctl.daemon.daemon import Daemon
from lvsctl.events import PoolExhausted, PoolRelieved, ServerChanged
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import Outcome, RealKey, Verdict
from tests.cli.test_with_daemon import lvsctl
from tests.cli.top.console import console
from tests.daemon.site import Site, conf, service, serving

LVSCTL = Path(sys.executable).with_name("lvsctl")


@contextlib.asynccontextmanager
async def daemon_at(folder: Path) -> AsyncIterator[Daemon]:
    site = Site(MemoryIpvs(schedulers=("wlc",)), folder)
    site.write(conf(service("shop", "127.0.0.11", address="192.0.2.20:1", check="none")))
    async with site.running() as daemon, serving(daemon, folder / "lvsctl.sock"):
        await site.ready()
        yield daemon


class Follower:
    """`lvsctl events -f` as a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            return (await self._process.stdout.readline()).decode()

    async def complaint(self) -> str:
        assert self._process.stderr is not None
        async with asyncio.timeout(20):
            return (await self._process.stderr.readline()).decode()

    async def end(self) -> int:
        async with asyncio.timeout(20):
            return await self._process.wait()

    async def interrupt(self) -> tuple[int | None, str, str]:
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            out, err = await self._process.communicate()
        return self._process.returncode, out.decode(), err.decode()


@contextlib.asynccontextmanager
async def following(folder: Path, *arguments: str, stdout: int = subprocess.PIPE) -> AsyncIterator[Follower]:
    process = await asyncio.create_subprocess_exec(
        LVSCTL, "events", "-f", "--socket", folder / "lvsctl.sock", *arguments, stdout=stdout, stderr=subprocess.PIPE
    )
    try:
        yield Follower(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_what_was_as_lines_for_people_and_as_json(tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon:
        outcome = Outcome(Verdict.FAIL, "L4CON", "Connection refused", 0.0012)
        daemon.tell(ServerChanged("shop", "spare", RealKey(ip_address("127.0.0.11"), 1), False, "tcp", outcome))
        last = daemon.herald.number
        status, out, err = await lvsctl("events", "--socket", tmp_path / "lvsctl.sock")
        assert (status, err) == (0, "")
        lines = out.splitlines()
        assert len(lines) == last
        assert lines[-1].partition("  ")[2] == (
            'warning  shop/127.0.0.11:1  server is down  pool=spare check=tcp code=L4CON detail="Connection refused" '
            "latency=0.0012"
        )
        assert lines[-2].partition("  ")[2] == "info     shop  service is ok  why=configuration"
        status, out, err = await lvsctl("events", "--socket", tmp_path / "lvsctl.sock", "-o", "json", "-n", "1")
        assert (status, err) == (0, "")
        assert json.loads(out).items() >= {"number": last, "event": "server_down", "code": "L4CON"}.items()
        status, out, err = await lvsctl("events", "--socket", tmp_path / "lvsctl.sock", "--since", str(last))
        assert (status, out, err) == (0, "", "")


async def test_a_service_that_there_is_not(tmp_path: Path) -> None:
    async with daemon_at(tmp_path):
        status, out, err = await lvsctl("events", "--socket", tmp_path / "lvsctl.sock", "--service", "shpo", "-f")
    assert (status, out, err) == (1, "", "lvsctl: there is no service or server `shpo`: did you mean `shop`?\n")


async def test_without_a_daemon_to_begin_with(tmp_path: Path) -> None:
    path = tmp_path / "lvsctl.sock"
    status, out, err = await lvsctl("events", "-f", "--socket", path)
    assert (status, out) == (4, "")
    assert err == f"lvsctl: no daemon answers on {path}: is lvsctl running? (systemctl status lvsctl)\n"


async def test_following_ends_quietly_with_an_interrupt(tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon, following(tmp_path, "-n", "1") as follower:
        assert json.loads(await follower.line())["event"] == "service_ok"
        for event in (PoolExhausted("shop"), PoolRelieved("shop", 2.0)):
            daemon.tell(event)
            assert json.loads(await follower.line())["number"] == daemon.herald.number
        assert await follower.interrupt() == (0, "", "")


async def test_following_on_a_terminal_is_for_people(tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon:
        async with console(LVSCTL, "events", "-f", "--socket", tmp_path / "lvsctl.sock", columns=200) as it:
            await it.until("info     shop  service is ok  why=configuration")
            daemon.tell(PoolExhausted("shop"))
            await it.until("error    shop  ")
        command = ("events", "-f", "--socket", tmp_path / "lvsctl.sock", "-o", "json", "-n", "1")
        async with console(LVSCTL, *command, columns=200) as it:
            await it.until('"event": "pool_exhausted"')


async def test_a_daemon_that_is_restarted_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lvsctl.sock"
    async with contextlib.AsyncExitStack() as stack:
        async with daemon_at(tmp_path) as daemon:
            for _ in range(50):  # so that the next daemon's numbers begin far below
                daemon.tell(PoolExhausted("shop"))
            follower = await stack.enter_async_context(following(tmp_path, "-o", "json", "-n", "1"))
            assert json.loads(await follower.line())["number"] == daemon.herald.number > 50
        assert await follower.complaint() == f"lvsctl: the daemon on {path} has hung up: waiting for it\n"
        async with daemon_at(tmp_path):
            assert json.loads(await follower.line())["number"] == 1
            assert await follower.complaint() == f"lvsctl: the daemon on {path} answers again\n"
            status, _, err = await follower.interrupt()
    assert (status, err) == (0, "")


async def test_a_reader_that_goes_away_is_no_error_message(tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon:
        for _ in range(900):
            daemon.tell(PoolExhausted("shop" * 50))
        command = f"{LVSCTL} events --socket {tmp_path}/lvsctl.sock | head -n 1"
        ended = await asyncio.to_thread(subprocess.run, command, shell=True, capture_output=True, text=True)
    assert (ended.stdout.count("\n"), ended.stderr) == (1, "")


async def test_following_ends_when_the_reader_goes_away_though_nothing_happens_any_more(tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon:
        daemon.tell(PoolExhausted("shop"))
        command = f"{LVSCTL} events -f --socket {tmp_path}/lvsctl.sock | head -n 1"
        ended = await asyncio.to_thread(subprocess.run, command, shell=True, capture_output=True, text=True, timeout=60)
    assert (ended.stdout.count("\n"), ended.stderr) == (1, "")


async def test_waiting_for_a_daemon_ends_when_the_reader_goes_away(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    async with contextlib.AsyncExitStack() as stack:
        async with daemon_at(tmp_path):
            follower = await stack.enter_async_context(following(tmp_path, stdout=writing))
            os.close(writing)
            assert await asyncio.to_thread(os.read, reading, 1) == b"{"
        assert "has hung up" in await follower.complaint()
        os.close(reading)
        assert await follower.end() == 1


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"event": "x", "level": "info", "message": "it is so"}, "-  info     -  it is so"),
        (
            {
                "at": "T",
                "level": "error",
                "message": "m",
                "service": "s",
                "server": "",
                "pool": "",
                "by": "a b",
                "n": 1,
            },
            'T  error    s  m  by="a b" n=1',
        ),
        ({"level": "info", "message": "m", "steps": ["a", "b"], "until": None}, '-  info     -  m  steps=["a", "b"]'),
        ({"level": "info", "message": "\x1b[2J\n"}, "-  info     -  \\x1b[2J\\n"),
    ],
)
def test_a_line_for_people(fields: dict[str, object], shown: str) -> None:
    assert show_told.line(fields) == shown
