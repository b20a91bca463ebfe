"""Connections of the remembered kernel: how they are counted, how long they live, what a deleted server keeps."""

from __future__ import annotations

import errno
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.errors import LvsctlError
from lvsctl.kernel.connections import End
from lvsctl.kernel.memory import MAINLINE, MemoryIpvs
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Family,
    Forward,
    Generation,
    MarkKey,
    Op,
    Protocol,
    RealAttrs,
    RealCounters,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    Timeouts,
    Traffic,
)

SHOP = AddressKey(IPv4Address("192.0.2.1"), 80, Protocol.TCP)
DNS = AddressKey(IPv4Address("192.0.2.1"), 53, Protocol.UDP)
A, B, C = (RealKey(IPv4Address(f"10.0.0.{host}"), 80) for host in (1, 2, 3))
CLIENT, OTHER = IPv4Address("198.51.100.1"), IPv4Address("198.51.100.2")


def route(weight: int = 1, upper: int = 0, lower: int = 0) -> RealAttrs:
    return RealAttrs(Forward.ROUTE, weight, upper, lower)


async def memory_of(
    scheduler: str,
    *servers: tuple[RealKey, RealAttrs],
    key: ServiceKey = SHOP,
    attrs: ServiceAttrs | None = None,
    generation: Generation = Generation.NEW,
    expire_quiescent: bool = False,
) -> MemoryIpvs:
    memory = MemoryIpvs(schedulers=MAINLINE | {"hprio"}, generation=generation, expire_quiescent=expire_quiescent)
    await done(memory, AddService(key, attrs or ServiceAttrs(scheduler)))
    await done(memory, *(AddServer(key, server, real) for server, real in servers))
    return memory


async def done(memory: MemoryIpvs, *ops: Op) -> None:
    assert list(await memory.apply(ops)) == [None] * len(ops)


async def counts(memory: MemoryIpvs, server: RealKey = A, key: ServiceKey = SHOP) -> tuple[int, int, int]:
    row = (await memory.look()).counters[key].servers[server]
    return row.active, row.inactive, row.persistent


def connect(memory: MemoryIpvs, count: int, *, now: float = 0, first: int = 1024) -> list[RealKey | None]:
    return [memory.connect(SHOP, CLIENT, first + number, now=now) for number in range(count)]


# --- how long an entry lives ------------------------------------------------------------------------------------

LIVES = [
    ("established", Forward.ROUTE, None, 900, (1, 0)),
    ("closed by FIN, of which the director sees the client's half", Forward.ROUTE, End.FIN, 120, (0, 1)),
    ("closed by FIN through the director", Forward.MASQUERADE, End.FIN, 120, (0, 1)),
    ("closed by RST", Forward.TUNNEL, End.RST, 10, (0, 1)),
]


@pytest.mark.parametrize(("sentence", "forward", "how", "seconds", "counted"), LIVES, ids=[row[0] for row in LIVES])
async def test_an_entry_outlives_its_connection(
    sentence: str, forward: Forward, how: End | None, seconds: float, counted: tuple[int, int]
) -> None:
    memory = await memory_of("rr", (A, RealAttrs(forward, 1)))
    assert memory.connect(SHOP, CLIENT, 1024, now=1000) == A
    assert how is None or memory.end(SHOP, CLIENT, 1024, how, now=1000)
    memory.pass_time(1000 + seconds - 0.1)
    assert await counts(memory) == (*counted, 0)
    memory.pass_time(1000 + seconds)
    assert await counts(memory) == (0, 0, 0)


async def test_timeouts_are_those_that_were_set_and_time_wait_is_always_the_same() -> None:
    memory = await memory_of("rr", (A, route()), (B, RealAttrs(Forward.MASQUERADE, 1)))
    await memory.set_timeouts(Timeouts(60, 5, 0))
    assert connect(memory, 2) == [B, A]
    for port in (1024, 1025):
        memory.end(SHOP, CLIENT, port, End.FIN, now=0)
    memory.pass_time(6)
    assert (await counts(memory, A), await counts(memory, B)) == ((0, 0, 0), (0, 1, 0))


async def test_what_is_sent_keeps_a_connection() -> None:
    memory = await memory_of("rr", (A, route()))
    connect(memory, 1)
    assert memory.send(SHOP, CLIENT, 1024, now=800)
    assert memory.send(SHOP, CLIENT, 1024, now=1600)
    assert not memory.send(SHOP, CLIENT, 1024, now=2501)


