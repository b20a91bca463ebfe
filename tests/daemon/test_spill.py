"""What the daemon tells of pools that are full, over any kernel, while connections come and go."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.explain import explain
from lvsctl.daemon.standing import how_things_stand
from lvsctl.daemon.status import status
from lvsctl.decide.spill.counting import LAG
from lvsctl.kernel.generation import generation_of
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.memory import MAINLINE, MemoryIpvs
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import (
    AddressKey,
    Family,
    Forward,
    Generation,
    Protocol,
    RealAttrs,
    RealCounters,
    RealKey,
    Timeouts,
    Told,
)
from tests.daemon.site import Jump, Site, conf
from tests.kernel.shop import PORT, SERVERS, STAY, VIPS, Shop

KEY = AddressKey(VIPS[Family.INET], PORT, Protocol.UDP)
CLIENT = IPv4Address("127.0.2.1")
NAMES = "abs"


async def rows(ipvs: Ipvs) -> Collection[RealCounters]:
    return (await ipvs.look()).counters[KEY].servers.values()


def server(name: str) -> RealKey:
    return RealKey(SERVERS[Family.INET] + ord(name), PORT)


class Callers:
    """Datagrams through the service of a kernel that is remembered; an entry lives until its caller hangs up."""

    generation: Generation | None = Generation.NEW

    def __init__(self, jump: Jump) -> None:
        self.ipvs = MemoryIpvs(schedulers=[*MAINLINE, "hprio"])
        self._jump = jump
        self._held: list[tuple[str, int]] = []

    async def open(self) -> None:
        await self.ipvs.set_timeouts(Timeouts(0, 0, STAY))

    async def call(self, times: int) -> str:
        """The servers that were picked."""
        for _ in range(times):
            picked = self.ipvs.connect(KEY, CLIENT, 10000 + len(self._held), now=_now())
            name = next(name for name in NAMES if picked == server(name))
            self._held.append((name, 10000 + len(self._held)))
        return "".join(name for name, _ in self._held[-times:])

    async def hang_up(self, **counts: int) -> None:
        """Server -> how many of its connections are forgotten."""
        await self.ipvs.set_timeouts(Timeouts(0, 0, 1))
        for name, count in counts.items():
            for _ in range(count):
                port = next(port for who, port in self._held if who == name)
                self._held[port - 10000] = ("-", port)
                self.ipvs.send(KEY, CLIENT, port, now=_now())
        await self.open()
        await self.wait(1.1)
        self.ipvs.pass_time(_now())

    async def counted(self, connections: int) -> None:
        """Wait until the counters tell of so many connections."""
        assert sum([row.traffic.connections for row in await rows(self.ipvs)]) == connections

    async def wait(self, seconds: float) -> None:
        """So long for daemon and kernel."""
        self._jump(seconds)
        await asyncio.sleep(0)

    def leave(self) -> None:
        """Nothing to close."""


class RealCallers(Shop):
    """The same on a real kernel, in a shop that the daemon furnishes."""

    def __init__(self, ipvs: NetlinkIpvs) -> None:
        super().__init__(ipvs)
        kernel = os.uname()
        self.generation = generation_of(kernel.release, kernel.version)

    async def open(self, **_: object) -> None:
        self.servers = dict.fromkeys(NAMES, RealAttrs(Forward.ROUTE, 1))
        await self.ipvs.set_timeouts(Timeouts(0, 0, STAY))

    async def counted(self, connections: int) -> None:
        async with asyncio.timeout(10):
            while sum([row.traffic.connections for row in await rows(self.ipvs)]) != connections:
                await asyncio.sleep(0.05)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture(params=["memory", pytest.param("kernel", marks=pytest.mark.kernel)])
async def callers(request: pytest.FixtureRequest, jump: Jump) -> AsyncIterator[Any]:
    if request.param == "memory":
        yield Callers(jump)
        return
    request.getfixturevalue("netns")
    ipvs = NetlinkIpvs()
    if not await ipvs.has_scheduler("hprio"):
        pytest.skip("this kernel has no hprio: `make kernel` builds it for the lab")
    made = RealCallers(ipvs)
    yield made
    made.leave()
    await ipvs.close()


def shop(period: str, more: str = "") -> str:
    """Two servers of threshold 2, and a spare one."""
    return conf(
        f"""
  shop:
    address: {KEY.address}:{KEY.port}
    protocol: udp
    scheduler: hprio
    scheduler_fallback: none
    check: none
    spill_quiet: 0s
    {more}
    pools:
      main: {{thresholds: {{upper: 2, lower: 2}}, servers: [{server("a").address}, {server("b").address}]}}
      spare: {{servers: [{server("s").address}]}}
""",
        period=period,
    )


class Story:
    """The daemon over what `callers` do, and what it has told of load."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.told: list[tuple[str, dict[str, object]]] = []
        daemon.herald.listeners.append(self._hear)

    def _hear(self, told: Told) -> None:
        if told.record.event.split("_")[0] in ("spill", "pool", "capacity"):
            self.told.append((told.record.event, dict(told.record.fields)))

    async def until(self, holds: Callable[[], bool], *, seconds: float = 30) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waited in vain; told was {self.told}, known is {self.daemon.world.spill}") from None

    async def round(self) -> None:
        """One now, whatever the period."""
        before = self.daemon.world.spill[KEY].at
        self.daemon.world.wake.set()
        await self.until(lambda: self.daemon.world.spill[KEY].at > before)

    async def service(self) -> dict[str, Any]:
        found: dict[str, Any] = (await status(self.daemon, with_table=False))["services"][0]
        return found


