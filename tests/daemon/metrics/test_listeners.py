"""Where Prometheus is answered: what a start, a reload and a port that is taken make of it, and slow scrapers."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from lvsctl.daemon.api import metrics as api
from lvsctl.daemon.daemon import Daemon
from lvsctl.errors import LvsctlError
from lvsctl.kernel.memory import MemoryIpvs
from tests.daemon.metrics.told import read, series
from tests.daemon.site import Jump, Site, conf, service

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "identity"}
SHOP = conf(service("shop", "127.0.0.11", address="192.0.2.20:80", check="none"))


def free_port(address: str = "127.0.0.1") -> int:
    with socket.create_server((address, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def listening(*listen: str) -> str:
    return SHOP + f"metrics: {{listen: [{', '.join(listen)}]}}\n"


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return Site(MemoryIpvs(), tmp_path)


@contextlib.asynccontextmanager
async def asking(where: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://{where}", auto_decompress=False) as session:
        yield session


async def answers(where: str) -> bool:
    try:
        async with asking(where) as session, session.get("/-/healthy") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


async def test_nothing_listens_unless_conf_d_says_so(here: Site) -> None:
    here.write(SHOP)
    async with here.running() as daemon:
        assert daemon.listeners.missing == ()
        assert daemon.metrics is not None
        tasks = [task for task in asyncio.all_tasks() if "aiohttp" in repr(task)]
        assert tasks == []


async def test_what_is_answered_and_nothing_else(here: Site) -> None:
    where = f"127.0.0.1:{free_port()}"
    here.write(listening(where))
    async with here.running(), asking(where) as session:
        await here.ready()
        async with session.get("/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert answer.headers["Content-Encoding"] == "gzip"
            told = read(gzip.decompress(await answer.read()).decode())
            assert told[series("lvsctl_service_up", service="shop")] == 1
        async with session.get("/metrics", headers=OPENMETRICS) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
            assert (await answer.text()).endswith("# EOF\n")
        async with session.head("/metrics") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with session.get("/-/ready") as answer:
            assert (answer.status, await answer.text()) == (200, "ready\n")
        for path in ("/", "/v1/status", "/v1/explain"):
            async with session.get(path) as answer:
                assert answer.status == 404
        for path in ("/v1/reload", "/metrics"):
            async with session.post(path) as answer:
                assert answer.status in (404, 405)


async def test_ready_is_said_after_the_first_round_only(here: Site) -> None:
    where = f"127.0.0.1:{free_port()}"
    here.write(listening(where))
    async with here.running() as daemon, asking(where) as session:
        await here.ready()
        daemon.ready = False
        async with session.get("/-/ready") as answer:
            assert answer.status == 503
        async with session.get("/-/healthy") as answer:
            assert answer.status == 200


async def test_a_reload_moves_the_listener_and_leaves_the_others_alone(here: Site) -> None:
    first, second, third = (f"127.0.0.{host}:{free_port()}" for host in (1, 2, 3))
    here.write(listening(first, second))
    async with here.running() as daemon, asking(second) as session:
        async with session.get("/-/healthy") as answer:
            assert answer.status == 200
            connection = answer.connection
        assert connection is None  # back in the pool
        here.write(listening(second, third))
        await daemon.reload()
        assert [await answers(where) for where in (first, second, third)] == [False, True, True]
        async with session.get("/-/healthy") as answer:  # over the connection that was there before
            assert answer.status == 200
        here.write(SHOP)
        await daemon.reload()
        assert [await answers(where) for where in (first, second, third)] == [False, False, False]


async def test_a_port_in_use_refuses_the_reload_and_all_goes_on(here: Site) -> None:
    first, good = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        here.write(listening(first))
        async with here.running() as daemon:
            here.write(listening(good, taken).replace("shop", "renamed"))
            with pytest.raises(LvsctlError) as refused:
                await daemon.reload()
            assert str(refused.value) == (
                f"cannot serve metrics on {taken}: address already in use; "
                "change `listen` under `metrics`, or what stands in the way"
            )
            assert [await answers(where) for where in (first, good)] == [True, False]
            assert list(daemon.world.spec.services) == ["shop"]
            assert daemon.last_load.ok is False


@pytest.mark.parametrize("refused", [False, True])
async def test_an_old_listener_that_is_in_the_way_of_a_new_one_goes_first(here: Site, refused: bool) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.9", 0)) as other:
        taken = f"127.0.0.9:{other.getsockname()[1]}"
        here.write(listening(f"127.0.0.1:{port}"))
        async with here.running() as daemon:
            here.write(listening(f"0.0.0.0:{port}", *[taken] * refused))
            with pytest.raises(LvsctlError) if refused else contextlib.nullcontext():
                await daemon.reload()
            assert await answers(f"127.0.0.1:{port}")
            assert await answers(f"127.0.0.7:{port}") is not refused


async def test_a_port_in_use_at_the_start_is_tried_again_and_keeps_nobody_from_balancing(here: Site) -> None:
    other = socket.create_server(("127.0.0.1", 0))
    with other:
        where = f"127.0.0.1:{other.getsockname()[1]}"
        here.write(listening(where))
        async with here.running() as daemon:
            await here.ready()
            assert [str(one) for one in daemon.listeners.missing] == [where]
            other.close()
            await here.rounds(2)
            assert daemon.listeners.missing == ()
            assert await answers(where)


async def test_scrapers_that_do_not_read_are_limited_and_cut_off(
    here: Site, jump: Jump, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their answer is far larger than what the kernel buffers for a socket."""
    monkeypatch.setattr(api, "MOST", 2)
    port = free_port()
    here.write(listening(f"127.0.0.1:{port}"))
    async with here.running() as daemon:
        await here.ready()
        _swell(daemon)
        stuck = [await _asks_and_never_reads(port) for _ in range(2)]
        async with asking(f"127.0.0.1:{port}") as session:
            await _until_full(session)
            async with session.get("/-/healthy") as answer:
                assert answer.status == 200
            before = daemon.last.number
            await here.rounds(2)
            assert daemon.last.number > before
            await _until_there_is_room(session, jump)
        for client in stuck:
            client.close()


def _swell(daemon: Daemon) -> None:
    for number in range(50_000):
        daemon.metrics._results.labels("a kind with a name that is rather long " * 4, str(number))


async def _asks_and_never_reads(port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
    await asyncio.get_running_loop().sock_sendall(client, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    return client


async def _until_full(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(60):
        while True:
            async with session.head("/metrics") as answer:
                if answer.status == 503:
                    return


async def _until_there_is_room(session: aiohttp.ClientSession, jump: Jump) -> None:
    """However late the others' patience began: that they are sent something may take a while."""
    for _ in range(100):
        jump(api.PATIENCE)
        async with session.head("/metrics") as answer:
            if answer.status == 200:
                return
        await asyncio.sleep(0.05)
    raise AssertionError("they are sent something still")
