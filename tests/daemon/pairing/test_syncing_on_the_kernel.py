"""The sync daemons of the real kernel follow the role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from lvsctl.daemon.ground import KernelGround
from lvsctl.daemon.pairing import syncing
from lvsctl.daemon.pairing.syncing import Keeper
from lvsctl.events import Event
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import Syncing, SyncRole
from tests.e2e.netns import ip

pytestmark = pytest.mark.kernel

MASTER, BACKUP = SyncRole.MASTER, SyncRole.BACKUP


@pytest.fixture
async def ipvs(netns: None) -> AsyncIterator[NetlinkIpvs]:
    made = NetlinkIpvs()
    plug()
    yield made
    for role in SyncRole:
        await made.stop_sync(role)
    await made.close()


def plug() -> None:
    ip("link add eth9 type dummy", "addr add 192.0.2.10/24 dev eth9", "link set eth9 up")


async def running(ipvs: NetlinkIpvs) -> list[SyncRole]:
    return [daemon.role for daemon in await ipvs.sync_daemons()]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


async def test_they_follow_the_role_and_the_interface(ipvs: NetlinkIpvs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "LOOK", 0.1)
    monkeypatch.setattr(syncing, "AGAIN", 0.1)
    monkeypatch.setattr(syncing, "LINGER", 0.0)
    events: list[Event] = []
    ground = KernelGround()
    keeper = Keeper(ipvs, ground.look, events.append)
    keeper.take(Syncing("eth9", 7))
    for _ in range(5):  # a daemon that is just starting refuses to be stopped
        for role in (BACKUP, MASTER):
            await keeper.follow({role}, patience=20)
            assert await running(ipvs) == [role]
    assert events == []
    ip("link del eth9")
    await until(lambda: len(events) == 1)
    plug()
    await until(lambda: len(events) == 2)
    assert [type(event).__name__ for event in events] == ["SyncFailed", "SyncRestored"]
    assert await running(ipvs) == [MASTER]
    await keeper.follow(frozenset(), patience=20)
    assert await running(ipvs) == []
    await keeper.close()
    await ground.close()


async def test_master_and_backup_run_beside_each_other(ipvs: NetlinkIpvs, monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as the backup of a new master lingers; both at once are stopped at the end."""
    monkeypatch.setattr(syncing, "LINGER", 3600.0)
    events: list[Event] = []
    ground = KernelGround()
    keeper = Keeper(ipvs, ground.look, events.append)
    keeper.take(Syncing("eth9", 7))
    for roles in ([BACKUP], [MASTER, BACKUP], [BACKUP]):
        await keeper.follow({roles[0]}, patience=20)
        assert sorted(await running(ipvs)) == sorted(roles)
    await keeper.follow({MASTER}, patience=20)
    await keeper.follow(frozenset(), patience=20)
    assert (await running(ipvs), events) == ([], [])
    await keeper.close()
    await ground.close()