async def test_time_does_not_go_back() -> None:
    memory = await memory_of("rr", (A, route()))
    connect(memory, 1, now=100)
    memory.pass_time(50)
    assert memory.send(SHOP, CLIENT, 1024, now=60)
    memory.pass_time(999)
    assert await counts(memory) == (1, 0, 0)


async def test_udp_is_never_active_and_lives_on_by_what_is_sent() -> None:
    memory = await memory_of("rr", (A, route()), key=DNS)
    assert memory.connect(DNS, CLIENT, 1024, now=0) == A
    assert memory.connect(DNS, CLIENT, 1024, now=200) == A
    memory.pass_time(499)
    assert await counts(memory, key=DNS) == (0, 1, 0)
    memory.pass_time(500)
    assert await counts(memory, key=DNS) == (0, 0, 0)


async def test_one_packet_scheduling_leaves_no_entry() -> None:
    memory = await memory_of(
        "rr", (A, route()), (B, route()), key=DNS, attrs=ServiceAttrs("rr", ServiceFlag.ONE_PACKET)
    )
    assert [memory.connect(DNS, CLIENT, 1024, now=0) for _ in range(4)] == [B, A, B, A]
    assert await counts(memory, key=DNS) == (0, 0, 0)
    assert (await memory.look()).counters[DNS].traffic == Traffic(connections=4)


async def test_one_packet_is_for_udp_alone() -> None:
    memory = await memory_of("rr", (A, route()), attrs=ServiceAttrs("rr", ServiceFlag.ONE_PACKET))
    connect(memory, 1)
    assert await counts(memory) == (1, 0, 0)


async def test_a_port_used_again_after_the_close_is_a_new_connection() -> None:
    memory = await memory_of("rr", (A, route()), (B, route()))
    connect(memory, 1)
    assert memory.connect(SHOP, CLIENT, 1024, now=1) == B, "it is established: nothing is scheduled"
    memory.end(SHOP, CLIENT, 1024, End.RST, now=2)
    assert memory.connect(SHOP, CLIENT, 1024, now=3) == A
    assert (await counts(memory, A), await counts(memory, B)) == ((1, 0, 0), (0, 0, 0))


async def test_closed_twice() -> None:
    memory = await memory_of("rr", (A, route()))
    connect(memory, 1)
    assert memory.end(SHOP, CLIENT, 1024, End.RST, now=0)
    assert memory.end(SHOP, CLIENT, 1024, End.FIN, now=5)
    memory.pass_time(15)
    assert await counts(memory) == (0, 0, 0), "a FIN does not open it again"
    assert not memory.end(SHOP, CLIENT, 1024, End.FIN, now=15)


async def test_of_udp_nothing_is_closed() -> None:
    memory = await memory_of("rr", (A, route()), key=DNS)
    assert memory.connect(DNS, CLIENT, 1024, now=0) == A
    assert not memory.end(DNS, CLIENT, 1024, End.RST, now=290)
    memory.pass_time(299)
    assert await counts(memory, key=DNS) == (0, 1, 0)
    memory.pass_time(300)
    assert await counts(memory, key=DNS) == (0, 0, 0)


async def test_of_sctp_nothing_is_known() -> None:
    sctp = AddressKey(SHOP.address, 80, Protocol.SCTP)
    memory = await memory_of("rr", (A, route()), key=sctp)
    with pytest.raises(LvsctlError, match=r"^connections by sctp are not modelled: use a service for tcp or udp$"):
        memory.connect(sctp, CLIENT, 1024, now=0)


async def test_refused() -> None:
    memory = await memory_of("rr", (A, route(1, 1)))
    assert connect(memory, 2) == [A, None]
    assert memory.connect(DNS, CLIENT, 1024, now=0) is None, "no such service"
    assert await counts(memory) == (1, 0, 0)


async def test_connections_are_counted_from_the_last_zeroing() -> None:
    memory = await memory_of("rr", (A, route()))
    connect(memory, 2)
    assert (await memory.look()).counters[SHOP].servers[A] == RealCounters(active=2, traffic=Traffic(connections=2))
    await memory.zero()
    assert (await memory.look()).counters[SHOP].servers[A] == RealCounters(active=2)


