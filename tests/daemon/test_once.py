"""One round by hand, over the kernel remembered: one answer decides, and the guards hold all the same."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.checks.registry import installed
from lvsctl.config.load import load
from lvsctl.daemon.once import Once, one_round
from lvsctl.daemon.override_file import save
from lvsctl.daemon.state import State
from lvsctl.decide import ledger
from lvsctl.decide.ledger import Speaker
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import Action, Entry, Override, ServerSubject
from tests.daemon.site import Servers, conf, service, tcp, weights

SERVERS = ["127.0.0.11", "127.0.0.12", "127.0.0.13"]
CANARY = "127.0.0.14"


class Hand:
    """Three services of one server each, as they would be in the table, and `apply`. more: further keys of conf.d."""

    def __init__(self, folder: Path, port: int, more: str = "") -> None:
        file = folder / "site.yaml"
        vips = {f"192.0.2.2{number}": server for number, server in enumerate(SERVERS)}
        self.keys = [tcp(vip, port) for vip in vips]
        services = [service(f"s{vip[-1]}", server, address=f"{vip}:{port}") for vip, server in vips.items()]
        file.write_text(conf(*services) + more)
        self.subjects = [ServerSubject(None, ip_address(server), None) for server in SERVERS]
        self.kinds = installed()
        self.loaded = load(file, self.kinds)
        self.state = State(folder)
        self.ipvs = MemoryIpvs(
            {
                service.key: Entry(service.attrs, {server.key: server.attrs for server in service.pools[0].servers})
                for service in self.loaded.spec.services.values()
            }
        )

    async def apply(self, *, checks: bool = True) -> Once:
        return await one_round(self.loaded, self.kinds, self.state, self.ipvs, checks=checks, write=True)

    async def served(self) -> list[bool]:
        table = await self.ipvs.read()
        return [bool(weights(table, key)) for key in self.keys]


async def test_one_answer_decides(tmp_path: Path, servers: Servers) -> None:
    await servers.start(*SERVERS)
    hand = Hand(tmp_path, servers.port)
    await servers.kill(SERVERS[1])
    done = await hand.apply()
    assert [step.reason for step in done.plan] == ["down: L4CON Connection refused"]
    assert await hand.served() == [True, False, True]
    await servers.start(SERVERS[1])
    await servers.kill(SERVERS[2])
    await hand.apply()
    assert await hand.served() == [True, True, False]


async def test_a_director_that_reaches_nobody_takes_nobody_away(tmp_path: Path, servers: Servers) -> None:
    await servers.start(*SERVERS)
    hand = Hand(tmp_path, servers.port)
    await servers.kill(*SERVERS)
    done = await hand.apply()
    assert done.plan == ()
    assert {why for _, why in done.withheld} == {
        "down but kept: 3 of 3 servers of 3 unrelated services failed within 5 s, this director suspects itself"
    }
    assert await hand.served() == [True, True, True]


async def test_unless_a_canary_answers(tmp_path: Path, servers: Servers) -> None:
    await servers.start(*SERVERS, CANARY)
    guard = f"guard: {{max_removed: 100%, canary: {{tcp: {{}}, address: {CANARY}, port: {servers.port}}}}}\n"
    hand = Hand(tmp_path, servers.port, guard)
    await servers.kill(*SERVERS)
    done = await hand.apply()
    assert done.withheld == ()
    assert await hand.served() == [False, False, False]


async def test_what_operators_ordered_of_the_daemon_holds_by_hand_as_well(tmp_path: Path, servers: Servers) -> None:
    await servers.start(*SERVERS)
    hand = Hand(tmp_path, servers.port)
    first, second = (Override(one, Action.DISABLE, "alice (uid 1000)", "", 1.0) for one in hand.subjects[:2])
    over = Override(hand.subjects[2], Action.DISABLE, "alice (uid 1000)", "", 1.0, until=2.0)
    said = ledger.ordered(ledger.Ledger(), [first, replace(second, action=Action.DRAIN), over], Speaker("a"), 1.0)
    save(hand.state.overrides, said)
    before = hand.state.overrides.read_bytes()
    done = await hand.apply()
    assert [step.reason for step in done.plan] == [
        "drained by alice (uid 1000), without an end",
        "disabled by alice (uid 1000), without an end",
    ]
    table = await hand.ipvs.read()
    assert [list(weights(table, key).values()) for key in hand.keys] == [[], [0], [1]]
    assert hand.state.overrides.read_bytes() == before  # it is the daemon's to strike out what is over


@pytest.fixture
async def ipvs() -> None:
    """Not run on the real kernel: nothing here depends on it."""
