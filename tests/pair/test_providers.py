"""Roles that others decide: a keepalived on this host, and orders."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from lvsctl.errors import KernelError, LvsctlError
from lvsctl.model import Interface, Role, Transition, Trouble, Vip
from lvsctl.pair.beside import Beside
from lvsctl.pair.keepalived import Notice
from lvsctl.pair.manual import Manual
from lvsctl.pair.provider import RoleProvider
from tests.pair.remembered import ETH0
from tests.pair.test_notify_fifo import say

VIPS = [Vip(ip_address("192.0.2.100"), "eth0"), Vip(ip_address("2001:db8::100"), "eth0")]
HERE = replace(ETH0, addresses=tuple(ip_interface(vip.address) for vip in VIPS))


class Listener:
    """What was told, as previous>role, and what was wrong."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.why: list[str] = []
        self.wrong: list[str] = []

    def hear(self, transition: Transition) -> None:
        assert transition.instance == "VI_1"
        self.told.append(f"{transition.previous}>{transition.role}")
        self.why.append(transition.why)

    def complain(self, trouble: Trouble) -> None:
        self.wrong.append(trouble.what)


@asynccontextmanager
async def running(provider: RoleProvider) -> AsyncIterator[None]:
    """Until it is stopped, which it must heed at once."""
    task = asyncio.create_task(provider.run())
    try:
        for _ in range(5):
            await asyncio.sleep(0)
        yield
        provider.stop()
        async with asyncio.timeout(5):
            await task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, LvsctlError):
            await task


def beside(
    listener: Listener, interface: Interface | None = ETH0, *, fifo: Path | None = None, group: bool = False
) -> Beside:
    async def look(name: str) -> Interface | None:
        return interface if name == "eth0" else None

    return Beside(
        "VI_1", group=group, fifo=fifo, vips=VIPS, look=look, told=listener.hear, wrong=listener.complain
    )  # fmt: skip


@pytest.mark.parametrize(
    ("interface", "role"),
    [
        (HERE, Role.ACTIVE),
        (replace(HERE, addresses=HERE.addresses[:1]), Role.STANDBY),
        (ETH0, Role.STANDBY),
        (None, Role.STANDBY),
    ],
)
async def test_until_keepalived_tells_the_role_is_presumed_from_where_its_addresses_are(interface, role):
    listener = Listener()
    provider = beside(listener, interface)
    assert provider.role("VI_1") is None
    async with running(provider):
        assert provider.role("VI_1") is role
    assert listener.told == [f"None>{role}", f"{role}>None"]


async def test_what_keepalived_tells_counts():
    listener = Listener()
    provider = beside(listener)
    async with running(provider):
        provider.notified(Notice(False, "VI_1", "MASTER", 150))
        provider.notified(Notice(False, "VI_1", "MASTER", 150))
        provider.notified(Notice(False, "VI_2", "FAULT", 150))
        provider.notified(Notice(True, "VI_1", "FAULT", 0))
        assert provider.role("VI_1") is Role.ACTIVE
        provider.notified(Notice(False, "VI_1", "STOP", 150))
        provider.set_priority("VI_1", 1)
        with pytest.raises(
            LvsctlError, match=r"^the role comes from keepalived: to hand over, lower its priority or stop"
        ):
            provider.release()
        with pytest.raises(KeyError):
            provider.role("VI_2")
    assert listener.told == ["None>standby", "standby>active", "active>fault", "fault>None"]
    assert listener.why[1:3] == ["keepalived is in state MASTER", "keepalived is in state STOP"]


async def test_a_sync_group_is_followed_by_its_own_name():
    listener = Listener()
    provider = beside(listener, group=True)
    async with running(provider):
        provider.notified(Notice(False, "VI_1", "FAULT", 150))
        provider.notified(Notice(True, "VI_1", "MASTER", 0))
    assert listener.told == ["None>standby", "standby>active", "active>None"]


async def test_the_fifo_is_listened_to_and_nonsense_is_told(tmp_path):
    listener = Listener()
    provider = beside(listener, fifo=tmp_path / "notify")
    async with running(provider):
        say(tmp_path / "notify", 'nonsense\nINSTANCE "VI_1" MASTER 150\n')
        async with asyncio.timeout(5):
            while provider.role("VI_1") is not Role.ACTIVE:
                await asyncio.sleep(0.001)
    assert listener.wrong == ['keepalived calls with INSTANCE|GROUP NAME STATE PRIORITY, not with "nonsense "']


async def test_a_flood_of_nonsense_is_told_seldom(tmp_path):
    """As a keepalived might write it that knows further states."""
    listener = Listener()
    provider = beside(listener, fifo=tmp_path / "notify")
    async with running(provider):
        say(tmp_path / "notify", "".join(f'INSTANCE "VI_1" NEWS {number}\n' for number in range(1000)))
        say(tmp_path / "notify", 'INSTANCE "VI_1" MASTER 150\n')
        async with asyncio.timeout(5):
            while provider.role("VI_1") is not Role.ACTIVE:
                await asyncio.sleep(0.001)
    assert len(listener.wrong) == 1


async def test_without_a_place_for_the_fifo_it_cannot_run(tmp_path):
    with pytest.raises(LvsctlError, match="name a FIFO that lvsctl may make and read"):
        await beside(Listener(), fifo=tmp_path / "no" / "notify").run()


async def test_where_the_kernel_cannot_be_asked_nothing_is_presumed():
    listener = Listener()

    async def look(name: str) -> Interface | None:
        raise KernelError("netlink: no answer")

    provider = Beside("VI_1", fifo=None, vips=VIPS, look=look, told=listener.hear, wrong=listener.complain)
    async with running(provider):
        assert provider.role("VI_1") is None
    assert (listener.told, listener.wrong) == ([], ["netlink: no answer"])


async def test_a_role_that_is_ordered():
    listener = Listener()
    provider = Manual("VI_1", role=Role.STANDBY, told=listener.hear)
    assert provider.role("VI_1") is None
    async with running(provider):
        provider.say(Role.ACTIVE)
        provider.say(Role.ACTIVE)
        provider.set_priority("VI_1", 1)
        assert provider.role("VI_1") is Role.ACTIVE
        provider.release()
        with pytest.raises(KeyError):
            provider.role("VI_2")
    assert listener.told == ["None>standby", "standby>active", "active>standby", "standby>None"]


async def test_an_order_before_it_runs_is_what_it_begins_with():
    listener = Listener()
    provider = Manual("VI_1", role=Role.STANDBY, told=listener.hear)
    provider.say(Role.ACTIVE)
    async with running(provider):
        pass
    assert listener.told == ["None>active", "active>None"]