async def test_a_service_by_mark_and_one_for_ipv6() -> None:
    mark = MarkKey(Family.INET6, 7)
    six = RealKey(IPv6Address("2001:db8::2"), 0)
    memory = await memory_of("rr", (six, route()), key=mark)
    assert memory.connect(mark, IPv6Address("2001:db8:1::1"), 1024, now=0) == six
    assert memory.connect(mark, IPv6Address("2001:db8:1::1"), 1024, now=0, protocol=Protocol.UDP) == six
    assert await counts(memory, six, mark) == (1, 1, 0)


async def test_a_service_for_every_port_needs_persistence() -> None:
    every = AddressKey(SHOP.address, 0, Protocol.TCP)
    real = RealKey(A.address, 0)
    memory = await memory_of("rr", (real, route()), key=every)
    assert memory.connect(every, CLIENT, 1024, now=0) is None
    await done(memory, EditService(every, ServiceAttrs("rr", persistence=60)))
    assert memory.connect(every, CLIENT, 1024, now=0) == real


# --- thresholds -------------------------------------------------------------------------------------------------


async def test_the_seeds_story() -> None:
    """Three servers of weight 5 with u=4 l=2, one for spillover."""
    pool = [(key, route(5, 4, 2)) for key in (A, B, C)]
    spill = RealKey(IPv4Address("10.0.0.9"), 80)
    memory = await memory_of("hprio", *pool, (spill, route(1)))
    assert connect(memory, 12) == [A, B, C] * 4
    assert connect(memory, 4, first=2000) == [spill] * 4
    for port in (1024, 1027):  # two of A's
        memory.end(SHOP, CLIENT, port, End.RST, now=20)
    assert memory.connect(SHOP, CLIENT, 3000, now=31) == spill, "two are left, which is not below l"
    memory.end(SHOP, CLIENT, 1030, End.RST, now=31)
    assert connect(memory, 4, now=42, first=4000) == [A, A, A, spill]


async def test_a_threshold_that_is_raised() -> None:
    for generation, expected in ((Generation.OLD, [A, A, None]), (Generation.NEW, [None, None, None])):
        memory = await memory_of("fo", (A, route(1, 4, 2)), generation=generation)
        assert connect(memory, 5) == [A, A, A, A, None]
        await done(memory, EditServer(SHOP, A, route(1, 6, 2)))
        assert connect(memory, 3, first=2000) == expected


async def test_a_threshold_above_the_kernels_int_is_refused_by_the_new_generation_alone() -> None:
    for generation, number in ((Generation.OLD, None), (Generation.NEW, errno.EINVAL)):
        memory = await memory_of("fo", (A, route()), generation=generation)
        ops = [AddServer(SHOP, B, route(1, 2**31)), EditServer(SHOP, A, route(1, 2**31))]
        assert [answer and answer.errno for answer in await memory.apply(ops)] == [number, number]


# --- deleted, and added again -----------------------------------------------------------------------------------


async def test_a_deleted_server_keeps_its_connections_but_gets_no_packets() -> None:
    memory = await memory_of("rr", (A, route(1, 2, 1)), (B, route()))
    assert connect(memory, 4) == [B, A, B, A]
    await done(memory, DeleteServer(SHOP, A))
    assert not memory.send(SHOP, CLIENT, 1025, now=1)
    assert not memory.end(SHOP, CLIENT, 1025, now=1), "the close is dropped: the entry stays established"
    assert memory.connect(SHOP, CLIENT, 1025, now=1) is None, "and so is a new connection from the same port"
    await done(memory, AddServer(SHOP, A, route(1, 2, 1)))
    assert await counts(memory) == (2, 0, 0)
    assert connect(memory, 2, now=2, first=2000) == [B, B], "it is overloaded as it was"
    assert memory.end(SHOP, CLIENT, 1025, now=2)


async def test_connections_of_a_deleted_server_end_in_their_time() -> None:
    memory = await memory_of("rr", (A, route(1, 1)))
    connect(memory, 1)
    await done(memory, DeleteServer(SHOP, A))
    memory.pass_time(901)
    await done(memory, AddServer(SHOP, A, route(1, 1)))
    assert await counts(memory) == (0, 0, 0)
    assert memory.connect(SHOP, CLIENT, 2000, now=901) == A


async def test_a_service_made_again_finds_its_old_servers_as_they_were() -> None:
    memory = await memory_of("rr", (A, route(1, 1)), (B, route()))
    assert connect(memory, 2) == [B, A]
    await done(memory, DeleteService(SHOP))
    assert memory.connect(SHOP, CLIENT, 2000, now=1) is None
    await done(memory, AddService(SHOP, ServiceAttrs("fo")), AddServer(SHOP, A, route(1, 1)))
    assert await counts(memory) == (1, 0, 0)
    assert memory.connect(SHOP, CLIENT, 2000, now=1) is None
    assert memory.send(SHOP, CLIENT, 1025, now=1)


