"""How things stand is what an alert would say of them; what nobody can tell yet is said to be neither so nor over."""

from __future__ import annotations

import pytest

from lvsctl.daemon import standing
from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.standing import how_things_stand
from lvsctl.decide.alerting.happening import Standing
from lvsctl.decide.spill.load import Crowd, PoolLoad, ServiceLoad, Shortage, Spill
from lvsctl.decide.suspicion import Suspicion, Trust
from lvsctl.model import Health
from tests.daemon.site import Servers, Site, conf, service

A, B = "127.0.0.11", "127.0.0.12"
LATER = {"spill_started", "pool_exhausted", "capacity_high", "director_suspected", "delivery_failed"}


async def shop(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    site.write(conf(service("shop", A, B, address=f"192.0.2.20:{servers.port}", scheduler="rr")))


def crowd(daemon: Daemon, *, told: bool) -> None:
    """A look that has seen it all at once."""
    pool = PoolLoad("all", live=2, conns=9, capacity=10, full=True)
    key = daemon.world.spec.services["shop"].key
    daemon.world.spill = {
        key: ServiceLoad(
            "shop",
            0.0,
            (),
            {},
            (pool,),
            taking=None,
            since=None,
            spills=(Spill("all", "spare", 0.0, over=5.0),),
            shortage=Shortage(0.0, over=5.0),
            crowds={"all": Crowd(0.0, told=told)},
        )
    }
    daemon.world.trust = Trust(Suspicion("all is dark", 0.0, 0.0, 1e9))


def named(found: Standing) -> tuple[set[str], set[str]]:
    return {one.event for one in found.holds}, {one.event for one in found.unsure}


async def test_load_and_suspicion_hold_as_long_as_they_last(
    site: Site, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "DOUBT", 0.0)
    await shop(site, servers)
    async with site.running() as daemon:
        await site.ready()
        crowd(daemon, told=True)
        holds, _ = named(how_things_stand(daemon))
        assert holds == LATER - {"delivery_failed"}
        daemon.world.spill, daemon.world.trust = {}, Trust()
        assert named(found := how_things_stand(daemon)) == (set(), set())
        assert found.judged >= LATER


async def test_a_pool_that_is_nearly_full_may_have_been_so_for_long(site: Site, servers: Servers) -> None:
    await shop(site, servers)
    async with site.running() as daemon:
        await site.ready()
        crowd(daemon, told=False)
        holds, unsure = named(how_things_stand(daemon))
        assert "capacity_high" in unsure - holds


async def test_soon_after_a_restart_nobody_says_that_it_is_over(site: Site, servers: Servers) -> None:
    await shop(site, servers)
    async with site.running() as daemon:
        await site.ready()
        assert daemon.world.settled is not None
        assert not how_things_stand(daemon).judged & LATER
        daemon.world.settled -= standing.DOUBT
        assert how_things_stand(daemon).judged >= LATER


async def test_a_server_that_is_only_presumed_up_may_be_down(site: Site, servers: Servers) -> None:
    """It was down but kept: in the table, so it is presumed up after a restart until enough of its checks failed."""
    await shop(site, servers)
    async with site.running() as daemon:
        await site.ready()
        before = dict(daemon.world.health)
        daemon.world.health = dict.fromkeys(before, Health(up=True))
        found = how_things_stand(daemon)
        daemon.world.health = before
        assert sorted(one.server for one in found.unsure) == [f"{A}:{servers.port}", f"{B}:{servers.port}"]
        assert not found.holds
