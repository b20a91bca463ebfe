"""When everything seems to fail at once: held, told, shown, and gone on with; over any kernel."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.explain import explain
from lvsctl.daemon.status import status
from lvsctl.decide import inquiry
from lvsctl.model import Action, Override, ServerSubject, Told, Verdict
from tests.daemon.site import Jump, Servers, Site, conf, scrape, service, tcp, weights
from tests.listener import Listener

HOSTS = tuple(f"127.0.0.{n}" for n in range(41, 47))
CANARY = "127.0.0.60"
NAMES = ("shop", "blog", "wiki")
SOON = "{tcp: {}, interval: 50ms, timeout: 1s, rise: 2, fall: 2}"


class Scene:
    """Three unrelated services of two servers each, the daemon, and what it tells."""

    def __init__(self, site: Site, servers: Servers, daemon: Daemon) -> None:
        self.site, self.servers, self.daemon = site, servers, daemon
        self.told: list[Told] = []
        daemon.herald.listeners.append(self.told.append)

    async def table(self) -> dict[str, int]:
        """Address -> weight in whatever service it is."""
        table = await self.site.ipvs.read()
        return {host: weight for entry in keys(self.servers) for host, weight in weights(table, entry).items()}

    async def until(self, what: str, holds: Callable[[dict[str, int]], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds(found := await self.table()):
                await asyncio.sleep(0.01)
        assert holds(found), what

    async def event(self, name: str) -> Told:
        """The first event of this name; waits for it."""
        async with asyncio.timeout(20):
            while not self.events(name):
                await asyncio.sleep(0.01)
        return self.events(name)[0]

    def events(self, name: str) -> list[Told]:
        return [one for one in self.told if one.record.event == name]

    async def servers_down(self) -> None:
        """Every check of every server has spoken: down."""
        checks = [check for check in self.daemon.world.spec.checks if CANARY not in check]
        async with asyncio.timeout(20):
            while any(self.daemon.world.health[check].up for check in checks):
                await asyncio.sleep(0.01)

    async def document(self) -> dict[str, Any]:
        return await status(self.daemon)


def keys(servers: Servers) -> list[Any]:
    return [tcp(f"192.0.2.{20 + n}", servers.port) for n in range(len(NAMES))]


@contextlib.asynccontextmanager
async def scene(
    site: Site,
    servers: Servers,
    *,
    hold: str = "60s",
    guard: str = "max_removed: 100%",
    period: float = 0.2,
    **settings: object,
) -> AsyncIterator[Scene]:
    """All are up and in the table. guard: further keys of it."""
    await servers.start(*HOSTS)
    services = [
        service(name, *HOSTS[2 * n : 2 * n + 2], address=f"192.0.2.{20 + n}:{servers.port}", check=SOON, **settings)
        for n, name in enumerate(NAMES)
    ]
    site.write(conf(*services, period=f"{period * 1000:.0f}ms") + f"guard: {{suspect: {{hold: {hold}}}, {guard}}}\n")
    async with site.running() as daemon:
        found = Scene(site, servers, daemon)
        await found.until("all are in", lambda table: table == dict.fromkeys(HOSTS, 1))
        await site.ready()
        yield found


async def test_a_mass_failure_is_held_told_and_shown_and_gone_on_with_when_the_time_is_over(
    site: Site, servers: Servers, jump: Jump
) -> None:
    async with scene(site, servers, hold="1h", floor=1) as here:
        await servers.kill(*HOSTS)
        suspected = await here.event("director_suspected")
        await here.servers_down()
        await site.rounds(2)
        assert await here.table() == dict.fromkeys(HOSTS, 1), "nothing is taken out"
        document = await here.document()
        assert document["guard"]["suspected"] is True
        assert document["guard"]["why"].endswith("servers of 3 unrelated services failed within 5 s")
        assert document["guard"]["seen"] == suspected.record.fields["seen"]
        kept = [server["kept"] for one in document["services"] for pool in one["pools"] for server in pool["servers"]]
        assert {why.rpartition(", ")[2] for why in kept} == {"this director suspects itself"}
        told = await explain(here.daemon, f"shop/{HOSTS[0]}")
        assert "down but kept" in told["answer"]
        stays = "down: stays in the table (on_down remove) while this director suspects itself"
        assert [link["says"] for link in told["chain"] if link["about"] == "health"] == [stays]
        assert any(link["about"] == "guard" and "suspects itself" in link["says"] for link in told["chain"])
        jump(3600.0)
        trusted = await here.event("director_trusted")
        assert trusted.record.fields["why"] == "the time is over: 3600 s"
        await here.until("it goes on, and floors still hold", lambda table: len(table) == 3)
        await site.rounds(3)
        assert len(await here.table()) == 3
        document = await here.document()
        assert document["guard"] | {"canaries": []} == {
            "suspected": False,
            "since": None,
            "until": None,
            "why": None,
            "seen": [],
            "max_removed": "100%",
            "canaries": [],
        }
        kept = [server["kept"] for one in document["services"] for pool in one["pools"] for server in pool["servers"]]
        assert sorted(why for why in kept if why) == ["down but kept: the floor of pool servers is 1"] * 3
        assert (len(here.events("director_suspected")), len(here.events("director_trusted"))) == (1, 1)
        floors = [one for one in here.events("withheld") if "floor" in str(one.record.fields["why"])]
        assert len(floors) == 1, "what goes on is told once"


async def test_servers_that_come_back_end_it_and_nobody_ever_went(site: Site, servers: Servers) -> None:
    async with scene(site, servers) as here:
        await servers.kill(*HOSTS)
        await here.event("director_suspected")
        await here.servers_down()
        await servers.start(*HOSTS)
        trusted = await here.event("director_trusted")
        assert str(trusted.record.fields["why"]).startswith("the servers are back: ")
        await site.rounds(3)
        assert await here.table() == dict.fromkeys(HOSTS, 1)
        deleted = [one for one in here.events("applied") if "delete-server" in str(one.record.fields["op"])]
        assert deleted == []
        assert len(here.events("director_suspected")) == 1


def drain(name: str, host: str) -> Override:
    return Override(ServerSubject(name, ip_address(host), None), Action.DRAIN, "alice", "", since=0.0)


def canary(servers_port: int) -> str:
    return f"max_removed: 100%, canary: {{tcp: {{}}, address: {CANARY}, port: {servers_port}, interval: 50ms}}"


async def test_a_canary_that_answers_again_ends_it_when_the_servers_had_time_to_answer_too(
    site: Site, servers: Servers
) -> None:
    """It is silent as well at first, and that is evidence."""
    await servers.start(CANARY)
    async with scene(site, servers, guard=canary(servers.port)) as here:
        [shown] = (await here.document())["guard"]["canaries"]
        assert (shown["name"], shown["health"]) == (f"tcp {CANARY}:{servers.port}", "up")
        await servers.kill(CANARY)
        async with asyncio.timeout(20):
            while here.daemon.world.health[here.daemon.world.spec.guard.canaries[0]].up:
                await asyncio.sleep(0.01)
        await servers.kill(*HOSTS)
        suspected = await here.event("director_suspected")
        says = str(suspected.record.fields["seen"])
        assert f"canary tcp {CANARY}:{servers.port} fails: L4CON Connection refused" in says
        await here.servers_down()
        assert await here.table() == dict.fromkeys(HOSTS, 1)
        await servers.start(CANARY)
        trusted = await here.event("director_trusted")
        assert trusted.record.fields["why"] == f"canary tcp {CANARY}:{servers.port} answers"
        await here.until("it is the servers, and they go", lambda table: table == {})
        assert len(here.events("director_suspected")) == 1


async def test_a_canary_that_stays_silent_leaves_it_to_the_time(site: Site, servers: Servers) -> None:
    await servers.start(CANARY)
    async with scene(site, servers, hold="1s", guard=canary(servers.port)) as here:
        await servers.kill(CANARY)
        await servers.kill(*HOSTS)
        await here.event("director_suspected")
        trusted = await here.event("director_trusted")
        assert trusted.record.fields["why"] == "the time is over: 1 s"
        await here.until("they go", lambda table: table == {})


async def test_a_canary_that_answers_all_the_while_lets_the_servers_go(site: Site, servers: Servers) -> None:
    await servers.start(CANARY)
    async with scene(site, servers, guard=canary(servers.port)) as here:
        await servers.kill(*HOSTS)
        await here.until("they go, and the hold is a minute", lambda table: table == {})
        told = [one.record.fields["why"] for one in here.events("director_trusted")]
        assert set(told) <= {f"canary tcp {CANARY}:{servers.port} answers"}, "asked too late for the first look"


async def test_a_reload_of_the_checks_meanwhile_changes_nothing_about_it(site: Site, servers: Servers) -> None:
    """An operator who sees everything fail looks for the mistake in the timeouts."""
    async with scene(site, servers) as here:
        await servers.kill(*HOSTS)
        await here.event("director_suspected")
        await here.servers_down()
        text = (site.config / "site.yaml").read_text()
        site.write(text.replace("timeout: 1s", "timeout: 2s"))
        await here.daemon.reload()
        await here.servers_down()
        await site.rounds(3)
        assert await here.table() == dict.fromkeys(HOSTS, 1)
        assert here.events("director_trusted") == []
        await servers.start(*HOSTS)
        trusted = await here.event("director_trusted")
        assert trusted.record.fields["why"] == "the servers are back: 6 of 6 pass their checks"


async def test_a_daemon_that_starts_meanwhile_suspects_itself_as_well(site: Site, servers: Servers) -> None:
    async with scene(site, servers) as here:
        await servers.kill(*HOSTS)
        await here.event("director_suspected")
        await here.servers_down()
    async with site.running() as daemon:
        again = Scene(site, servers, daemon)
        await again.event("director_suspected")
        await again.servers_down()
        await site.rounds(3)
        assert await again.table() == dict.fromkeys(HOSTS, 1)


async def test_who_drains_when_it_begins_keeps_its_connections(site: Site, servers: Servers) -> None:
    """Weight 0 is not out of the table: to delete it would end what it serves."""
    async with scene(site, servers) as here:
        here.daemon.overrides.order([drain("shop", HOSTS[0])])
        here.daemon.world.wake.set()
        await here.until("it drains", lambda table: table[HOSTS[0]] == 0)
        await servers.kill(*HOSTS)
        await here.event("director_suspected")
        await here.servers_down()
        await site.rounds(2)
        assert await here.table() == dict.fromkeys(HOSTS, 1) | {HOSTS[0]: 0}
        here.daemon.overrides.order([drain("blog", HOSTS[2])])
        here.daemon.world.wake.set()
        await here.until("an operator's word holds: it drains", lambda table: table.get(HOSTS[2]) == 0)
        await site.rounds(2)
        assert await here.table() == dict.fromkeys(HOSTS, 1) | {HOSTS[0]: 0, HOSTS[2]: 0}


async def test_a_rack_that_was_drained_may_be_switched_off(site: Site, servers: Servers, tmp_path: Path) -> None:
    """Four of six servers of three services fail: by command and by file they were told to get no connections."""
    rack = (HOSTS[0], HOSTS[2], HOSTS[4], HOSTS[5])
    files = tmp_path / "maintenance"
    files.mkdir()
    async with scene(site, servers) as here:
        (files / HOSTS[4]).touch()
        (files / HOSTS[5]).write_text("force")  # with it a service goes
        text = (site.config / "site.yaml").read_text()
        site.write(text.replace("global: {", f"global: {{maintenance: {files}, "))
        await here.daemon.reload()
        here.daemon.overrides.order([drain("shop", HOSTS[0]), drain("blog", HOSTS[2])])
        here.daemon.world.wake.set()
        used = dict.fromkeys(HOSTS, 1)
        await here.until("it drains", lambda table: table == used | dict.fromkeys(rack, 0))
        await servers.kill(*rack)
        await here.until("it is gone", lambda table: set(table) == set(HOSTS) - set(rack))
        await site.rounds(2)
        assert here.events("director_suspected") == []
        assert here.events("withheld") == []


async def test_who_went_just_before_is_back_when_all_the_others_fail_too(site: Site, servers: Servers) -> None:
    """Two of six are gone before the director can know that it is everybody."""
    async with scene(site, servers) as here:
        await servers.kill(*HOSTS[:2])
        await here.until("the first two go", lambda table: set(table) == set(HOSTS[2:]))
        await servers.kill(*HOSTS[2:])
        await here.event("director_suspected")
        await here.until("they are back", lambda table: table == dict.fromkeys(HOSTS, 1))
        await here.servers_down()
        await site.rounds(2)
        assert await here.table() == dict.fromkeys(HOSTS, 1)
        document = await here.document()
        kept = [server["kept"] for one in document["services"] for pool in one["pools"] for server in pool["servers"]]
        assert {why.rpartition(", ")[2] for why in kept} == {"this director suspects itself"}
        assert len(document["round"]["withheld"]) == 6
        assert scrape(here.daemon).count("\nlvsctl_server_kept{") == 6
        assert len(brought_back(here)) == 2
        told = await explain(here.daemon, f"shop/{HOSTS[0]}")
        assert told["answer"].startswith(f"shop/{HOSTS[0]}:{servers.port} has weight 1: down but kept: ")
        await servers.start(*HOSTS)
        await here.event("director_trusted")
        await site.rounds(2)
        assert await here.table() == dict.fromkeys(HOSTS, 1)


def brought_back(here: Scene) -> list[str]:
    done = [one.record.fields for one in here.events("applied") if "add-server" in str(one.record.fields["op"])]
    return [str(fields["op"]) for fields in done if str(fields["reason"]).startswith("down but kept: ")]


@pytest.mark.parametrize("fall", [1, 2])
async def test_of_eleven_servers_that_fail_at_once_none_ever_goes_however_soon_the_first_is_down(
    site: Site, servers: Servers, fall: int
) -> None:
    """A check that fails is repeated, if it is, sooner than the others are asked for the first time."""
    hosts = [f"127.0.0.{n}" for n in range(41, 52)]
    check = f"{{tcp: {{}}, interval: 1s, fast_interval: 300ms, timeout: 1s, rise: 2, fall: {fall}}}"
    await servers.start(*hosts)
    lists = [hosts[:3], *(hosts[n : n + 2] for n in range(3, 11, 2))]
    names = ["a", "b", "c", "d", "e"]
    keys = [tcp(f"192.0.2.{20 + n}", servers.port) for n in range(len(names))]
    services = [
        service(name, *members, address=f"{key.address}:{key.port}", check=check)
        for name, members, key in zip(names, lists, keys, strict=True)
    ]
    site.write(conf(*services))

    async def table() -> dict[str, int]:
        found = await site.ipvs.read()
        return {host: weight for key in keys for host, weight in weights(found, key).items()}

    async with site.running() as daemon:
        await site.until("all are in", lambda found: sum(len(weights(found, key)) for key in keys) == 11)
        await site.ready()
        here = Scene(site, servers, daemon)
        await servers.kill(*hosts)
        async with asyncio.timeout(20):
            while any(belief.up for belief in daemon.world.health.values()):
                await asyncio.sleep(0.01)
        await site.rounds(2)
        assert await table() == dict.fromkeys(hosts, 1)
        assert daemon.world.trust.suspicion is not None
        assert [one.record.fields["op"] for one in here.events("applied")] == []


async def test_one_server_that_dies_is_judged_by_the_others_and_goes(site: Site, servers: Servers) -> None:
    """The others are asked once a minute, so none of them would have answered since."""
    check = "{tcp: {}, interval: 1m, fast_interval: 50ms, timeout: 1s, rise: 2, fall: 2}"
    often = check.replace("1m", "50ms")
    await servers.start(*HOSTS)
    site.write(
        conf(
            service("shop", HOSTS[0], address=f"192.0.2.20:{servers.port}", check=often),
            service("blog", HOSTS[1], address=f"192.0.2.21:{servers.port}", check=check),
            service("wiki", HOSTS[2], address=f"192.0.2.22:{servers.port}", check=check),
        )
    )
    async with site.running() as daemon:
        shop, blog, wiki = keys(servers)
        await site.until("all are in", lambda table: all(weights(table, key) for key in (shop, blog, wiki)))
        await site.ready()
        asked = daemon.runner.stats.verdicts[Verdict.PASS]
        await servers.kill(HOSTS[0])
        await site.until("it goes", lambda table: not weights(table, shop))
        assert daemon.world.inquiry is not None
        assert daemon.world.inquiry.over
        assert daemon.runner.stats.verdicts[Verdict.PASS] > asked
        assert daemon.world.trust.suspicion is None


async def test_who_waits_until_the_others_have_answered_is_shown_as_kept_and_nobody_is_woken(
    site: Site, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiry, "LONGEST", 60.0)  # longer than any machine is busy
    may_answer = asyncio.Event()
    may_answer.set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await may_answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    slow = "{http: {}, interval: 1m, fast_interval: 50ms, timeout: 30s, rise: 1, fall: 2}"
    async with contextlib.AsyncExitStack() as stack:
        await servers.start(HOSTS[0])
        for host in HOSTS[1:3]:
            pages = Listener(answer)
            await pages.start(host, servers.port)
            stack.push_async_callback(pages.close)
        site.write(
            conf(
                service("shop", HOSTS[0], address=f"192.0.2.20:{servers.port}", check=SOON),
                service("blog", HOSTS[1], address=f"192.0.2.21:{servers.port}", check=slow),
                service("wiki", HOSTS[2], address=f"192.0.2.22:{servers.port}", check=slow),
            )
        )
        daemon = await stack.enter_async_context(site.running())
        here = Scene(site, servers, daemon)
        await here.until("all are in", lambda table: table == dict.fromkeys(HOSTS[:3], 1))
        await site.ready()
        may_answer.clear()
        await servers.kill(HOSTS[0])
        async with asyncio.timeout(20):
            while daemon.world.inquiry is None:
                await asyncio.sleep(0.01)
        await site.rounds(2)
        [shown] = (document := await here.document())["services"][0]["pools"][0]["servers"]
        assert (shown["health"], shown["in_table"], shown["kept"]) == ("down", True, inquiry.WAITS)
        assert document["round"]["withheld"] == []
        assert (await explain(daemon, f"shop/{HOSTS[0]}"))["answer"].endswith(f"has weight 1: {inquiry.WAITS}")
        assert scrape(daemon).count("\nlvsctl_server_kept{") == 1
        may_answer.set()
        await here.until("they answer, and it goes", lambda table: table == dict.fromkeys(HOSTS[1:3], 1))
        await site.rounds(1)
        assert (await here.document())["services"][0]["pools"][0]["servers"][0]["kept"] is None
        assert scrape(daemon).count("\nlvsctl_server_kept{") == 0
        assert here.events("withheld") == []


async def test_no_more_than_the_share_goes_within_one_period(site: Site, servers: Servers) -> None:
    async with scene(site, servers, guard="max_removed: 2", period=2.0) as here:
        moments: list[tuple[float, str]] = []

        def note(told: Told) -> None:
            if "delete-server" in str(told.record.fields.get("op", "")):
                moments.append((here.daemon.loop.time(), told.record.server))

        here.daemon.herald.listeners.append(note)
        await servers.kill(*HOSTS[:4])  # two services are no reason for suspicion
        await here.until("they are gone", lambda table: set(table) == set(HOSTS[4:]))
        async with asyncio.timeout(20):
            while len(moments) < 4:  # told a moment after it is done
                await asyncio.sleep(0.01)
        for at, _ in moments:
            within = [server for when, server in moments if at <= when < at + 2.0]
            assert len(within) <= 2, moments
        assert here.events("director_suspected") == []
        whys = {str(one.record.fields["why"]) for one in here.events("withheld")}
        assert whys == {"down but kept: others go first, no more than 2 within one period"}