async def test_a_service_made_again_counts_anew_what_it_schedules() -> None:
    memory = await memory_of("rr", (A, route()), (B, route()))
    connect(memory, 4)
    await done(memory, DeleteServer(SHOP, B), AddServer(SHOP, B, route()))
    assert (await memory.look()).counters[SHOP].servers[B] == RealCounters(active=2, traffic=Traffic(connections=2))
    await done(memory, DeleteServer(SHOP, B), DeleteService(SHOP), AddService(SHOP, ServiceAttrs("rr")))
    await done(memory, AddServer(SHOP, A, route()), AddServer(SHOP, B, route()))
    assert (await memory.look()).counters[SHOP].servers == {A: RealCounters(active=2), B: RealCounters(active=2)}


async def test_the_old_generation_forgives_a_server_that_comes_back_with_a_higher_threshold() -> None:
    for generation, expected in ((Generation.OLD, A), (Generation.NEW, None)):
        memory = await memory_of("fo", (A, route(1, 2, 1)), generation=generation)
        connect(memory, 2)
        await done(memory, DeleteServer(SHOP, A), AddServer(SHOP, A, route(1, 3, 1)))
        assert memory.connect(SHOP, CLIENT, 2000, now=0) == expected


# --- schedulers that come and go --------------------------------------------------------------------------------


async def test_another_scheduler_and_back_keeps_counts_and_flags_and_begins_the_turn_anew() -> None:
    memory = await memory_of("hprio", (A, route(5, 2)), (B, route(5)), (C, route(5)))
    assert connect(memory, 4) == [A, B, C, A]
    await done(memory, EditService(SHOP, ServiceAttrs("rr")))
    assert connect(memory, 3, first=2000) == [C, B, C]
    await done(memory, EditService(SHOP, ServiceAttrs("hprio")))
    assert connect(memory, 2, first=3000) == [B, C]
    await done(memory, EditService(SHOP, ServiceAttrs("hprio", persistence=9)))
    assert connect(memory, 1, first=4000) == [B], "the same scheduler keeps its turn"


async def test_a_service_without_a_scheduler_refuses() -> None:
    memory = await memory_of("none", (A, route()))
    assert connect(memory, 1) == [None]
    await done(memory, EditService(SHOP, ServiceAttrs("fo")))
    assert connect(memory, 1) == [A]


# --- persistence ------------------------------------------------------------------------------------------------

STICKY = ServiceAttrs("rr", persistence=60)


async def test_a_template_goes_before_the_thresholds() -> None:
    memory = await memory_of("rr", (A, route(1, 1)), attrs=STICKY)
    assert connect(memory, 3) == [A, A, A]
    assert memory.connect(SHOP, OTHER, 1024, now=0) is None
    assert await counts(memory) == (3, 0, 1)


async def test_a_template_serves_a_prefix() -> None:
    memory = await memory_of(
        "rr", (A, route()), (B, route()), attrs=ServiceAttrs("rr", persistence=60, persistence_prefix=24)
    )
    far = IPv4Address("203.0.113.1")
    assert [memory.connect(SHOP, client, 1024, now=0) for client in (CLIENT, OTHER, far)] == [B, B, A]


async def test_a_template_serves_whoevers_prefix_begins_where_its_own_did() -> None:
    memory = await memory_of("rr", (A, route()), (B, route()), attrs=STICKY)
    first, neighbour = IPv4Address("198.51.100.0"), IPv4Address("198.51.100.7")
    assert memory.connect(SHOP, first, 1024, now=0) == B
    await done(memory, EditService(SHOP, ServiceAttrs("rr", persistence=60, persistence_prefix=24)))
    assert memory.connect(SHOP, neighbour, 1024, now=0) == B
    assert await counts(memory, B) == (2, 0, 1)
    await done(memory, EditService(SHOP, ServiceAttrs("rr", persistence=60, persistence_prefix=32)))
    assert memory.connect(SHOP, neighbour, 1025, now=0) == A


