"""Who speaks VRRP in a network namespace keeps others from it, as long as he lives and no further."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.daemon.pairing.alone import Alone
from lvsctl.errors import LvsctlError
from tests.e2e.netns import inside, ip

OTHER = """
import asyncio, sys
from lvsctl.daemon.pairing.alone import Alone
async def main():
    Alone(sys.argv[1]).hold()
    print("held", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
"""


@pytest.fixture
def name() -> str:
    return f"\0lvsctl test alone {os.getpid()}"


@pytest.fixture
def other(name: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds it."""
    shown = name.replace("\0", "\\0")
    command = [sys.executable, "-c", OTHER.replace("sys.argv[1]", f"'{shown}'")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


async def test_one_is_and_a_second_one_is_told_who_until_the_first_is_gone(name: str) -> None:
    first, second = Alone(name), Alone(name)
    try:
        assert not second.is_disturbed()
        first.hold()
        first.hold()
        assert (first.is_disturbed(), second.is_disturbed()) == (False, True)
        for _ in range(100):  # as often as it is tried again
            with pytest.raises(LvsctlError, match=rf"^another lvsctl \(pid {os.getpid()}\) speaks VRRP in"):
                second.hold()
            await asyncio.sleep(0)
        first.release()
        first.release()
        assert not second.is_disturbed()
        second.hold()
        assert first.is_disturbed()
    finally:
        first.release()
        second.release()


async def test_one_that_is_killed_holds_nothing(name: str, other: subprocess.Popen[str]) -> None:
    mine = Alone(name)
    with pytest.raises(LvsctlError, match=rf"\(pid {other.pid}\)"):
        mine.hold()
    other.kill()
    other.wait()
    mine.hold()
    mine.release()


async def test_one_that_stands_still_holds_it_although_it_greets_nobody(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as still:
        still.bind(name)
        still.listen(0)
        mine = Alone(name)
        with pytest.raises(LvsctlError, match=rf"^another lvsctl \(pid {os.getpid()}\) speaks VRRP"):
            mine.hold()
        for _ in range(3):  # nobody more can ask who it is
            assert mine.is_disturbed()
            with pytest.raises(LvsctlError, match=r"^another lvsctl speaks VRRP"):
                mine.hold()


async def test_a_stranger_keeps_nobody_from_working(
    name: str, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is by its user that one is known."""
    mine = Alone(name)
    assert mine.is_disturbed()
    monkeypatch.setattr("lvsctl.daemon.pairing.alone._users", lambda: (4_000_000_000,))
    assert not mine.is_disturbed()
    mine.hold()
    mine.release()


@pytest.mark.kernel
async def test_in_another_network_namespace_is_another_one(name: str, tmp_path: Path) -> None:
    there = f"alone{os.getpid()}"
    ip(f"netns add {there}")
    first, second = Alone(name), Alone(name)
    try:
        first.hold()
        with inside(there):
            assert not second.is_disturbed()
            second.hold()
    finally:
        first.release()
        second.release()
        ip(f"netns del {there}")
