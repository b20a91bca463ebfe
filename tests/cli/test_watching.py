"""`lvsctl status -w`: in a pseudo-terminal, and into a pipe, on the socket of a real daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lvsctl.kernel.memory import MemoryIpvs
from tests.cli.conftest import Run
from tests.cli.top.console import console
from tests.daemon.site import Site, conf, service, serving

LVSCTL = Path(sys.executable).with_name("lvsctl")
MANY = tuple(f"127.0.0.{number}" for number in range(11, 31))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[Site, Path]]:
    """A daemon with twenty servers, and its socket's path, on which it does not answer yet."""
    site = Site(MemoryIpvs(schedulers=("wlc",)), tmp_path)
    site.write(conf(service("shop", *MANY, address="192.0.2.20:80", check="none")))
    async with site.running():
        await site.ready()
        yield site, tmp_path / "lvsctl.sock"


def answering(site: tuple[Site, Path]) -> contextlib.AbstractAsyncContextManager[None]:
    its, path = site
    assert its.daemon is not None
    return serving(its.daemon, path)


async def test_on_a_terminal_it_is_drawn_over_itself_and_ends_with_an_interrupt(site: tuple[Site, Path]) -> None:
    async with answering(site), console(LVSCTL, "status", "-w", "0.1", "--socket", site[1], lines=40) as it:
        first = await it.until(lambda text: text.count("up: no chec…") == len(MANY))  # a read may bring half a picture
        assert first.startswith("lvsctl ") and "\nshop  tcp 192.0.2.20:80  ok" in first
        head, _, rest = first.partition("\n")
        await it.until(lambda text: not text.startswith(head) and text.endswith(rest))
        assert it.received.count(b"\x1b[2J") == 1  # cleared once: more would flicker
        it.type("\x03")
        assert await it.ended() == 0
        assert it.is_as_before()
        assert b"interrupted" not in it.received


async def test_it_fits_the_window_and_follows_its_size(site: tuple[Site, Path]) -> None:
    async with (
        answering(site),
        console(LVSCTL, "status", "-w", "3600", "--socket", site[1], columns=50, lines=12) as it,
    ):
        text = await it.until("or make")
        lines = text.split("\n")
        assert lines[10].startswith("… 16 more lines: name a service")
        assert lines[11] == "" and max(map(len, lines)) <= 50
        it.resize(100, 40)  # does not wait for the hour
        await it.until(lambda text: "127.0.0.30:80" in text and "more lines" not in text)
        it.type("\x03")
        assert await it.ended() == 0


@pytest.mark.parametrize("lines", [1, 2])
async def test_on_a_terminal_without_room_it_says_so(site: tuple[Site, Path], lines: int) -> None:
    async with answering(site), console(LVSCTL, "status", "-w", "0.1", "--socket", site[1], lines=lines) as it:
        text = await it.until("more lines: name a service, or make the window larger")
        assert text.startswith("… 26 more lines") and text.count("\n") == lines - 1
        it.type("\x03")
        assert await it.ended() == 0


async def test_a_line_that_fills_the_window_keeps_its_last_letter(site: tuple[Site, Path]) -> None:
    async with answering(site), console(LVSCTL, "status", "-w", "0.1", "--socket", site[1], columns=50, lines=9) as it:
        await it.until("more lines")
        it.type("\x03")
        assert await it.ended() == 0
        drawn = re.findall(r"(?:\r\n|\x1b\[H)([^\r\n\x1b]*)(\x1b\[K)?", it.received.decode())
        assert {bool(cleared) for line, cleared in drawn if len(line) == 50} == {
            False
        }  # \x1b[K would take it, in xterm
        assert {bool(cleared) for line, cleared in drawn if 0 < len(line) < 50 and "^C" not in line} == {True}


async def test_where_the_cursor_cannot_be_placed_it_is_block_after_block(site: tuple[Site, Path]) -> None:
    async with (
        answering(site),
        console(LVSCTL, "status", "-w", "0.1", "--socket", site[1], lines=90, TERM="dumb") as it,
    ):
        await it.until(lambda text: text.count("\n--- 2") >= 2)
        it.type("\x03")
        assert await it.ended() == 0
        assert b"\x1b" not in it.received


async def test_a_daemon_that_goes_and_comes_back(site: tuple[Site, Path]) -> None:
    path = site[1]
    async with contextlib.AsyncExitStack() as stack:
        async with answering(site):
            it = await stack.enter_async_context(console(LVSCTL, "status", "-w", "0.1", "--socket", path, columns=300))
            await it.until("shop  tcp")
        gone = f"lvsctl: no daemon answers on {path}: is lvsctl running? (systemctl status lvsctl); waiting for it"
        await it.until(lambda text: text.strip() == gone)  # what was shown then may be true no longer
        async with answering(site):
            await it.until("shop  tcp")
            it.type("\x03")
            assert await it.ended() == 0


async def piped(path: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        LVSCTL, "status", "-w", "0.1", "--socket", path, *arguments, stdout=-1, stderr=-1
    )


async def test_into_a_pipe_it_is_block_after_block(site: tuple[Site, Path]) -> None:
    path = site[1]
    async with answering(site):
        process = await piped(path)
        assert process.stdout is not None and process.stderr is not None
        for _ in range(2):
            async with asyncio.timeout(20):
                while not (line := await process.stdout.readline()).startswith(b"--- 2"):
                    assert line
                assert (await process.stdout.readline()).startswith(b"lvsctl ")
    async with asyncio.timeout(20):
        said = (await process.stderr.readline()).decode()
    assert said.startswith("lvsctl: ") and said.endswith("; waiting for it\n")
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert b"\x1b" not in out


async def test_json_documents_stand_on_their_own(site: tuple[Site, Path]) -> None:
    async with answering(site):
        process = await piped(site[1], "-o", "json")
        assert process.stdout is not None
        documents = []
        async with asyncio.timeout(20):
            while len(documents) < 2:
                text = ""
                while not text.endswith("\n}\n"):
                    text += (await process.stdout.readline()).decode()
                documents.append(json.loads(text))
        process.kill()
        await process.communicate()
    assert [document["kind"] for document in documents] == ["Status", "Status"]


@pytest.mark.parametrize("arguments", [["-w"], ["-w", "shop"], ["shop", "-w"], ["--watch", "5", "shop"], ["-w5"]])
def test_the_first_showing_may_fail(run: Run, arguments: list[str]) -> None:
    result = run("status", "--socket", "/nonexistent/s", *arguments)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("lvsctl: no daemon answers on /nonexistent/s")


def test_with_nowhere_to_write() -> None:
    script = f"{LVSCTL} status -w --socket /nonexistent/s >&-"
    assert subprocess.run(["sh", "-c", script], stderr=subprocess.DEVNULL, check=False).returncode == 4


@pytest.mark.parametrize("given", ["0", "0.05", "4000", "nan"])
@pytest.mark.parametrize(("command", "option"), [("status", "-w' / '--watch"), ("top", "-n' / '--interval")])
def test_too_often_and_too_rarely(run: Run, given: str, command: str, option: str) -> None:
    result = run(command, option.rpartition("'")[2] + f"={given}")
    assert result.exit_code == 2
    said = f"Invalid value for '{option}': {float(given):g} is not between 0.1 and 3600 seconds"
    assert result.stderr == f"lvsctl: {said} (see 'lvsctl {command} --help')\n"


def test_no_number(run: Run) -> None:
    assert "No such option" not in run("status", "--", "-w").stderr
