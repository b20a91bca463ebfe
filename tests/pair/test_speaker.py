"""A speaker on a cable in this process: what wakes it, in which order it does what, and what it does not believe."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_interface
from typing import Any

import pytest

from lvsctl.errors import LvsctlError
from lvsctl.model import LinkAnswer, Role, Trouble, Vip
from lvsctl.pair.packet import Codec, Refused
from lvsctl.pair.state import Cause
from tests.pair.host import FAST, THEM, Host, holds, running, sources, until
from tests.pair.linked import Link, LinkedPort
from tests.pair.making import OURS, THEIRS, me
from tests.pair.remembered import ETH0

pytestmark = pytest.mark.looptime


async def test_the_weaker_one_takes_over_and_gives_back(link: Link) -> None:
    strong, weak = Host(link, me(THEM, priority=150)), Host(link, FAST)
    async with running(weak):
        await weak.until(Role.ACTIVE)
        async with running(strong):
            await strong.until(Role.ACTIVE)
            await weak.until(Role.STANDBY)
            await until(lambda: holds(strong) and not holds(weak))
        assert not holds(strong)
        assert strong.ground.log[-2:] == ["remove 192.0.2.100 192.0.2.101", "told None: lvsctl stops"]
        await weak.until(Role.ACTIVE)
    assert weak.speaker.role("web") is None
    assert [line for line in weak.ground.log if line.startswith("told")] == [
        "told standby: started, and listens first",
        "told active: no other director is active",
        "told standby: 192.0.2.1 is active with priority 150, which is higher than 100 here",
        "told active: 192.0.2.1 handed over",
        "told None: lvsctl stops",
    ]
    counts = weak.speaker.reports()["web"].counts
    assert (counts.became_active, counts.gave_up, counts.zero_heard, counts.zero_sent) == (2, 2, 1, 1)


async def test_cancelled_it_hands_over_as_well(link: Link) -> None:
    host, heard = Host(link, FAST), link.port("eth0", 2, [THEM])
    task = asyncio.create_task(host.speaker.run())
    await host.until(Role.ACTIVE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [datagram.payload[2] for wanted in heard.queues for datagram in heard.take(wanted, 99)][-1] == 0
    assert not holds(host)
    heard.close()


async def test_faults_come_and_go_with_the_link(link: Link) -> None:
    host = Host(link, me(FAST, track=("eth1",)))
    good = host.ground.interfaces["eth0"]
    async with running(host):
        await host.until(Role.FAULT)
        assert host.speaker.reports()["web"].state.faults == {Cause.TRACKED}
        host.ground.put(replace(ETH0, name="eth1"))
        await host.until(Role.ACTIVE)
        host.ground.put(replace(good, carrier=False))
        await host.until(Role.FAULT)
        host.ground.put(replace(good, index=7))
        await host.until(Role.ACTIVE)
        await until(lambda: holds(host))
        host.ground.drop("eth0")
        await host.until(Role.FAULT)
        assert host.speaker.reports()["web"].state.faults == {Cause.INTERFACE}
        host.ground.put(good)
        await host.until(Role.ACTIVE)


async def test_a_port_that_cannot_be_opened_is_a_fault_and_tried_again(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> LinkedPort:
        raise LvsctlError("cannot speak VRRP on eth0: a test")

    monkeypatch.setattr("lvsctl.pair.speaker.AGAIN", 0.01)
    with monkeypatch.context() as refusing:
        refusing.setattr("lvsctl.pair.ports.Port", refuse)
        host = Host(link, FAST)
        task = asyncio.create_task(host.speaker.run())
        await host.until(Role.FAULT)
        await asyncio.sleep(0.05)
        assert host.troubles == [Trouble("web", "cannot speak VRRP on eth0: a test")], "once, however often it is tried"
    await host.until(Role.ACTIVE)
    host.speaker.stop()
    await task


async def test_what_was_waiting_is_heard_before_a_timer_is_served(link: Link) -> None:
    """An active one that slept finds that another has taken over, and says nothing more."""
    host, other = Host(link, me(FAST, priority=200)), link.port("eth0", 2, [THEM])
    async with running(host):
        await host.until(Role.ACTIVE)
        sent = host.speaker.reports()["web"].counts.sent
        for _ in range(300):
            link.carry(Codec(me(FAST, source=THEIRS, addresses=FAST.addresses[:1])).encode(100)[0], other)
        other.send(Codec(THEM).encode(100)[0])
        host.slept += 10
        host.speaker._ring()  # before the loop has looked at the sockets
        assert host.speaker.role("web") is Role.STANDBY
        counts = host.speaker.reports()["web"].counts
        assert (counts.sent, counts.heard, counts.lost_rest) == (sent, 129, 172)
    held_up = "told standby: this director was held up and sent nothing in time, and 192.0.2.1 has taken over"
    assert held_up in host.ground.log
    other.close()


@pytest.mark.looptime(False)
async def test_a_flood_without_a_pause_puts_no_timer_off_and_leaves_the_loop_to_others(link: Link) -> None:
    host, other = Host(link, FAST), link.port("eth0", 2, [THEM])
    [good] = Codec(THEM).encode(254)
    forged = replace(good, payload=good.payload[:6] + b"\0\0" + good.payload[8:])

    async with running(host):
        for _ in range(5000):
            for _ in range(130):
                link.carry(forged, other)
            await asyncio.sleep(0)  # one turn of the loop
            if host.speaker.role("web") is Role.ACTIVE:
                break
        assert host.speaker.role("web") is Role.ACTIVE
        counts = host.speaker.reports()["web"].counts
        assert counts.lost == 0 and counts.lost_rest > 0 and counts.refused[Refused.CHECKSUM] > 100
        assert [trouble.what for trouble in host.troubles] == [f"refused an advert of {THEIRS}: checksum"]
    other.close()


async def test_what_it_sends_from_is_looked_for_on_the_interface(link: Link) -> None:
    """None: a fault. Another one: it goes on from there, and so does what was waiting. Never one that moves."""
    host, heard = Host(link, me(FAST, source=None)), link.port("eth0", 2, [THEM])
    good = replace(ETH0, addresses=(ip_interface("192.0.2.2/24"),))
    async with running(host):
        host.ground.put(replace(ETH0, addresses=(ip_interface("192.0.2.100/32"),)))
        await host.until(Role.FAULT)
        assert host.speaker.reports()["web"].state.faults == {Cause.ADDRESS}
        host.ground.put(good)
        await host.until(Role.ACTIVE)
        await until(lambda: holds(host))
        own = [held for held in host.ground.interfaces["eth0"].addresses if held not in good.addresses]
        host.ground.put(replace(good, addresses=(*own, ip_interface("192.0.2.7/24"))))
        await until(lambda: sources(heard)[-1:] == ["192.0.2.7"])
        host.ground.put(replace(good, addresses=tuple(own)))
        await host.until(Role.FAULT)
        host.ground.put(good)
        await host.until(Role.ACTIVE)
        await until(lambda: sources(heard)[-1:] == ["192.0.2.2"])
    assert not host.troubles
    assert [line for line in host.ground.log if "told active" in line] == [
        "told active: no other director is active"
    ] * 2
    heard.close()


async def test_released_it_stays_behind_the_weaker_one(link: Link) -> None:
    strong, weak = Host(link, me(THEM, priority=150)), Host(link, FAST)
    async with running(strong), running(weak):
        await strong.until(Role.ACTIVE)
        strong.speaker.release()
        await weak.until(Role.ACTIVE)
        await asyncio.sleep(6 * FAST.interval)
        assert (strong.speaker.role("web"), weak.speaker.role("web")) == (Role.STANDBY, Role.ACTIVE)


async def test_priorities_are_set_one_by_one_and_move_all_that_move_together(link: Link) -> None:
    """Nobody takes over who is stronger for one of two only."""
    given = (("one", 1, 100), ("two", 2, 110))
    pair = [me(FAST, name=name, vrid=vrid, priority=priority, group="both") for name, vrid, priority in given]
    theirs = [replace(one, source=THEIRS, priority=50) for one in pair]
    ours, other = Host(link, *pair), Host(link, *theirs)
    async with running(ours), running(other):
        await ours.until(Role.ACTIVE, "two")
        await other.until(Role.STANDBY, "two")
        ours.speaker.set_priority("two", 20)
        assert [ours.speaker.reports()[name].state.priority for name in ("one", "two")] == [100, 20]
        await asyncio.sleep(6 * FAST.interval)
        assert ours.speaker.role("two") is Role.ACTIVE
        ours.speaker.set_priority("one", 20)
        await other.until(Role.ACTIVE, "one")
        await ours.until(Role.STANDBY, "one")


async def test_the_kernel_cannot_be_asked_for_a_while(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvsctl.pair.mover.RETRY", 0.01)
    host = Host(link, me(FAST, source=OURS))
    host.ground.broken = True
    async with running(host):
        await host.until(Role.ACTIVE)
        assert not holds(host)
        host.ground.broken = False
        await until(lambda: holds(host))
    assert [trouble.what for trouble in host.troubles] == ["netlink: no answer from the kernel within 10 s"]


async def test_one_that_cannot_have_its_addresses_lets_the_other_director_try(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stays behind it; alone it goes on trying, and says so no more often than it must."""
    monkeypatch.setattr("lvsctl.pair.mover.RETRY", 0.01)
    monkeypatch.setattr("lvsctl.pair.mover.HELPLESS", 0.1)
    strong, weak = Host(link, me(THEM, priority=150)), Host(link, FAST)
    async with running(strong):
        await strong.until(Role.STANDBY)
        await until(lambda: len(strong.ground.log) > 1)
        strong.ground.broken = True
        async with running(weak):
            await weak.until(Role.ACTIVE)
            await until(lambda: holds(weak))
            await asyncio.sleep(6 * FAST.interval)
            assert (strong.speaker.role("web"), weak.speaker.role("web")) == (Role.STANDBY, Role.ACTIVE)
            reason = "told standby: the addresses cannot be put on eth0; the other director may take over"
            await until(lambda: reason in strong.ground.log)
        await strong.until(Role.ACTIVE)
        await asyncio.sleep(0.3)
        assert strong.speaker.role("web") is Role.ACTIVE, "it was helpless a moment ago"
        strong.ground.broken = False
        await until(lambda: holds(strong))


