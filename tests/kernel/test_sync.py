"""Sync daemons on the real kernel: ipvsadm as the judge, connections that are copied, and the kernel's quirks."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    DeleteService,
    Forward,
    Protocol,
    RealAttrs,
    RealKey,
    Refusal,
    ServiceAttrs,
    SyncDaemon,
    SyncRole,
)
from tests.e2e.netns import inside, ip
from tests.kernel.cable import Cable
from tests.kernel.privileges import CAP_NET_ADMIN, run_as

pytestmark = pytest.mark.kernel

NOBODY = 65534
MASTER, BACKUP = SyncRole.MASTER, SyncRole.BACKUP
VIP = IPv4Address("192.0.2.100")
SHOP = AddressKey(VIP, 80, Protocol.TCP)
HERE = RealKey(IPv4Address("192.0.2.10"), 80)


@pytest.fixture
async def near(cable: Cable) -> AsyncIterator[NetlinkIpvs]:
    ipvs = NetlinkIpvs()
    yield ipvs
    await clear(ipvs)


@pytest.fixture
async def far(cable: Cable) -> AsyncIterator[NetlinkIpvs]:
    ipvs = NetlinkIpvs()
    with inside(cable.far):
        await ipvs.info()  # which opens its socket there
    yield ipvs
    await clear(ipvs)


async def clear(ipvs: NetlinkIpvs) -> None:
    """The hosts stay, and would keep ip_vs from being unloaded by the test of that."""
    await ipvs.apply([DeleteService(service) for service in await ipvs.read()])
    for role in SyncRole:
        await ipvs.stop_sync(role)
    await ipvs.close()


def ipvsadm(arguments: str) -> str:
    return subprocess.run(["ipvsadm", *arguments.split()], check=True, capture_output=True, text=True).stdout


async def test_ipvsadm_sees_what_lvsctl_starts_and_lvsctl_what_ipvsadm_starts(near: NetlinkIpvs) -> None:
    assert await near.start_sync(SyncDaemon(MASTER, "eth0", 7, 1400, IPv4Address("239.1.2.3"), 9000, 3)) is None
    assert await near.start_sync(SyncDaemon(BACKUP, "eth0", 8, group=IPv6Address("ff05::81"))) is None
    assert ipvsadm("-L --daemon").splitlines() == [
        "master sync daemon (mcast=eth0, syncid=7, maxlen=1400, group=239.1.2.3, port=9000, ttl=3)",
        "backup sync daemon (mcast=eth0, syncid=8, maxlen=1452, group=ff05::81, port=8848, ttl=1)",
    ]
    running = list(await near.sync_daemons())
    for role in SyncRole:
        assert await near.stop_sync(role) is None
    where = "--mcast-group 239.1.2.3 --mcast-port 9000 --mcast-ttl 3"
    ipvsadm(f"--start-daemon master --mcast-interface eth0 --syncid 7 --sync-maxlen 1400 {where}")
    ipvsadm("--start-daemon backup --mcast-interface eth0 --syncid 8 --mcast-group ff05::81")
    assert list(await near.sync_daemons()) == running


async def test_a_held_connection_is_copied(cable: Cable, near: NetlinkIpvs, far: NetlinkIpvs) -> None:
    """Of the client in `far`, to a service in `near`: `far` has no service at all, and gets the entry all the same."""
    cable.worn = True
    ip(f"addr add {VIP}/32 dev eth0")
    attrs = RealAttrs(Forward.ROUTE, 1)
    assert await near.apply([AddService(SHOP, ServiceAttrs("rr")), AddServer(SHOP, HERE, attrs)]) == [None, None]
    Path("/proc/sys/net/ipv4/vs/sync_threshold").write_text("0 1")  # every packet, not every fiftieth
    assert await near.start_sync(SyncDaemon(MASTER, "eth0", 1)) is None
    assert await far.start_sync(SyncDaemon(BACKUP, "eth0", 1)) is None
    with socket.create_server((str(VIP), 80)) as server:
        with inside(cable.far):
            client = socket.create_connection((str(VIP), 80), timeout=10)
            held, _ = server.accept()
            async with asyncio.timeout(20):
                while f"192.0.2.20:{client.getsockname()[1]}" not in (copied := ipvsadm("-L -n -c")):
                    client.send(b"still here")
                    await asyncio.sleep(0.1)
        (entry,) = (line.split() for line in copied.splitlines() if "192.0.2.20:" in line)
        assert [*entry[:1], entry[2], *entry[4:]] == ["TCP", "ESTABLISHED", "192.0.2.100:80", "192.0.2.10:80"]
        client.close()
        held.close()


async def test_one_that_has_not_run_yet_is_stopped(near: NetlinkIpvs) -> None:
    """The kernel answers nothing then; who waits for an answer waits for ever."""
    for _ in range(20):
        for role in SyncRole:
            assert await near.start_sync(SyncDaemon(role, "eth0")) is None
            assert await near.stop_sync(role) is None
    assert list(await near.sync_daemons()) == []


async def test_one_goes_on_without_its_interface(cable: Cable, near: NetlinkIpvs) -> None:
    """So whether its interface is still the one that it was started on has to be watched."""
    cable.worn = True
    assert await near.start_sync(SyncDaemon(MASTER, "eth0")) is None
    ip("link del eth0")
    assert [daemon.interface for daemon in await near.sync_daemons()] == ["eth0"]


async def test_a_master_needs_an_interface_that_is_up(cable: Cable, near: NetlinkIpvs) -> None:
    cable.worn = True
    ip("link set eth0 down")
    assert await near.start_sync(SyncDaemon(MASTER, "eth0")) == Refusal(
        errno.ENETUNREACH, "eth0 does not lead to 224.0.0.81: bring it up, with an address of that family"
    )
    assert await near.start_sync(SyncDaemon(BACKUP, "eth0")) is None


def test_cap_net_admin_is_enough_and_is_needed(cable: Cable) -> None:
    async def everything() -> None:
        ipvs = NetlinkIpvs()
        assert await ipvs.start_sync(SyncDaemon(MASTER, "eth0")) is None
        assert [daemon.role for daemon in await ipvs.sync_daemons()] == [MASTER]
        assert await ipvs.stop_sync(MASTER) is None
        await ipvs.close()

    async def nothing() -> None:
        ipvs = NetlinkIpvs()
        not_permitted = Refusal(errno.EPERM, "not permitted: give lvsctl CAP_NET_ADMIN in this network namespace")
        assert await ipvs.start_sync(SyncDaemon(MASTER, "eth0")) == not_permitted
        assert await ipvs.stop_sync(MASTER) == not_permitted
        await ipvs.close()

    run_as(NOBODY, frozenset({CAP_NET_ADMIN}), lambda: asyncio.run(everything()))
    run_as(NOBODY, frozenset(), lambda: asyncio.run(nothing()))
