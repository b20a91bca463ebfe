"""The contract of `Ipvs`, held to by the kernel and by the memory that stands in for it."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Entry,
    Family,
    Forward,
    MarkKey,
    Op,
    Protocol,
    RealAttrs,
    RealCounters,
    RealKey,
    Refusal,
    Seen,
    ServiceAttrs,
    ServiceCounters,
    ServiceFlag,
    ServiceKey,
    Table,
    Timeouts,
    Traffic,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from tests.kernel.tables import adding, real_attrs, service_attrs

SHOP = AddressKey(IPv4Address("192.0.2.1"), 80, Protocol.TCP)
SHOP6 = AddressKey(IPv6Address("2001:db8::1"), 80, Protocol.TCP)
MARK = MarkKey(Family.INET, 20)
RR = ServiceAttrs("rr")
RR6 = ServiceAttrs("rr", persistence_prefix=128)
ROUTE = RealAttrs(Forward.ROUTE, 1)


def real(address: str, port: int = 80) -> RealKey:
    return RealKey(ip_address(address), port)


ONE, TWO, THREE = (real(f"10.0.0.{host}") for host in (1, 2, 3))


@pytest.fixture(params=["memory", pytest.param("netlink", marks=pytest.mark.kernel)])
async def ipvs(request: pytest.FixtureRequest) -> AsyncIterator[MemoryIpvs | NetlinkIpvs]:
    """Both have `written`, which the protocol leaves out."""
    if request.param == "memory":
        yield MemoryIpvs()
        return
    request.getfixturevalue("netns")
    kernel = NetlinkIpvs()
    yield kernel
    await kernel.close()


async def done(ipvs: Ipvs, *ops: Op) -> None:
    assert list(await ipvs.apply(ops)) == [None] * len(ops)


# --- what is written is read ------------------------------------------------------------------------------------

SERVICES: dict[str, tuple[ServiceKey, ServiceAttrs]] = {
    "tcp": (SHOP, RR),
    "udp": (AddressKey(IPv4Address("192.0.2.1"), 53, Protocol.UDP), RR),
    "sctp": (AddressKey(IPv4Address("192.0.2.1"), 36412, Protocol.SCTP), RR),
    "every port": (AddressKey(IPv4Address("192.0.2.1"), 0, Protocol.TCP), ServiceAttrs("rr", persistence=300)),
    "ipv6": (SHOP6, RR6),
    "mark": (MARK, RR),
    "mark ipv6": (MarkKey(Family.INET6, 2**32 - 1), RR6),
    "persistent": (SHOP, ServiceAttrs("fo", persistence=150)),
    "persistent netmask": (SHOP, ServiceAttrs("wlc", persistence=1, persistence_prefix=24)),
    "persistent netmask ipv6": (SHOP6, ServiceAttrs("wlc", persistence=2678400, persistence_prefix=1)),
    "persistence engine": (MARK, ServiceAttrs("rr", persistence=9, persistence_engine="sip")),
    "one packet": (SHOP, ServiceAttrs("rr", ServiceFlag.ONE_PACKET)),
    "sh flags": (SHOP, ServiceAttrs("sh", ServiceFlag.SCHED_1 | ServiceFlag.SCHED_2)),
    "every flag": (SHOP, ServiceAttrs("mh", ServiceFlag(0x3C), persistence=5)),
}


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_is_read_as_it_was_written(ipvs: Ipvs, name: str) -> None:
    key, attrs = SERVICES[name]
    await done(ipvs, AddService(key, attrs))
    assert await ipvs.read() == {key: Entry(attrs, {})}


SERVERS: dict[str, tuple[ServiceKey, RealKey, RealAttrs]] = {
    "masquerade": (SHOP, real("10.0.0.1", 8080), RealAttrs(Forward.MASQUERADE, 0)),
    "route": (SHOP, ONE, ROUTE),
    "heaviest": (SHOP, ONE, RealAttrs(Forward.ROUTE, 2**31 - 1)),
    "thresholds": (SHOP, ONE, RealAttrs(Forward.ROUTE, 5, 50, 20)),
    "upper alone": (SHOP, ONE, RealAttrs(Forward.ROUTE, 5, 50)),
    "equal thresholds": (SHOP, ONE, RealAttrs(Forward.ROUTE, 5, 2**31 - 1, 2**31 - 1)),
    "ipip": (SHOP, ONE, RealAttrs(Forward.TUNNEL, 1)),
    "gue": (SHOP, ONE, RealAttrs(Forward.TUNNEL, 1, tunnel=Tunnel(TunnelType.GUE, 6080, TunnelChecksum.CHECKSUM))),
    "gue remote": (
        SHOP,
        ONE,
        RealAttrs(Forward.TUNNEL, 1, tunnel=Tunnel(TunnelType.GUE, 65535, TunnelChecksum.REMOTE)),
    ),
    "gre": (SHOP, ONE, RealAttrs(Forward.TUNNEL, 1, tunnel=Tunnel(TunnelType.GRE, 0, TunnelChecksum.CHECKSUM))),
    "ipv6": (SHOP6, real("2001:db8::2"), ROUTE),
    "other family": (SHOP, real("2001:db8::2"), RealAttrs(Forward.TUNNEL, 1)),
    "other family 6": (SHOP6, ONE, RealAttrs(Forward.TUNNEL, 1)),
    "mark": (MARK, real("10.0.0.1", 0), ROUTE),
    "loopback": (SHOP, real("127.0.0.1"), ROUTE),
    "local": (SHOP, ONE, RealAttrs(Forward.LOCAL, 1)),
}


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_is_read_as_it_was_written(ipvs: Ipvs, name: str) -> None:
    key, server, attrs = SERVERS[name]
    await done(ipvs, AddService(key, RR), AddServer(key, server, attrs))
    assert (await ipvs.read())[key].servers == {server: attrs}


async def test_an_empty_table_is_read_as_one(ipvs: Ipvs) -> None:
    assert await ipvs.read() == {}
    assert await ipvs.look() == Seen({}, {}, Traffic())


@pytest.mark.parametrize(("key", "length"), [(SHOP, 32), (SHOP6, 128), (MARK, 32)])
async def test_without_persistence_the_netmask_is_at_its_full_length(ipvs: Ipvs, key: ServiceKey, length: int) -> None:
    await done(ipvs, AddService(key, ServiceAttrs("rr", persistence_prefix=9)))
    assert (await ipvs.read())[key].attrs == ServiceAttrs("rr", persistence_prefix=length)


async def test_a_tunnel_is_forgotten_without_tunnelling(ipvs: Ipvs) -> None:
    gue = Tunnel(TunnelType.GUE, 6080)
    await done(ipvs, AddService(SHOP, RR), AddServer(SHOP, ONE, RealAttrs(Forward.ROUTE, 1, tunnel=gue)))
    assert (await ipvs.read())[SHOP].servers == {ONE: ROUTE}


async def test_an_edit_replaces_every_attribute_of_a_service(ipvs: Ipvs) -> None:
    before = ServiceAttrs("sh", ServiceFlag(0x3C), persistence=9, persistence_prefix=24, persistence_engine="sip")
    after = ServiceAttrs("mh", ServiceFlag.SCHED_2, persistence=7, persistence_prefix=16)
    await done(ipvs, AddService(SHOP, before), EditService(SHOP, after))
    assert (await ipvs.read())[SHOP].attrs == after
    await done(ipvs, EditService(SHOP, RR))
    assert (await ipvs.read())[SHOP].attrs == RR


async def test_an_edit_replaces_every_attribute_of_a_server(ipvs: Ipvs) -> None:
    gue = RealAttrs(Forward.TUNNEL, 9, 50, 20, Tunnel(TunnelType.GUE, 6080, TunnelChecksum.REMOTE))
    await done(ipvs, AddService(SHOP, RR), AddServer(SHOP, ONE, gue), EditServer(SHOP, ONE, ROUTE))
    assert (await ipvs.read())[SHOP].servers == {ONE: ROUTE}


async def test_servers_are_in_the_order_in_which_they_were_added(ipvs: Ipvs) -> None:
    await done(ipvs, AddService(SHOP, RR), *(AddServer(SHOP, server, ROUTE) for server in (TWO, THREE, ONE)))
    assert list((await ipvs.read())[SHOP].servers) == [TWO, THREE, ONE]
    await done(ipvs, EditServer(SHOP, TWO, RealAttrs(Forward.ROUTE, 7)), EditService(SHOP, ServiceAttrs("fo")))
    assert list((await ipvs.read())[SHOP].servers) == [TWO, THREE, ONE]
    await done(ipvs, DeleteServer(SHOP, TWO), AddServer(SHOP, TWO, ROUTE))
    assert list((await ipvs.read())[SHOP].servers) == [THREE, ONE, TWO]


async def test_more_than_fits_one_datagram_either_way(ipvs: Ipvs) -> None:
    many = {real(f"10.1.{host // 250}.{host % 250 + 1}"): RealAttrs(Forward.ROUTE, host) for host in range(300)}
    await done(ipvs, *adding({SHOP: Entry(RR, many), MARK: Entry(RR, {})}))
    table = await ipvs.read()
    assert table == {SHOP: Entry(RR, many), MARK: Entry(RR, {})}
    assert list(table[SHOP].servers) == list(many)


async def test_the_same_number_as_mark_of_both_families_and_the_same_port_of_both_protocols(ipvs: Ipvs) -> None:
    udp = AddressKey(SHOP.address, SHOP.port, Protocol.UDP)
    keys = (MARK, MarkKey(Family.INET6, 20), SHOP, udp)
    await done(ipvs, *(AddService(key, ServiceAttrs("rr")) for key in keys), DeleteService(MARK))
    assert set(await ipvs.read()) == set(keys) - {MARK}


# --- what is refused --------------------------------------------------------------------------------------------

NEXT_ROUND = "somebody else changed the table, the next round puts it right"
UNKNOWN = MarkKey(Family.INET, 404)
NINE = real("10.0.0.9")
INVALID = "give a unicast address, a tunnel where its family is not the service's, and a port to a gue tunnel"
UNMIXED = "its family must be the service's where connections are synchronised (ipvsadm -L --daemon)"
LIMITS = "give a weight from 0 to 2147483647 and a lower threshold not above the upper"
GUE0 = RealAttrs(Forward.TUNNEL, 1, tunnel=Tunnel(TunnelType.GUE))
NO_SERVICE = f"there is no service mark 404: {NEXT_ROUND}"
NO_SERVER = f"there is no server 10.0.0.9:80 in service tcp 192.0.2.1:80: {NEXT_ROUND}"
NO_SCHEDULER = "the kernel has no scheduler 'nope': try modprobe ip_vs_nope"
NO_ENGINE = (
    "the kernel has no scheduler 'rr' or no persistence engine 'nope': try modprobe ip_vs_rr and modprobe ip_vs_pe_nope"
)
NO_LONG_ENGINE = NO_ENGINE.replace("nope", "e" * 16)
BAD_SERVICE = "service mark 404 is invalid: check its scheduler name, persistence timeout and netmask"
BAD_SERVICE6 = "service tcp [2001:db8::1]:80 is invalid: check its scheduler name, persistence timeout and netmask"

REFUSED: list[tuple[Op, int, str]] = [
    (AddService(SHOP, RR), errno.EEXIST, f"service tcp 192.0.2.1:80 is in the table already: {NEXT_ROUND}"),
    (AddService(UNKNOWN, ServiceAttrs("nope")), errno.ENOENT, NO_SCHEDULER),
    (AddService(UNKNOWN, ServiceAttrs("rr", persistence_engine="nope")), errno.ENOENT, NO_ENGINE),
    (AddService(UNKNOWN, ServiceAttrs("a-name-of-16-byte")), errno.EINVAL, BAD_SERVICE),
    (AddService(UNKNOWN, ServiceAttrs("exactly-16-bytes")), errno.EINVAL, BAD_SERVICE),
    (AddService(UNKNOWN, ServiceAttrs("rr", persistence_engine="e" * 17)), errno.EINVAL, BAD_SERVICE),
    (AddService(UNKNOWN, ServiceAttrs("rr", persistence_engine="e" * 16)), errno.ENOENT, NO_LONG_ENGINE),
    (AddService(UNKNOWN, ServiceAttrs("rr", persistence=5, persistence_prefix=33)), errno.ERANGE, BAD_SERVICE),
    (AddService(SHOP6, ServiceAttrs("rr", persistence=5, persistence_prefix=129)), errno.EINVAL, BAD_SERVICE6),
    (AddService(SHOP6, ServiceAttrs("rr", persistence=5, persistence_prefix=0)), errno.EINVAL, BAD_SERVICE6),
    (EditService(UNKNOWN, RR), errno.ESRCH, NO_SERVICE),
    (EditService(SHOP, ServiceAttrs("nope")), errno.ENOENT, NO_SCHEDULER),
    (DeleteService(UNKNOWN), errno.ESRCH, NO_SERVICE),
    (AddServer(UNKNOWN, NINE, ROUTE), errno.ESRCH, NO_SERVICE),
    (
        AddServer(SHOP, ONE, ROUTE),
        errno.EEXIST,
        f"server 10.0.0.1:80 is in service tcp 192.0.2.1:80 already: {NEXT_ROUND}",
    ),
    (
        AddServer(SHOP, NINE, RealAttrs(Forward.ROUTE, 2**31)),
        errno.ERANGE,
        f"server 10.0.0.9:80: weight 2147483648, thresholds upper 0 lower 0: {LIMITS}",
    ),
    (
        AddServer(SHOP, NINE, RealAttrs(Forward.ROUTE, -1)),
        errno.ERANGE,
        f"server 10.0.0.9:80: weight -1, thresholds upper 0 lower 0: {LIMITS}",
    ),
    (
        AddServer(SHOP, NINE, RealAttrs(Forward.ROUTE, 2**40)),
        errno.ERANGE,
        f"server 10.0.0.9:80: weight 1099511627776, thresholds upper 0 lower 0: {LIMITS}",
    ),
    (
        AddServer(SHOP, NINE, RealAttrs(Forward.ROUTE, 1, 20, 50)),
        errno.ERANGE,
        f"server 10.0.0.9:80: weight 1, thresholds upper 20 lower 50: {LIMITS}",
    ),
    (
        AddServer(SHOP, NINE, RealAttrs(Forward.ROUTE, 1, 0, 5)),
        errno.ERANGE,
        f"server 10.0.0.9:80: weight 1, thresholds upper 0 lower 5: {LIMITS}",
    ),
    (AddServer(SHOP, real("2001:db8::9"), ROUTE), errno.EINVAL, f"server [2001:db8::9]:80 is invalid: {INVALID}"),
    (AddServer(SHOP, NINE, GUE0), errno.EINVAL, f"server 10.0.0.9:80 is invalid: {INVALID}"),
    (AddServer(SHOP, real("224.0.0.1"), ROUTE), errno.EINVAL, f"server 224.0.0.1:80 is invalid: {INVALID}"),
    (AddServer(SHOP, real("0.0.0.0"), ROUTE), errno.EINVAL, f"server 0.0.0.0:80 is invalid: {INVALID}"),
    (AddServer(SHOP, real("255.255.255.255"), ROUTE), errno.EINVAL, f"server 255.255.255.255:80 is invalid: {INVALID}"),
    (
        AddServer(SHOP, real("fe80::1"), RealAttrs(Forward.TUNNEL, 1)),
        errno.EINVAL,
        f"server [fe80::1]:80 is invalid: {INVALID}; {UNMIXED}",
    ),
    (
        AddServer(SHOP, real("::"), RealAttrs(Forward.TUNNEL, 1)),
        errno.EINVAL,
        f"server [::]:80 is invalid: {INVALID}; {UNMIXED}",
    ),
    (
        AddServer(SHOP, real("::ffff:10.0.0.9"), RealAttrs(Forward.TUNNEL, 1)),
        errno.EINVAL,
        f"server [::ffff:a00:9]:80 is invalid: {INVALID}; {UNMIXED}",
    ),
    (EditServer(UNKNOWN, NINE, ROUTE), errno.ESRCH, NO_SERVICE),
    (EditServer(SHOP, NINE, ROUTE), errno.ENOENT, NO_SERVER),
    (
        EditServer(SHOP, ONE, RealAttrs(Forward.ROUTE, 1, 1, 2)),
        errno.ERANGE,
        f"server 10.0.0.1:80: weight 1, thresholds upper 1 lower 2: {LIMITS}",
    ),
    (EditServer(SHOP, ONE, GUE0), errno.EINVAL, f"server 10.0.0.1:80 is invalid: {INVALID}"),
    (DeleteServer(UNKNOWN, NINE), errno.ESRCH, NO_SERVICE),
    (DeleteServer(SHOP, NINE), errno.ENOENT, NO_SERVER),
]


@pytest.mark.parametrize(
    ("op", "number", "message"),
    REFUSED,
    ids=[f"{type(op).__name__}-{errno.errorcode[number]}" for op, number, _ in REFUSED],
)
async def test_a_refusal_has_the_kernels_errno_and_says_what_to_do(
    ipvs: Ipvs, op: Op, number: int, message: str
) -> None:
    await done(ipvs, AddService(SHOP, RR), AddServer(SHOP, ONE, ROUTE))
    assert list(await ipvs.apply([op])) == [Refusal(number, message)]
    assert await ipvs.read() == {SHOP: Entry(RR, {ONE: ROUTE})}


async def test_a_refused_operation_does_not_stop_the_others(ipvs: Ipvs) -> None:
    answers = await ipvs.apply(
        [
            AddServer(SHOP, ONE, ROUTE),
            AddService(SHOP, RR),
            AddServer(SHOP, ONE, RealAttrs(Forward.ROUTE, -1)),
            AddServer(SHOP, TWO, ROUTE),
            AddService(SHOP, RR),
            AddServer(SHOP, THREE, ROUTE),
        ]
    )
    expected = [errno.ESRCH, None, errno.ERANGE, None, errno.EEXIST, None]
    assert [answer and answer.errno for answer in answers] == expected
    assert await ipvs.read() == {SHOP: Entry(RR, {TWO: ROUTE, THREE: ROUTE})}


async def test_nothing_is_asked_of_the_kernel_for_no_operations(ipvs: MemoryIpvs | NetlinkIpvs) -> None:
    assert list(await ipvs.apply([])) == []
    assert ipvs.written == 0


async def test_written_counts_what_was_ordered_and_not_what_was_asked(ipvs: MemoryIpvs | NetlinkIpvs) -> None:
    await done(ipvs, AddService(SHOP, RR), AddServer(SHOP, ONE, ROUTE))
    await ipvs.apply([AddService(SHOP, RR)])
    assert ipvs.written == 3
    await ipvs.read()
    await ipvs.look()
    await ipvs.info()
    await ipvs.timeouts()
    await ipvs.has_scheduler("rr")
    assert ipvs.written == 3
    await ipvs.zero()
    await ipvs.set_timeouts(Timeouts(0, 0, 0))
    assert ipvs.written == 5


# --- the rest ---------------------------------------------------------------------------------------------------


async def test_counters_of_a_fresh_table_are_zero(ipvs: Ipvs) -> None:
    await done(ipvs, AddService(SHOP, RR), AddService(MARK, RR), *(AddServer(SHOP, key, ROUTE) for key in (TWO, ONE)))
    seen = await ipvs.look()
    counters = seen.counters
    assert seen.table == await ipvs.read()
    assert counters == {
        SHOP: ServiceCounters(Traffic(), {TWO: RealCounters(), ONE: RealCounters()}),
        MARK: ServiceCounters(Traffic(), {}),
    }
    assert list(counters[SHOP].servers) == [TWO, ONE]


async def test_zero(ipvs: Ipvs) -> None:
    await done(ipvs, AddService(SHOP, RR))
    assert await ipvs.zero() is None
    assert await ipvs.zero(SHOP) is None
    assert await ipvs.zero(UNKNOWN) == Refusal(errno.ESRCH, NO_SERVICE)


async def test_timeouts_are_set_and_zero_leaves_one_as_it_is(ipvs: Ipvs) -> None:
    await ipvs.set_timeouts(Timeouts(900, 120, 300))
    assert await ipvs.timeouts() == Timeouts(900, 120, 300)
    assert await ipvs.set_timeouts(Timeouts(tcp=60, tcp_fin=0, udp=30)) is None
    assert await ipvs.timeouts() == Timeouts(tcp=60, tcp_fin=120, udp=30)
    out_of_range = "a timeout is out of range: give whole seconds, 0 to leave one as it is"
    assert await ipvs.set_timeouts(Timeouts(0, 0, 2**31)) == Refusal(errno.EINVAL, out_of_range)
    assert await ipvs.set_timeouts(Timeouts(0, -1, 0)) == Refusal(errno.ERANGE, out_of_range)
    assert await ipvs.timeouts() == Timeouts(tcp=60, tcp_fin=120, udp=30)
    await ipvs.set_timeouts(Timeouts(900, 120, 300))


async def test_info(ipvs: Ipvs) -> None:
    info = await ipvs.info()
    assert info.version == "1.2.1"
    assert info.table_size >= 256


@pytest.mark.parametrize(
    ("name", "there"),
    [("rr", True), ("fo", True), ("mh", True), ("hprio-not", False), ("", False), ("a-name-of-16-byte", False)],
)
async def test_asking_for_a_scheduler_changes_nothing(ipvs: Ipvs, name: str, there: bool) -> None:
    await done(ipvs, AddService(SHOP, RR))
    assert await ipvs.has_scheduler(name) is there
    assert await ipvs.read() == {SHOP: Entry(RR, {})}


# --- the memory against the kernel, operation by operation ------------------------------------------------------

KEYS: tuple[ServiceKey, ...] = (SHOP, SHOP6, MARK)
REALS = (ONE, TWO, real("2001:db8::2"), real("224.0.0.1"))
ODD_SERVICES = st.builds(
    ServiceAttrs,
    st.sampled_from(["rr", "fo", "nope"]),
    persistence=st.sampled_from([0, 60]),
    persistence_prefix=st.sampled_from([0, 24, 32, 33, 64, 128, 129]),
    persistence_engine=st.sampled_from(["", "nope"]),
)
ODD_SERVERS = st.builds(
    RealAttrs,
    st.sampled_from([Forward.ROUTE, Forward.TUNNEL]),
    st.sampled_from([0, 1, 2**31]),
    st.sampled_from([0, 10]),
    st.sampled_from([0, 10, 11]),
    st.sampled_from([Tunnel(), Tunnel(TunnelType.GUE, 6080), Tunnel(TunnelType.GUE)]),
)
FORWARDS = (Forward.MASQUERADE, Forward.ROUTE, Forward.TUNNEL)


@st.composite
def operations(draw: st.DrawFn) -> Op:
    key, server = draw(st.sampled_from(KEYS)), draw(st.sampled_from(REALS))
    service = draw(service_attrs(key.family) | ODD_SERVICES)
    attrs = draw(real_attrs(FORWARDS) | ODD_SERVERS)
    ops: list[Op] = [
        AddService(key, service),
        EditService(key, service),
        AddServer(key, server, attrs),
        AddServer(key, server, attrs),
        EditServer(key, server, attrs),
        DeleteServer(key, server),
        DeleteService(key),
    ]
    return draw(st.sampled_from(ops))


@pytest.mark.kernel
@settings(
    max_examples=15,
    phases=[Phase.generate],  # the guest is too slow for shrinking
    suppress_health_check=list(HealthCheck),
)
@given(ops=st.lists(operations(), min_size=10, max_size=40))
async def test_memory_answers_every_operation_as_the_kernel_does(netns: None, ops: list[Op]) -> None:
    memory, kernel = MemoryIpvs(), NetlinkIpvs()
    await kernel.apply([DeleteService(key) for key in KEYS])
    ops = [AddService(key, ServiceAttrs("rr")) for key in KEYS] + ops
    for op, remembered, told in zip(ops, await memory.apply(ops), await kernel.apply(ops), strict=True):
        assert (op, remembered) == (op, told)
    expected, found = await memory.read(), await kernel.read()
    assert expected == found
    assert order(expected) == order(found)
    await kernel.close()


def order(table: Table) -> dict[ServiceKey, list[RealKey]]:
    return {service: list(entry.servers) for service, entry in table.items()}
