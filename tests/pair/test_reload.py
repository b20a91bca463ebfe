"""Another configuration, taken by a speaker at work: who goes on, who begins anew, and that nobody else notices."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

import pytest

from lvsctl.model import Announcing, Instance, Role, VrrpVersion
from lvsctl.pair.filter import Wanted
from lvsctl.pair.state import Cause
from tests.pair.host import FAST, THEM, Host, holds, running, until
from tests.pair.linked import Link, LinkedPort
from tests.pair.making import OURS, THEIRS, me
from tests.pair.remembered import ETH0

OTHER = me(FAST, name="other", vrid=52, addresses=(ip_interface("192.0.2.110/24"),))
MOVED = ip_interface("192.0.2.102/24")
ONE, TWO = me(FAST, name="one", group="both"), me(OTHER, name="two", group="both")

pytestmark = pytest.mark.looptime


class Ear:
    """What is heard on the cable, of one virtual router: (priority, interval, addresses) of its adverts, in order."""

    def __init__(self, link: Link, *routers: Instance) -> None:
        self._port: LinkedPort = link.port("eth0", 2, [replace(me, source=THEIRS + 7) for me in routers])
        self.heard: list[tuple[int, int, float, int]] = []

    def adverts(self) -> list[tuple[int, int, float, int]]:
        """Number, priority, interval and how many addresses, since the last time."""
        heard = [datagram.payload for wanted in Wanted for datagram in self._port.take(wanted, 9999)]
        return [(p[1], p[2], int.from_bytes(p[4:6]) / 100, p[3]) for p in heard]

    async def until(self, number: int, priority: int) -> list[tuple[int, int, float, int]]:
        """All until such an advert came."""
        heard: list[tuple[int, int, float, int]] = []
        async with asyncio.timeout(20):
            while (number, priority) not in [advert[:2] for advert in heard]:
                heard += self.adverts()
                await asyncio.sleep(0.001)
        return heard

    def close(self) -> None:
        self._port.close()


@pytest.fixture
def ear(link: Link):  # type: ignore[no-untyped-def]
    made = Ear(link, FAST, OTHER, me(FAST, vrid=53))
    yield made
    made.close()


def has(host: Host, address: Any, interface: str = "eth0") -> bool:
    found = host.ground.interfaces.get(interface)
    return found is not None and found.holds(address.ip)


async def both_active(host: Host, *names: str) -> None:
    for name in names:
        await host.until(Role.ACTIVE, name)
    await until(lambda: sum(line.startswith("told active") for line in host.ground.log) == len(names))
    host.ground.log.clear()


async def test_what_is_the_same_is_left_alone(link: Link, ear: Ear) -> None:
    host = Host(link, FAST, OTHER)
    async with running(host):
        await both_active(host, "web", "other")
        sent = {name: report.counts.sent for name, report in host.speaker.reports().items()}
        host.speaker.take([OTHER, FAST])
        assert {name: report.counts.sent for name, report in host.speaker.reports().items()} == sent
        await asyncio.sleep(4 * FAST.interval)
        assert host.ground.log == []
    assert 0 not in [priority for number, priority, _, _ in ear.adverts()][:-2]


CHANGES: dict[str, dict[str, Any]] = {
    "priority": {"priority": 150},
    "interval, shorter": {"interval": 0.02},
    "interval, longer": {"interval": 1.0},
    "preemption": {"preempt": False},
    "addresses": {"addresses": (FAST.addresses[0], MOVED)},
    "source": {"source": OURS + 7},
    "no source": {"source": None},
    "peers": {"peers": (THEIRS,)},
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_active_one_goes_on_and_says_so(link: Link, ear: Ear, change: str) -> None:
    """Without a farewell, a transition or a pause; the other instance does not notice."""
    after = me(FAST, **CHANGES[change])
    host = Host(link, FAST, OTHER)
    own = (*host.ground.interfaces["eth0"].addresses, ip_interface("192.0.2.9/24"))
    host.ground.put(replace(ETH0, addresses=own))
    async with running(host):
        await both_active(host, "web", "other")
        ear.adverts()
        await ear.until(51, 100)
        before = host.speaker.reports()
        host.speaker.take([after, OTHER])
        now = host.speaker.reports()
        state = now["web"].state
        assert state.timer is not None and state.sent + after.interval >= state.timer
        assert state.timer - before["web"].state.sent <= FAST.interval + after.interval
        assert now["other"] == before["other"]
        await until(lambda: host.speaker.reports()["web"].counts.sent > before["web"].counts.sent)
        await until(lambda: all(has(host, address) for address in after.addresses))
        gone = set(FAST.addresses) - set(after.addresses)
        await until(lambda: not any(has(host, address) for address in gone))
        assert not [line for line in host.ground.log if line.startswith("told")]
        assert 0 not in [priority for _, priority, _, _ in ear.adverts()]
        assert host.speaker.role("web") is Role.ACTIVE
        if after.source != OURS + 7:  # which is not on the interface
            await asyncio.sleep(2 * FAST.interval)
            assert host.speaker.role("web") is Role.ACTIVE
    assert not host.troubles


async def test_addresses_are_added_and_announced_and_taken_off(link: Link) -> None:
    host = Host(link, FAST)
    async with running(host):
        await both_active(host, "web")
        host.speaker.take([me(FAST, addresses=(FAST.addresses[1], MOVED))])
        await until(lambda: has(host, MOVED) and not has(host, FAST.addresses[0]))
        put, said, *_ = host.ground.log
        assert (put, said.split()[0], set(said.split()[1:])) == (
            "add 192.0.2.101 192.0.2.102",
            "announce",
            {"192.0.2.101", "192.0.2.102"},
        )
        assert "remove 192.0.2.100" in host.ground.log
    assert not has(host, MOVED)


async def test_another_plan_of_announcements_is_begun_at_once(link: Link) -> None:
    host = Host(link, FAST)
    async with running(host):
        await both_active(host, "web")
        host.speaker.take([FAST], Announcing(count=1))
        await until(lambda: "announce 192.0.2.100 192.0.2.101" in host.ground.log)


ANEW: dict[str, Instance] = {
    "number": me(FAST, vrid=53),
    "version": me(FAST, version=VrrpVersion.V2, interval=1.0),
    "group": me(FAST, group="alone"),
    "virtual MAC": me(FAST, virtual_mac=True),
    "interface": me(FAST, interface="eth1"),
}


@pytest.mark.parametrize("change", ANEW)
async def test_another_virtual_router_begins_after_the_old_one_has_handed_over(
    link: Link, ear: Ear, change: str
) -> None:
    host = Host(link, FAST, OTHER)
    host.ground.put(replace(host.ground.interfaces["eth0"], name="eth1", index=3))
    async with running(host):
        await both_active(host, "web", "other")
        ear.adverts()
        host.speaker.take([ANEW[change], OTHER])
        assert [advert[:2] for advert in ear.adverts() if advert[0] == 51][-1] == (51, 0)
        await host.until(Role.ACTIVE)
        told = [line for line in host.ground.log if line.startswith("told")]
        assert told[:2] == [
            "told None: it is configured as another virtual router, and begins anew",
            "told standby: started, and listens first",
        ]
        where = "eth0-v4-51" if change == "virtual MAC" else ANEW[change].interface
        await until(lambda: has(host, FAST.addresses[0], where))
        assert has(host, FAST.addresses[0]) is (where == "eth0")
        assert host.speaker.role("other") is Role.ACTIVE
        assert host.ground.log[0] == "remove 192.0.2.100 192.0.2.101"
    assert not host.ground.links


async def test_what_is_gone_hands_over_and_what_is_new_starts(link: Link, ear: Ear) -> None:
    host = Host(link, FAST)
    async with running(host):
        await both_active(host, "web")
        host.speaker.take([OTHER])
        assert (51, 0) in [advert[:2] for advert in ear.adverts()]
        with pytest.raises(KeyError):
            host.speaker.role("web")
        await host.until(Role.ACTIVE, "other")
        assert not holds(host)
        assert "told None: it is not configured any more" in host.ground.log
        await until(lambda: has(host, OTHER.addresses[0]))
        host.speaker.take([])
        await until(lambda: not has(host, OTHER.addresses[0]))
        assert host.speaker.reports() == {}
        host.speaker.take([FAST])
        await host.until(Role.ACTIVE)


async def test_addresses_of_one_that_is_gone_are_taken_off_however_long_it_takes(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsctl.pair.mover.RETRY", 0.01)
    host = Host(link, FAST, OTHER)
    async with running(host):
        await both_active(host, "web", "other")
        host.ground.broken = True
        host.speaker.take([OTHER])
        await until(lambda: bool(host.troubles))
        assert holds(host)
        host.ground.broken = False
        await until(lambda: not holds(host))
        await until(lambda: len(host.speaker._movers) == 1)


async def test_one_that_comes_back_while_it_leaves_is_moved_by_one_mover(link: Link) -> None:
    host = Host(link, FAST)
    async with running(host):
        await both_active(host, "web")
        host.ground.held = asyncio.Event()
        host.speaker.take([])
        await until(lambda: bool(host.ground.log))
        host.speaker.take([FAST])
        assert len(host.speaker._movers) == 1
        host.ground.held.set()
        await until(lambda: host.ground.log[-1].startswith("told active"))
        told = [line.split(":")[0] for line in host.ground.log if line.startswith("told")]
        assert told == ["told None", "told standby", "told active"]
        assert holds(host)


async def test_a_group_that_is_joined_begins_anew_as_one(link: Link) -> None:
    host = Host(link, ONE)
    async with running(host):
        await both_active(host, "one")
        host.speaker.take([ONE, TWO])
        assert {name: report.state.role for name, report in host.speaker.reports().items()} == {
            "one": None,
            "two": None,
        }
        await both_active(host, "one", "two")
        host.speaker.take([ONE, me(TWO, priority=120)])
        assert [report.state.role for report in host.speaker.reports().values()] == [Role.ACTIVE] * 2
        await asyncio.sleep(2 * FAST.interval)
        assert host.ground.log == []


async def test_a_priority_that_was_set_stands(link: Link) -> None:
    def priority() -> int:
        return host.speaker.reports()["web"].state.priority

    host = Host(link, FAST)
    async with running(host):
        await host.until(Role.ACTIVE)
        host.speaker.take([me(FAST, priority=110)])
        assert priority() == 110, "none was set"
        host.speaker.set_priority("web", 20)
        host.speaker.take([me(FAST, priority=120)])
        assert priority() == 20
        host.speaker.take([me(FAST, priority=120, vrid=53)])
        assert priority() == 20, "though it begins anew"
        host.speaker.take([])
        host.speaker.take([FAST])
        assert priority() == 100, "it had left"


async def test_a_standby_goes_on_as_well(link: Link) -> None:
    strong, weak = Host(link, me(THEM, priority=150)), Host(link, FAST)
    async with running(strong), running(weak):
        await strong.until(Role.ACTIVE)
        await weak.until(Role.STANDBY)
        weak.ground.log.clear()
        weak.speaker.take([me(FAST, preempt=False, priority=200, interval=0.04)])
        strong.speaker.take([me(THEM, priority=150, interval=0.04)])
        await asyncio.sleep(10 * FAST.interval)
        assert (weak.speaker.role("web"), strong.speaker.role("web")) == (Role.STANDBY, Role.ACTIVE)
        assert weak.ground.log == []
        weak.speaker.take([me(FAST, priority=200, interval=0.04)])
        await weak.until(Role.ACTIVE)
        await strong.until(Role.STANDBY)


async def test_further_interfaces_are_looked_at_from_now_on(link: Link) -> None:
    host = Host(link, FAST)
    async with running(host):
        await host.until(Role.ACTIVE)
        host.speaker.take([me(FAST, track=("eth1",))])
        await host.until(Role.FAULT)
        assert host.speaker.reports()["web"].state.faults == {Cause.TRACKED}
        assert host.speaker.reports()["web"].lacking == ("there is no interface eth1 (tracked)",)
        await until(lambda: host.ground.log[-1] == "told fault: there is no interface eth1 (tracked)")
        host.speaker.take([FAST])
        await host.until(Role.ACTIVE)


async def test_before_it_runs_and_after_its_end(link: Link) -> None:
    host = Host(link, FAST)
    host.speaker.take([OTHER])
    async with running(host):
        await host.until(Role.ACTIVE, "other")
    host.speaker.take([FAST])
    assert list(host.speaker.reports()) == ["other"]