async def test_a_pool_that_may_have_been_nearly_full_for_long_before_a_restart_is_not_said_to_be_fine(
    callers: Any, tmp_path: Path
) -> None:
    site = Site(callers.ipvs, tmp_path)
    site.write(shop("200ms", "capacity_warning: {share: 75%, for: 5m}"))
    async with site.running(generation=callers.generation) as daemon:
        await site.ready()
        assert how_things_stand(daemon).unsure == ()
        await callers.open()
        await callers.call(4)
        await Story(daemon).until(lambda: bool(daemon.world.spill[KEY].crowds))
        [unsure] = how_things_stand(daemon).unsure
        assert (unsure.event, unsure.service, unsure.pool) == ("capacity_high", "shop", "main")


async def test_a_spill_is_told_and_shown_from_beginning_to_end(callers: Any, jump: Jump, tmp_path: Path) -> None:
    site = Site(callers.ipvs, tmp_path)
    site.write(shop("200ms", "capacity_warning: {share: 75%, for: 300ms}"))
    async with site.running(generation=callers.generation) as daemon:
        story = Story(daemon)
        await site.ready()
        await callers.open()
        assert sorted(await callers.call(4)) == ["a", "a", "b", "b"]
        await story.until(lambda: ("spill_started", {"to": "spare"}) in story.told)
        assert await callers.call(3) == "sss"
        await story.until(lambda: ("capacity_high", {"share": 1.0, "limit": 0.75}) in story.told)
        await story.until(lambda: daemon.world.spill[KEY].spilled == 3)
        service = await story.service()
        assert service["spill"].pop("since").endswith("Z")
        assert service["spill"] == {
            "pool": "spare",
            "spilled": 3,
            "active": True,
            "exhausted": False,
            "estimated": True,
        }
        assert [(pool["full"], pool["conns"], pool["capacity"]) for pool in service["pools"]] == [
            (True, 4, 4),
            (False, 3, None),
        ]
        assert [one["overloaded"] for pool in service["pools"] for one in pool["servers"]] == [True, True, False]
        said = [link["says"] for link in (await explain(daemon, "shop"))["chain"] if link["about"] == "load"]
        assert said[0] == "pool main holds 4 of 4 connections, and is full (estimated)"
        assert said[-1].startswith("pool main has spilled for ")
        assert said[-1].endswith("new connections go to pool spare, 3 went below it since (estimated)")
        await callers.hang_up(a=1)
        await story.until(lambda: not daemon.world.spill[KEY].spilling)
        jump(100 * LAG)
        await story.until(lambda: story.told[-1][0] == "spill_ended")
        ended = story.told[-1][1]
        assert (ended["to"], ended["connections"], ended["peak"]) == ("spare", 3, 3)
        assert 0 < ended["duration"] < 100 * LAG, "without the time for which it had to be over"
        assert await callers.call(1) == "a"


async def test_since_when_a_pool_takes_connections_stays_as_it_was_told_first(callers: Any, tmp_path: Path) -> None:
    site = Site(callers.ipvs, tmp_path)
    site.write(shop("1h"))
    async with site.running(generation=callers.generation) as daemon:
        story = Story(daemon)
        await site.ready()
        await callers.open()
        await story.round()
        await callers.call(6)
        first = (await story.service())["spill"]
        assert first["since"] is not None
        assert (first["pool"], first["active"], first["spilled"]) == ("spare", True, 2), "no counter tells it so soon"
        assert story.told == [("spill_started", {"to": "spare"})]
        await asyncio.sleep(0.01)  # the moments are told in milliseconds
        assert (await story.service())["spill"] == first
        await story.round()
        assert (await story.service())["spill"] == first
        assert f"{first['spilled']} went below it" in str(await explain(daemon, "shop"))


async def test_a_spill_shorter_than_the_period_is_not_missed(callers: Any, jump: Jump, tmp_path: Path) -> None:
    site = Site(callers.ipvs, tmp_path)
    site.write(shop("1h"))
    async with site.running(generation=callers.generation) as daemon:
        story = Story(daemon)
        await site.ready()
        await callers.open()
        await story.round()
        jump(2 * LAG)  # whatever the counters told late would have been of a time before
        await story.round()
        assert sorted(await callers.call(6)) == ["a", "a", "b", "b", "s", "s"]
        await callers.hang_up(a=2, b=2, s=2)
        await callers.counted(6)
        assert [row.total for row in await rows(callers.ipvs)] == [0, 0, 0]
        assert story.told == [], "nobody looked meanwhile"
        await story.round()
        jump(LAG)
        await story.round()
    (started, _), (ended, facts) = story.told
    assert (started, ended) == ("spill_started", "spill_ended")
    assert (facts["to"], facts["connections"], facts["duration"]) == ("spare", 2, 0.0)


async def test_after_a_restart_what_was_spilled_before_is_told_of_no_more(callers: Any, tmp_path: Path) -> None:
    site = Site(callers.ipvs, tmp_path)
    site.write(shop("200ms"))
    async with site.running(generation=callers.generation) as daemon:
        await site.ready()
        await callers.open()
        assert len(await callers.call(6)) == 6
        await callers.hang_up(a=1, b=1)
    async with site.running(generation=callers.generation) as daemon:
        story = Story(daemon)
        await site.ready()
        first = daemon.world.spill[KEY].at
        await callers.wait(LAG + 0.3)
        await story.until(lambda: daemon.world.spill[KEY].at - first > LAG, seconds=5)
        await story.round()
        assert story.told == []
        assert (await story.service())["spill"]["pool"] == "main"
