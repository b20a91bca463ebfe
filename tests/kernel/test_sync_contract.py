"""The contract of `Ipvs` about sync daemons, held to by the kernel and by the memory that stands in for it."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    DeleteServer,
    Forward,
    Protocol,
    RealAttrs,
    RealKey,
    Refusal,
    ServiceAttrs,
    SyncDaemon,
    SyncRole,
)

MASTER, BACKUP = SyncRole.MASTER, SyncRole.BACKUP
JUMBO = 9000


@pytest.fixture(params=["memory", pytest.param("netlink", marks=pytest.mark.kernel)])
async def ipvs(request: pytest.FixtureRequest) -> AsyncIterator[MemoryIpvs | NetlinkIpvs]:
    """With interfaces eth0, and eth1 with long packets."""
    if request.param == "memory":
        yield MemoryIpvs(interfaces={"eth0": 1500, "eth1": JUMBO})
        return
    request.getfixturevalue("netns")
    orders = (
        f"link add eth{number} mtu {mtu} type dummy\nlink set eth{number} up\n"
        for number, mtu in ((0, 1500), (1, JUMBO))
    )
    subprocess.run(["ip", "-batch", "-"], input="".join(orders), text=True, check=True)
    kernel = NetlinkIpvs()
    yield kernel
    for role in SyncRole:
        await kernel.stop_sync(role)
    await kernel.close()


async def test_none_runs_at_first(ipvs: Ipvs) -> None:
    assert list(await ipvs.sync_daemons()) == []


STARTED: dict[str, tuple[SyncDaemon, SyncDaemon]] = {
    "what was not given is the kernel's": (
        SyncDaemon(MASTER, "eth0"),
        SyncDaemon(MASTER, "eth0", 0, 1472, IPv4Address("224.0.0.81"), 8848, 1),
    ),
    "all is given": (
        daemon := SyncDaemon(BACKUP, "eth0", 255, 1400, IPv4Address("239.1.2.3"), 9, 255),
        daemon,
    ),
    "by IPv6": (
        SyncDaemon(BACKUP, "eth0", 7, group=IPv6Address("ff05::81")),
        SyncDaemon(BACKUP, "eth0", 7, 1452, IPv6Address("ff05::81")),
    ),
    "a backup takes what the interface lets through": (
        SyncDaemon(BACKUP, "eth1"),
        SyncDaemon(BACKUP, "eth1", 0, JUMBO - 28),
    ),
    "a master sends no long packets of its own accord": (
        SyncDaemon(MASTER, "eth1"),
        SyncDaemon(MASTER, "eth1", 0, 1472),
    ),
    "a master's messages can be short": (
        SyncDaemon(MASTER, "eth0", 1, 1),
        SyncDaemon(MASTER, "eth0", 1, 1),
    ),
    "a backup's cannot": (
        SyncDaemon(BACKUP, "eth0", 1, 1),
        SyncDaemon(BACKUP, "eth0", 1, 1024),
    ),
    "nor can they be longer than a packet": (
        SyncDaemon(BACKUP, "eth0", 1, 65535),
        SyncDaemon(BACKUP, "eth0", 1, 65507),
    ),
    "port and TTL 0 are none": (
        SyncDaemon(BACKUP, "eth0", 1, 1400, port=0, ttl=0),
        SyncDaemon(BACKUP, "eth0", 1, 1400, port=8848, ttl=1),
    ),
}


async def test_a_daemon_runs_as_it_was_started(ipvs: Ipvs) -> None:
    """All in one network namespace, which takes longer to make than a daemon to start."""
    for why, (wanted, running) in STARTED.items():
        assert await ipvs.start_sync(wanted) is None, why
        assert list(await ipvs.sync_daemons()) == [running], why
        assert await ipvs.stop_sync(wanted.role) is None, why
        assert list(await ipvs.sync_daemons()) == [], why


async def test_both_roles_run_at_once_the_master_first(ipvs: Ipvs) -> None:
    backup, master = SyncDaemon(BACKUP, "eth1", 2, 1400), SyncDaemon(MASTER, "eth0", 1, 1400)
    assert await ipvs.start_sync(backup) is None
    assert await ipvs.start_sync(master) is None
    assert list(await ipvs.sync_daemons()) == [master, backup]
    assert await ipvs.stop_sync(MASTER) is None
    assert list(await ipvs.sync_daemons()) == [backup]


INVALID = (
    "the sync daemon on {} is invalid: give a name of at most 15 bytes and a multicast group, which {} may not be, and "
    "no service a server of the other family"
)
NUMBERS = "give the sync daemon an id from 0 to 255, a length and a port to 65535, and a TTL to 255"
LONG = "e" * 16
REFUSED: list[tuple[SyncDaemon, int, str]] = [
    (SyncDaemon(BACKUP, "eth1", 9), errno.EEXIST, "a backup sync daemon runs already: stop it first"),
    (
        SyncDaemon(MASTER, "eth9"),
        errno.ENODEV,
        "there is no interface eth9 for the sync daemon: create it, or correct the name",
    ),
    (SyncDaemon(MASTER, LONG), errno.EINVAL, INVALID.format(LONG, "224.0.0.81")),
    (SyncDaemon(MASTER, "eth0", group=IPv4Address("10.0.0.1")), errno.EINVAL, INVALID.format("eth0", "10.0.0.1")),
    (SyncDaemon(MASTER, "eth9", group=IPv6Address("2001:db8::1")), errno.EINVAL, INVALID.format("eth9", "2001:db8::1")),
    (SyncDaemon(MASTER, "eth0", 256), errno.ERANGE, NUMBERS),
    (SyncDaemon(MASTER, "eth0", -1), errno.ERANGE, NUMBERS),
    (SyncDaemon(MASTER, "eth0", 0, 65536), errno.ERANGE, NUMBERS),
    (SyncDaemon(MASTER, "eth0", port=65536), errno.ERANGE, NUMBERS),
    (SyncDaemon(MASTER, "eth0", ttl=256), errno.ERANGE, NUMBERS),
]


async def test_a_refusal_has_the_kernels_errno_and_says_what_to_do(ipvs: Ipvs) -> None:
    running = SyncDaemon(BACKUP, "eth0", 1, 1400)
    assert await ipvs.start_sync(running) is None
    for daemon, number, message in REFUSED:
        assert await ipvs.start_sync(daemon) == Refusal(number, message)
    assert list(await ipvs.sync_daemons()) == [running]
    assert await ipvs.stop_sync(MASTER) == Refusal(errno.ESRCH, "no master sync daemon runs")


async def test_written_counts_orders_and_not_questions(ipvs: MemoryIpvs | NetlinkIpvs) -> None:
    await ipvs.start_sync(SyncDaemon(MASTER, "eth9"))
    await ipvs.start_sync(SyncDaemon(MASTER, "eth0", 256))  # never gets there
    await ipvs.stop_sync(MASTER)
    await ipvs.sync_daemons()
    assert ipvs.written == 2


SHOP = AddressKey(IPv4Address("192.0.2.1"), 80, Protocol.TCP)
STRANGER = RealKey(IPv6Address("2001:db8::1"), 80)
TUNNEL = RealAttrs(Forward.TUNNEL, 1)
UNMIXED = (
    "server [2001:db8::1]:80 is invalid: give a unicast address, a tunnel where its family is not the service's, and a "
    "port to a gue tunnel; its family must be the service's where connections are synchronised (ipvsadm -L --daemon)"
)


async def test_connections_to_servers_of_the_other_family_cannot_be_synchronised(ipvs: Ipvs) -> None:
    add = AddServer(SHOP, STRANGER, TUNNEL)
    assert await ipvs.apply([AddService(SHOP, ServiceAttrs("rr")), add]) == [None, None]
    assert await ipvs.start_sync(SyncDaemon(MASTER, "eth0")) == Refusal(
        errno.EINVAL, INVALID.format("eth0", "224.0.0.81")
    )
    assert await ipvs.apply([DeleteServer(SHOP, STRANGER)]) == [None]
    assert await ipvs.start_sync(SyncDaemon(MASTER, "eth0")) is None
    assert await ipvs.apply([add]) == [Refusal(errno.EINVAL, UNMIXED)]
    assert await ipvs.stop_sync(MASTER) is None
    assert await ipvs.apply([add]) == [None]


# --- wanted and found ---------------------------------------------------------------------------------------------

WANTED = SyncDaemon(MASTER, "eth0", 7)
FOUND = SyncDaemon(MASTER, "eth0", 7, 1472)


@pytest.mark.parametrize(
    ("wanted", "found", "accepted"),
    [
        (WANTED, FOUND, True),
        (replace(WANTED, max_length=1472), FOUND, True),
        (replace(WANTED, max_length=1400), FOUND, False),
        (WANTED, replace(FOUND, sync_id=8), False),
        (WANTED, replace(FOUND, interface="eth1"), False),
        (WANTED, replace(FOUND, role=BACKUP), False),
        (WANTED, replace(FOUND, ttl=2), False),
    ],
)
def test_what_runs_is_accepted_or_not(wanted: SyncDaemon, found: SyncDaemon, accepted: bool) -> None:
    assert wanted.accepts(found) is accepted