async def test_a_template_lives_from_the_last_connection_that_it_made() -> None:
    memory = await memory_of("rr", (A, route()), (B, route()), attrs=STICKY)
    for number, now in enumerate((0, 50, 100)):
        assert memory.connect(SHOP, CLIENT, 1024 + number, now=now) == B
        memory.end(SHOP, CLIENT, 1024 + number, End.RST, now=now)
    memory.pass_time(159)
    assert await counts(memory, B) == (0, 0, 1)
    assert memory.connect(SHOP, CLIENT, 2000, now=161) == A


async def test_a_template_that_ought_to_end_stays_while_it_has_connections() -> None:
    memory = await memory_of("rr", (A, route()), (B, route()), attrs=ServiceAttrs("rr", persistence=200))
    assert connect(memory, 1) == [B]
    memory.pass_time(899)
    assert await counts(memory, B) == (1, 0, 1)
    memory.pass_time(919)
    assert await counts(memory, B) == (0, 0, 1), "looked at at 200, 260, 320 ... 860 and then at 920"
    memory.pass_time(920)
    assert await counts(memory, B) == (0, 0, 0)


async def test_weight_0_frees_a_client_only_where_the_sysctl_says_so() -> None:
    for expire_quiescent, expected in ((False, B), (True, A)):
        memory = await memory_of("rr", (A, route()), (B, route()), attrs=STICKY, expire_quiescent=expire_quiescent)
        assert connect(memory, 1) == [B]
        await done(memory, EditServer(SHOP, B, route(0)))
        assert memory.connect(SHOP, CLIENT, 2000, now=1) == expected


async def test_a_template_whose_server_is_gone_is_of_no_use_ever_again() -> None:
    memory = await memory_of("rr", (A, route()), (B, route()), attrs=STICKY)
    assert connect(memory, 1) == [B]
    await done(memory, DeleteServer(SHOP, B))
    assert memory.connect(SHOP, CLIENT, 2000, now=1) == A
    await done(memory, AddServer(SHOP, B, route()))
    assert await counts(memory, B) == (1, 0, 1)
    assert memory.connect(SHOP, CLIENT, 2001, now=1) == A


async def test_a_template_nobody_used_meanwhile_survives_its_servers_absence() -> None:
    memory = await memory_of("rr", (A, route()), (B, route()), attrs=STICKY)
    assert connect(memory, 1) == [B]
    await done(memory, DeleteServer(SHOP, B), AddServer(SHOP, B, route()))
    assert memory.connect(SHOP, CLIENT, 2000, now=1) == B


async def test_templates_outlive_persistence_itself() -> None:
    memory = await memory_of("rr", (A, route()), (B, route()), attrs=STICKY)
    assert connect(memory, 1) == [B]
    await done(memory, EditService(SHOP, ServiceAttrs("rr")))
    assert connect(memory, 2, first=2000) == [A, B]
    assert await counts(memory, B) == (2, 0, 1)


# --- whatever happens -------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(Generation), st.sampled_from((0, 60)))
async def test_counts_are_the_entries(data: st.DataObject, generation: Generation, persistence: int) -> None:
    attrs = ServiceAttrs("wlc", persistence=persistence)
    memory = await memory_of("wlc", (A, route(2, 3, 1)), (B, route(1)), attrs=attrs, generation=generation)
    now, ports = 0.0, st.integers(1024, 1034)
    for what in data.draw(st.lists(st.sampled_from(("connect", "fin", "rst", "wait", "delete", "add")), max_size=40)):
        match what:
            case "connect":
                memory.connect(SHOP, CLIENT, data.draw(ports), now=now)
            case "fin" | "rst":
                memory.end(SHOP, CLIENT, data.draw(ports), End(what), now=now)
            case "wait":
                now += data.draw(st.sampled_from((1, 11, 60, 121, 900)))
                memory.pass_time(now)
            case "delete":
                await memory.apply([DeleteServer(SHOP, A)])
            case "add":
                await memory.apply([AddServer(SHOP, A, route(2, 3, 1))])
        assert all(entry.ends > now for entry in memory.connections.entries())
        for server, row in (await memory.look()).counters[SHOP].servers.items():
            entries = [entry for entry in memory.connections.entries() if entry.server == (SHOP, server)]
            templates = [each for each in memory.connections.templates().values() if each.server == (SHOP, server)]
            assert row.active == sum(entry.active for entry in entries)
            assert row.inactive == sum(not entry.active for entry in entries)
            assert row.persistent == len(templates)
            for template in templates:
                known = [entry for entry in entries if entry.template is not None]
                assert 0 <= template.controls <= len(known)