async def test_a_mistake_in_one_mover_leaves_no_addresses_of_another(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(link, FAST, me(FAST, name="other", vrid=52, addresses=(ip_interface("192.0.2.110/24"),)))
    heard = link.port("eth0", 2, [THEM])
    task = asyncio.create_task(host.speaker.run())
    await host.until(Role.ACTIVE)
    await until(lambda: holds(host) and "192.0.2.110" in str(host.ground.interfaces["eth0"]))
    remove = host.ground.remove

    async def stumble(vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        if str(vips[0].address) == "192.0.2.110":
            raise RuntimeError("a mistake")
        return await remove(vips)

    monkeypatch.setattr(host.ground, "remove", stumble)
    host.speaker.take([me(FAST, priority=120)])
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(4):
            await task
    assert not holds(host)
    assert [datagram.payload[2] for wanted in heard.queues for datagram in heard.take(wanted, 999)][-1] == 0
    heard.close()


async def test_a_mistake_while_a_timer_is_served_is_not_the_end_of_it(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(link, FAST)
    caught: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.append(context))
    async with running(host):
        await host.until(Role.ACTIVE)
        with monkeypatch.context() as mistaken:
            mistaken.setattr(host.speaker._parties, "tick", lambda: 1 / 0)
            await until(lambda: len(caught) > 2)
        sent = host.speaker.reports()["web"].counts.sent
        await until(lambda: host.speaker.reports()["web"].counts.sent > sent)
    assert {type(context["exception"]) for context in caught} == {ZeroDivisionError}
