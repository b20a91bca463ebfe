"""Addresses follow the role, in the right order, whatever the kernel says and however often the role changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_interface

from lvsctl.model import Announcing, Effect, Role, Transition
from lvsctl.pair.clearing import cleared
from lvsctl.pair.mover import RETRY, Mover
from lvsctl.pair.place import virtual_link
from tests.pair.making import V3
from tests.pair.remembered import ETH0, RememberedGround

PLAN = Announcing(count=2, repeat_after=5.0, refresh=60.0)
BOTH = "192.0.2.100 192.0.2.101"
HELD = tuple(ip_interface(address.ip) for address in V3.addresses)


def to(role: Role | None, previous: Role | None = Role.STANDBY) -> Transition:
    return Transition("web", role, previous, "a test")


@asynccontextmanager
async def moving(ground: RememberedGround) -> AsyncIterator[tuple[Mover, list[str]]]:
    """The mover, and what it says is wrong; what it tells is in the ground's log."""
    wrong: list[str] = []

    def told(transition: Transition) -> None:
        ground.log.append(f"told {transition.role}")

    mover = Mover(V3, ground, PLAN, told=told, wrong=wrong.append, helpless=lambda: wrong.append("helpless"))
    task = asyncio.create_task(mover.run())
    try:
        await mover.settled()
        yield mover, wrong
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_what_an_earlier_life_left_is_taken_off() -> None:
    ground = RememberedGround(replace(ETH0, addresses=HELD))
    async with moving(ground):
        assert ground.interfaces["eth0"].addresses == ()


async def test_all_that_an_earlier_life_may_have_left_can_be_cleared_by_itself() -> None:
    link = virtual_link(V3)
    ground = RememberedGround(replace(ETH0, addresses=HELD), replace(ETH0, name=link.name, addresses=HELD))
    ground.links[link.name] = link
    answers = await cleared(V3, ground)
    assert answers == [Effect.CHANGED] * 5
    assert ground.interfaces == {"eth0": ETH0} and not ground.links


async def test_addresses_then_announcements_then_word_of_it() -> None:
    ground = RememberedGround(ETH0)
    async with moving(ground) as (mover, wrong):
        ground.log.clear()
        mover.become(to(Role.ACTIVE))
        mover.announce()
        await mover.settled()
        assert ground.log == [f"add {BOTH}", f"announce {BOTH} {BOTH}", "told active"]
        ground.log.clear()
        mover.become(to(Role.STANDBY))
        await mover.settled()
        assert ground.log == [f"remove {BOTH}", "told standby"]
        assert not wrong


async def test_of_several_transitions_the_last_one_moves_the_addresses_and_all_are_told() -> None:
    ground = RememberedGround(ETH0)
    async with moving(ground) as (mover, _):
        ground.log.clear()
        for role in (Role.ACTIVE, Role.STANDBY, Role.ACTIVE, Role.FAULT):
            mover.become(to(role))
        await mover.settled()
        assert ground.log == [f"remove {BOTH}", "told active", "told standby", "told active", "told fault"]


async def test_a_role_given_up_while_addresses_are_added_takes_them_off_again_unannounced() -> None:
    ground = RememberedGround(ETH0)
    async with moving(ground) as (mover, _):
        ground.log.clear()
        ground.held = asyncio.Event()
        mover.become(to(Role.ACTIVE))
        await asyncio.sleep(0)
        mover.become(to(Role.STANDBY))
        ground.held.set()
        await mover.settled()
        assert ground.log == [f"add {BOTH}", "told active", f"remove {BOTH}", "told standby"]
        assert ground.interfaces["eth0"].addresses == ()


async def test_an_address_that_somebody_took_away_comes_back_and_is_announced() -> None:
    ground = RememberedGround(ETH0)
    async with moving(ground) as (mover, _):
        mover.become(to(Role.ACTIVE))
        await mover.settled()
        mover.look(ground.interfaces)
        ground.log.clear()
        await mover.settled()
        assert ground.log == []
        ground.put(replace(ETH0, addresses=HELD[:1]))
        mover.look(ground.interfaces)
        await mover.settled()
        assert ground.log == [f"add {BOTH}", f"announce {BOTH} {BOTH}"]


async def test_one_that_somebody_put_on_a_standby_is_taken_off() -> None:
    ground = RememberedGround(ETH0)
    async with moving(ground) as (mover, _):
        ground.put(replace(ETH0, addresses=HELD[:1]))
        mover.look(ground.interfaces)
        await mover.settled()
        assert ground.interfaces["eth0"].addresses == ()


async def test_what_cannot_be_done_is_said_and_tried_again(monkeypatch) -> None:
    ground = RememberedGround(ETH0)
    monkeypatch.setattr("lvsctl.pair.mover.RETRY", RETRY / 100)
    async with moving(ground) as (mover, wrong):
        mover.become(to(Role.ACTIVE))
        await mover.settled()
        ground.broken = True
        mover.become(to(Role.STANDBY))
        await mover.settled()
        assert ground.interfaces["eth0"].addresses == HELD
        assert wrong == ["netlink: no answer from the kernel within 10 s"]
        ground.broken = False
        async with asyncio.timeout(10):
            while ground.interfaces["eth0"].addresses:
                await asyncio.sleep(0.005)
    assert ground.log.count("told standby") == 1


async def test_what_could_not_be_put_on_is_not_announced_until_it_could(monkeypatch) -> None:
    ground = RememberedGround(ETH0)
    monkeypatch.setattr("lvsctl.pair.mover.RETRY", RETRY / 100)
    async with moving(ground) as (mover, wrong):
        ground.log.clear()
        ground.broken = True
        mover.become(to(Role.ACTIVE))
        mover.announce()
        await mover.settled()
        assert ground.log == [f"add {BOTH}", "told active"]
        ground.broken = False
        async with asyncio.timeout(10):
            while not ground.log[-1].startswith("announce"):
                await asyncio.sleep(0.005)
        assert len(wrong) == 1
