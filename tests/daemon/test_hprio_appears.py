"""hprio installed while the daemon runs, on the real kernel: noticed, told of, taken; nobody loses a word."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lvsctl.daemon.status import status
from lvsctl.kernel.netlink import NetlinkIpvs
from tests.daemon.site import Site, conf, service, tcp
from tests.lab import here
from tests.listener import listening

pytestmark = pytest.mark.kernel

VIP, PORT = "127.0.1.1", 4000
POOL, SPARE = "127.77.0.1", "127.77.0.2"  # addresses of this host: what listens on VIP answers for them
KEY = tcp(VIP, PORT)
SOON = 0.1  # seconds between looks
LOADER = Path("/proc/sys/kernel/modprobe")


class Modules:
    """The kernel's loader of modules, which may be made to find nothing."""

    def __init__(self) -> None:
        self._loader = LOADER.read_text()

    async def hide(self) -> None:
        """Nothing is found from now on, and hprio is not there."""
        LOADER.write_text("/bin/false\n")
        async with asyncio.timeout(30):
            while Path("/sys/module/ip_vs_hprio").exists():  # namespaces of earlier tests end when the kernel has time
                subprocess.run(["rmmod", "ip_vs_hprio"], capture_output=True, check=False)
                await asyncio.sleep(0.05)

    def install(self) -> None:
        LOADER.write_text(self._loader)


@pytest.fixture
async def ipvs(netns: None) -> AsyncIterator[NetlinkIpvs]:
    ipvs = NetlinkIpvs()
    yield ipvs
    await ipvs.close()


@pytest.fixture
async def modules(ipvs: NetlinkIpvs) -> AsyncIterator[Modules]:
    """hprio is hidden, fo is there."""
    if not here.IN_LAB:
        pytest.skip("hides modules from the whole kernel: runs in the lab only")
    if not await ipvs.has_scheduler("hprio"):
        pytest.skip("this kernel has no hprio: `make kernel` builds it for the lab")
    assert await ipvs.has_scheduler("fo")
    modules = Modules()
    try:
        await modules.hide()
        assert not await ipvs.has_scheduler("hprio")
        yield modules
    finally:
        modules.install()


class Talk:
    """Connections through the service that stay, each of which can still say something and be answered."""

    def __init__(self) -> None:
        self._held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def hold(self, count: int) -> None:
        self._held += [await asyncio.open_connection(VIP, PORT) for _ in range(count)]

    async def answered(self) -> int:
        """How many are alive."""
        alive = 0
        for reader, writer in self._held:
            writer.write(b"still there?\n")
            alive += await asyncio.wait_for(reader.readline(), 5) == b"still there?\n"
        return alive

    async def hang_up(self) -> None:
        for _, writer in self._held:
            writer.close()
            await writer.wait_closed()


@pytest.fixture
async def talk(ipvs: NetlinkIpvs) -> AsyncIterator[Talk]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)

    talk = Talk()
    async with listening(echo, VIP, PORT):
        yield talk
        await talk.hang_up()


@pytest.fixture
def site(ipvs: NetlinkIpvs, tmp_path: Path) -> Site:
    return Site(ipvs, tmp_path)


def shop(**keys: object) -> str:
    limits = "{upper: 4, lower: 2}"
    made = service(
        "shop",
        POOL,
        address=f"{VIP}:{PORT}",
        spare=(SPARE,),
        check="none",
        scheduler="hprio",
        thresholds=limits,
        **keys,
    )
    return conf(made.replace("masquerade", "route"))


async def scheduler(site: Site) -> str:
    return (await site.ipvs.read())[KEY].attrs.scheduler


async def told(site: Site) -> str:
    assert site.daemon is not None
    reason: str = (await status(site.daemon, with_table=False))["services"][0]["scheduler"]["reason"]
    return reason


async def until(site: Site, what: str) -> None:
    """Until the daemon tells this of the scheduler."""
    async with asyncio.timeout(10):
        while await told(site) != what:
            await asyncio.sleep(0.02)


async def counts(site: Site) -> list[int]:
    """Connections of the pool and of the spare one."""
    servers = (await site.ipvs.look()).counters[KEY].servers
    return [row.active + row.inactive for row in servers.values()]


async def test_a_reload_takes_it_and_held_connections_survive(site: Site, modules: Modules, talk: Talk) -> None:
    site.write(shop())
    async with site.running(recheck_schedulers=SOON) as daemon:
        await site.until("the stand-in", lambda table: KEY in table and table[KEY].attrs.scheduler == "fo")
        assert await told(site) == "the kernel has no scheduler hprio"
        await talk.hold(5)
        assert await counts(site) == [4, 1]
        written = site.ipvs.written
        modules.install()
        await until(site, "hprio is there now; the service goes on with fo until the next reload")
        await site.rounds(2)
        assert (await scheduler(site), site.ipvs.written) == ("fo", written)
        await daemon.reload()
        await site.until("the wanted one", lambda table: table[KEY].attrs.scheduler == "hprio")
        assert site.ipvs.written == written + 1
        assert await told(site) == ""
        assert await talk.answered() == 5
        await talk.hold(2)
        assert await counts(site) == [4, 3], "what was held still counts"


async def test_with_auto_it_is_taken_without_a_reload(site: Site, modules: Modules, talk: Talk) -> None:
    site.write(shop(scheduler_upgrade="auto"))
    async with site.running(recheck_schedulers=SOON):
        await site.until("the stand-in", lambda table: KEY in table and table[KEY].attrs.scheduler == "fo")
        await talk.hold(3)
        modules.install()
        await site.until("the wanted one", lambda table: table[KEY].attrs.scheduler == "hprio")
        assert await talk.answered() == 3


async def test_a_refused_service_is_made_when_it_appears(site: Site, modules: Modules) -> None:
    site.write(shop(scheduler_fallback="none"))
    async with site.running(recheck_schedulers=SOON):
        await site.rounds(2)
        assert await site.ipvs.read() == {}
        modules.install()
        await site.until("made", lambda table: KEY in table and table[KEY].attrs.scheduler == "hprio")


async def test_loaded_by_hand_it_is_noticed_as_well(site: Site, modules: Modules) -> None:
    """insmod, where the kernel itself still finds nothing."""
    site.write(shop())
    async with site.running(recheck_schedulers=SOON):
        await site.until("the stand-in", lambda table: KEY in table and table[KEY].attrs.scheduler == "fo")
        subprocess.run(["/run/modprobe", "ip_vs_hprio"], check=True)
        await until(site, "hprio is there now; the service goes on with fo until the next reload")
        assert await scheduler(site) == "fo"
