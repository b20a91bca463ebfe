"""`NetlinkIpvs` on the real kernel: what only a kernel can show."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from lvsctl.errors import KernelError
from lvsctl.kernel import decode, encode, genl, probe
from lvsctl.kernel.listing import ListReader
from lvsctl.kernel.netlink import NetlinkIpvs, open_ipvs
from lvsctl.kernel.numbers import Command
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    DeleteService,
    EditServer,
    Entry,
    Forward,
    Protocol,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    Traffic,
)
from tests.kernel.echo import answer
from tests.kernel.privileges import CAP_NET_ADMIN, run_as
from tests.kernel.tables import adding
from tests.lab import here

pytestmark = pytest.mark.kernel

NOBODY = 65534
SHOP = AddressKey(IPv4Address("192.0.2.1"), 80, Protocol.TCP)
REAL = RealKey(IPv4Address("192.0.2.2"), 80)
RR = ServiceAttrs("rr")
ROUTE = RealAttrs(Forward.ROUTE, 1)


@pytest.fixture
async def ipvs(netns: None) -> AsyncIterator[NetlinkIpvs]:
    kernel = NetlinkIpvs()
    yield kernel
    await kernel.close()


async def test_what_did_not_change_is_the_same_object(ipvs: NetlinkIpvs) -> None:
    other = AddressKey(SHOP.address, 81, Protocol.TCP)
    servers = {RealKey(IPv4Address(f"10.0.0.{host}"), 80): ROUTE for host in (1, 2, 3)}
    await ipvs.apply(adding({SHOP: Entry(RR, servers), other: Entry(RR, servers)}))
    first = await ipvs.read()
    await ipvs.apply([EditServer(other, next(iter(servers)), RealAttrs(Forward.ROUTE, 7))])
    second = await ipvs.read()
    assert second[SHOP] is first[SHOP]
    assert (await ipvs.look()).table[SHOP] is first[SHOP]
    assert second[other] is not first[other]
    assert second[other].servers[next(iter(servers))].weight == 7
    await ipvs.apply([DeleteService(SHOP), DeleteService(other)])
    assert await ipvs.read() == {}


async def test_connections_and_traffic_are_counted(ipvs: NetlinkIpvs) -> None:
    for address in (SHOP.address, REAL.address):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    masquerade = RealAttrs(Forward.MASQUERADE, 1)
    await ipvs.apply([AddService(SHOP, ServiceAttrs("rr", persistence=60)), AddServer(SHOP, REAL, masquerade)])
    with socket.create_server((str(REAL.address), REAL.port)):
        clients = [socket.create_connection((str(SHOP.address), SHOP.port)) for _ in range(3)]
        clients[0].close()
        counters = (await ipvs.look()).counters[SHOP].servers[REAL]
        assert (counters.active, counters.inactive, counters.persistent) == (2, 1, 1)
        deadline = time.monotonic() + 30
        counted = (await ipvs.look()).counters[SHOP]
        while not counted.traffic.connections == counted.servers[REAL].traffic.connections == 3:
            assert time.monotonic() < deadline, "the kernel's estimator adds up every 2 s, one after the other"
            await asyncio.sleep(0.1)
            counted = (await ipvs.look()).counters[SHOP]
        assert counted.traffic == counted.servers[REAL].traffic
        assert counted.traffic.packets_in > counted.traffic.packets_out > 0
        assert counted.traffic.bytes_in > counted.traffic.bytes_out > 0
        assert await ipvs.zero(SHOP) is None
        zeroed = (await ipvs.look()).counters[SHOP]
        assert zeroed.traffic == zeroed.servers[REAL].traffic == Traffic()
        assert zeroed.servers[REAL].active == 2
        for client in clients[1:]:
            client.close()


async def test_other_processes_cannot_pass_for_the_kernel(netns: None) -> None:
    kernel = await open_ipvs()
    port = kernel._socket.getsockname()[0]
    liar = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, genl.NETLINK_GENERIC)
    with liar, pytest.raises(ConnectionRefusedError):
        liar.sendto(answer(1, 0), (port, 0))
    await kernel.dump(Command.GET_SERVICE, b"", services := ListReader(decode.service))
    assert services.found == []
    kernel.close()


async def test_asking_for_a_scheduler_loads_its_module_and_leaves_no_service(ipvs: NetlinkIpvs) -> None:
    subprocess.run(["rmmod", "ip_vs_lblcr"], capture_output=True, check=False)
    assert "ip_vs_lblcr" not in Path("/proc/modules").read_text()
    assert await ipvs.has_scheduler("lblcr")
    assert "ip_vs_lblcr" in Path("/proc/modules").read_text()
    assert not await ipvs.has_scheduler("lvsctl-none")
    assert await ipvs.read() == {}
    assert subprocess.run(["ipvsadm", "-Sn"], check=True, capture_output=True).stdout == b""


async def test_where_there_is_no_ipv6_a_scheduler_is_asked_for_by_a_service_that_nobody_can_reach(netns: None) -> None:
    kernel = await open_ipvs()
    try:
        for left in ([], [encode.operation(AddService(probe.NOWHERE, RR))]):  # by a probe that was killed half way
            for name, expected in (("lc", 0), ("lvsctl-none", errno.ENOENT)):
                assert set(await kernel.order(left)) <= {0}
                assert await probe.make_and_unmake(kernel, name) == expected
                assert subprocess.run(["ipvsadm", "-Sn"], check=True, capture_output=True).stdout == b""
    finally:
        kernel.close()


def test_root_is_not_needed_but_cap_net_admin_is(netns: None) -> None:
    async def everything() -> None:
        ipvs = NetlinkIpvs()
        assert await ipvs.apply([AddService(SHOP, RR), AddServer(SHOP, REAL, ROUTE)]) == [None, None]
        assert await ipvs.read() == {SHOP: Entry(RR, {REAL: ROUTE})}
        assert set((await ipvs.look()).counters) == {SHOP}
        assert await ipvs.zero() is None
        assert await ipvs.has_scheduler("rr")
        await ipvs.timeouts()
        await ipvs.info()
        await ipvs.close()

    async def nothing() -> None:
        ipvs = NetlinkIpvs()
        for question in (ipvs.read, ipvs.look, ipvs.info, ipvs.timeouts, lambda: ipvs.has_scheduler("rr")):
            with pytest.raises(KernelError) as caught:
                await question()
            assert str(caught.value) == (
                "cannot ask IPVS: not permitted: give lvsctl CAP_NET_ADMIN in this network namespace"
            )
        (refusal,) = await ipvs.apply([DeleteService(SHOP)])
        assert refusal is not None
        assert refusal.message == "not permitted: give lvsctl CAP_NET_ADMIN in this network namespace"
        await ipvs.close()

    run_as(NOBODY, frozenset({CAP_NET_ADMIN}), lambda: asyncio.run(everything()))
    run_as(NOBODY, frozenset(), lambda: asyncio.run(nothing()))


async def test_an_unloaded_module_is_an_error_once_and_then_the_kernel_loads_it_again(ipvs: NetlinkIpvs) -> None:
    await ipvs.read()
    await _unload()
    with pytest.raises(KernelError, match=r"^cannot ask IPVS: the kernel module ip_vs was unloaded$"):
        await ipvs.read()
    assert await ipvs.read() == {}


async def _unload() -> None:
    """ip_vs and all that hangs on it. The kernel clears network namespaces that are no more a while later."""
    if not Path("/sys/module/ip_vs/initstate").exists():
        pytest.skip("ip_vs is built into this kernel")
    deadline = time.monotonic() + 30
    while (done := _rmmod()).returncode != 0:
        if not here.IN_LAB:
            pytest.skip(f"ip_vs cannot be unloaded here: {done.stderr.strip()}")
        assert time.monotonic() < deadline, done.stderr
        await asyncio.sleep(0.1)


def _rmmod() -> subprocess.CompletedProcess[str]:
    dependants = [path.name for path in Path("/sys/module/ip_vs/holders").iterdir()]
    return subprocess.run(["rmmod", *dependants, "ip_vs"], capture_output=True, text=True, check=False)
