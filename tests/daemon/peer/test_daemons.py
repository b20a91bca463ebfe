"""Two whole daemons, each with a conf.d, a table and a control socket of its own, that are one another's peer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lvsctl.daemon import standing
from lvsctl.daemon.standing import how_things_stand
from lvsctl.events import OpinionsAgree, OpinionsDiffer, PeerBack, PeerLost
from lvsctl.kernel.memory import MemoryIpvs
from tests.daemon.api.test_openapi import hold_to_the_document
from tests.daemon.peer.making import KEY, A, B, free_ports, until
from tests.daemon.site import Servers, Site, conf, service, tcp, weights
from tests.daemon.test_overrides import Desk, at_work
from tests.daemon.test_rounds import listen

ONE, TWO, VIP = "127.0.0.11", "127.0.0.12", "192.0.2.20"
QUICK = "{tcp: {}, interval: 50ms, timeout: 100ms, rise: 1, fall: 1}"


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    made = Servers()
    await made.start(ONE, TWO)
    yield made
    await made.close()


class Town:
    """Two sites."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        self.servers = servers
        self.key = tcp(VIP, servers.port)
        self.a, self.b = (self._site(folder / name) for name in "ab")
        self.ports = free_ports(A, B)

    def _site(self, folder: Path) -> Site:
        folder.mkdir()
        return Site(MemoryIpvs(schedulers=("rr", "wrr", "wlc", "fo")), folder)

    def write(self, *, check_a: str = QUICK, check_b: str = QUICK) -> None:
        for site, (here, there), ports, check in (
            (self.a, (A, B), self.ports, check_a),
            (self.b, (B, A), self.ports[::-1], check_b),
        ):
            where = f"address: '{there}:{ports[1]}', listen: '{here}:{ports[0]}'"
            peer = f"{{{where}, key: {KEY.reveal()!r}, interval: 100ms}}"
            shop = service("shop", ONE, TWO, address=f"{VIP}:{self.servers.port}", check=check)
            site.write(f"{conf(shop)}pair: {{provider: manual, peer: {peer}}}\n")


@pytest.fixture
def town(tmp_path: Path, servers: Servers) -> Town:
    made = Town(tmp_path, servers)
    made.write()
    return made


@contextlib.asynccontextmanager
async def both_at_work(town: Town) -> AsyncIterator[tuple[Desk, Desk]]:
    async with at_work(town.a) as a, at_work(town.b) as b:
        yield a, b


async def has(site: Site, town: Town, wanted: dict[str, int]) -> None:
    await site.until(f"{wanted}", lambda table: weights(table, town.key) == wanted)


async def test_what_is_ordered_of_one_is_done_by_both(town: Town) -> None:
    async with at_work(town.a) as a:
        async with at_work(town.b) as b:
            await has(town.b, town, {ONE: 1, TWO: 1})
            await a.order(ONE, reason="new memory")
            await has(town.b, town, {ONE: 0, TWO: 1})
            [order] = await b.listed()
            assert (order["subject"], order["reason"]) == (ONE, "new memory")
        await a.order(TWO, "weight", weight="5")
        async with at_work(town.b) as b:
            await has(town.b, town, {ONE: 0, TWO: 5})
            await b.enable(f"{ONE} {TWO}")
            await has(town.a, town, {ONE: 1, TWO: 1})
            await has(town.b, town, {ONE: 1, TWO: 1})
    async with at_work(town.a) as a:
        assert await a.listed() == []


async def test_the_last_server_may_be_taken_by_who_said_force_there(town: Town) -> None:
    """What it would do here is not asked again: else the two tables would differ."""
    async with both_at_work(town) as (a, b):
        await has(town.b, town, {ONE: 1, TWO: 1})
        await a.order(ONE)
        await has(town.b, town, {ONE: 0, TWO: 1})
        await b.order(TWO, status=409)
        await a.order(TWO, force=True)
        await has(town.b, town, {ONE: 0, TWO: 0})


async def seen(desk: Desk) -> Any:
    return (await hold_to_the_document(desk.http, "GET", "/v1/pair", 200))["peer"]


async def test_a_server_that_one_of_them_does_not_reach_is_told_by_both(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "DOUBT", 0.0)
    async with both_at_work(town) as (a, b):
        differ, agree = ([listen(one.daemon, kind) for one in (a, b)] for kind in (OpinionsDiffer, OpinionsAgree))
        await until("both hear", lambda: all(one.daemon.peer.knows for one in (a, b)))
        town.write(check_a=QUICK.replace("tcp: {}", "tcp: {}, port: 1"))
        await a.daemon.reload()
        await until("both tell", lambda: all(told and len(told[-1].what) == 2 for told in differ))
        peer = await seen(a)
        assert peer["lowering"]["penalty"] == 20
        assert (await seen(b))["lowering"]["penalty"] == 0
        for one in (a, b):
            found = how_things_stand(one.daemon)
            assert "opinions_differ" in {record.event for record in found.holds}
            assert {"opinions_differ", "both_active", "peer_lost"} <= found.judged
        town.write()
        await a.daemon.reload()
        await until("both are glad", lambda: all(agree))
        assert "opinions_differ" not in {record.event for record in how_things_stand(a.daemon).holds}


async def test_a_peer_that_is_gone_is_told_of_until_it_is_back_or_not_configured(town: Town) -> None:
    async with at_work(town.a) as a:
        lost, back = listen(a.daemon, PeerLost), listen(a.daemon, PeerBack)
        await until("it is not there", a.daemon.peer.going_on)
        before = len(lost)  # it may have been told before anybody listened
        found = how_things_stand(a.daemon)
        assert "peer_lost" in {record.event for record in found.holds}
        assert "opinions_differ" not in found.judged
        async with at_work(town.b):
            await until("it is there", lambda: back)
        await until("it has gone", lambda: len(lost) == before + 1)
        town.a.write(conf(service("shop", ONE, TWO, address=f"{VIP}:{town.servers.port}")))
        await a.daemon.reload()
        found = how_things_stand(a.daemon)
        assert "peer_lost" in found.judged
        assert "peer_lost" not in {record.event for record in (*found.holds, *found.unsure)}
