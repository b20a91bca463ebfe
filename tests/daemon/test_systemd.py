"""What the service manager is told, heard on a real notification socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.daemon.systemd import notify, watchdog_period
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import Seen
from tests.daemon.site import Servers, Site, conf, service, tcp, weights

A = "127.0.0.11"
VIP = "192.0.2.20"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def heard(manager: socket.socket) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            lines += manager.recv(4096).decode().splitlines()
        except BlockingIOError:
            return lines


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notify("READY=1") is None


def test_a_manager_that_is_gone_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert notify("READY=1") is None


def test_a_manager_that_does_not_read_is_not_waited_for(manager: socket.socket) -> None:
    """Else the whole daemon would stand still."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filling:
        filling.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                filling.sendto(b"WATCHDOG=1", manager.getsockname())
    notify("WATCHDOG=1")
    assert set(heard(manager)) == {"WATCHDOG=1"}


def test_an_abstract_socket_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel gives it an abstract name
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + listening.getsockname()[1:].decode())
        notify("READY=1", "STATUS=fine")
        assert listening.recv(100) == b"READY=1\nSTATUS=fine"


@pytest.mark.parametrize(
    ("microseconds", "pid", "expected"),
    [("30000000", None, 15.0), ("30000000", "1", None), ("", None, None), ("0", None, None), ("soon", None, None)],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    monkeypatch: pytest.MonkeyPatch, microseconds: str, pid: str | None, expected: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    if pid is None:
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
    else:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert watchdog_period() == expected


async def test_ready_after_the_first_complete_round_watchdog_after_every_one(
    tmp_path: Path, manager: socket.socket
) -> None:
    servers = Servers()
    await servers.start(A)
    site = Site(MemoryIpvs(schedulers=("wlc",)), tmp_path)
    key = tcp(VIP, servers.port)
    site.write(conf(service("shop", A, address=f"{VIP}:{servers.port}")))
    async with site.running() as daemon:
        await site.ready()
        assert weights(await site.ipvs.read(), key) == {A: 1}
        await site.rounds(2)
        started = heard(manager)
        await daemon.reload()
        reloaded = [line.partition("=")[0] for line in heard(manager) if not line.startswith("WATCHDOG")]
    await servers.close()
    assert set(started[: started.index("READY=1")]) == {"EXTEND_TIMEOUT_USEC=60200000"}  # rounds not complete yet
    assert started[started.index("READY=1") :][:2] == ["READY=1", "STATUS=1 services"]
    assert started[started.index("READY=1") :].count("WATCHDOG=1") >= 2
    assert reloaded == ["RELOADING", "MONOTONIC_USEC", "READY"]
    assert heard(manager)[-1] == "STOPPING=1"


async def test_a_reload_before_the_first_complete_round_does_not_say_ready(
    tmp_path: Path, manager: socket.socket
) -> None:
    """The manager would start what comes after us although no server has answered yet."""
    site = Site(MemoryIpvs(schedulers=("wlc",)), tmp_path)
    with socket.socket() as silent:  # takes connections into its backlog and says nothing
        silent.bind((A, 0))
        silent.listen()
        port = silent.getsockname()[1]
        check = "{tcp: {expect: never}, interval: 60s, timeout: 60s}"
        site.write(conf(service("shop", A, address=f"{VIP}:{port}", check=check)))
        async with site.running() as daemon:
            await daemon.reload()
            assert not daemon.ready
            assert set(heard(manager)) == {"EXTEND_TIMEOUT_USEC=60200000"}


async def test_a_round_that_took_long_is_rested_from_with_the_watchdog_fed(
    tmp_path: Path, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is as long as the round, and the next round is as long again."""
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    site = Site(SlowKernel(schedulers=("wlc",)), tmp_path)
    site.write(conf(service("shop", A, address=f"{VIP}:80", check="none")))
    async with site.running() as daemon:
        await site.ready()
        heard(manager)
        number, fed = daemon.last.number, 0
        async with asyncio.timeout(10):
            while daemon.last.number <= number + 2:
                fed += heard(manager).count("WATCHDOG=1")
                await asyncio.sleep(0.01)
    assert fed >= 2 * 3, "two rounds in between, each with several periods of rest"


class SlowKernel(MemoryIpvs):
    """Takes its time, several watchdog periods of it."""

    async def look(self) -> Seen:
        await asyncio.sleep(0.2)
        return await super().look()
