"""Bytes <-> model: the real kernel's bytes, round trips, and bytes that no kernel would send."""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.errors import KernelError
from lvsctl.kernel import decode, encode, wire
from lvsctl.kernel.listing import CountingReader, ListReader, ServerMemory, ServerReader
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    EditService,
    Family,
    Forward,
    Info,
    MarkKey,
    Op,
    Protocol,
    RealAttrs,
    RealCounters,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    Table,
    Timeouts,
    Traffic,
    Tunnel,
    TunnelType,
)
from tests.kernel import golden
from tests.kernel.echo import HASHED, dumped_server, dumped_service, message
from tests.kernel.tables import adding, reals, service_attrs, service_keys, tables

KEY = AddressKey(IPv4Address("192.0.2.1"), 80, Protocol.TCP)
KEY6 = AddressKey(IPv6Address("2001:db8::1"), 80, Protocol.TCP)
REAL = RealKey(IPv4Address("10.0.0.1"), 80)
BUSY = Traffic(connections=3, packets_in=7, packets_out=4, bytes_in=388, bytes_out=232)


def bodies(datagram: bytes) -> list[bytes]:
    """The attributes of every message of a datagram."""
    return [part.body[wire.GENERIC.size :] for part in wire.messages(datagram)]


def request(op: Op) -> bytes:
    return encode.operation(op)[1]


# --- golden bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "expected"), golden.ORDERS, ids=[type(op).__name__ for op, _ in golden.ORDERS])
def test_an_operation_becomes_these_bytes(op: Op, expected: bytes) -> None:
    _, _, flags, sequence, _ = wire.MESSAGE.unpack_from(expected)
    command, body = encode.operation(op)
    made = wire.request(
        family=golden.FAMILY, flags=flags & ~wire.REQUEST, sequence=sequence, command=command, body=body
    )
    assert made.hex() == expected.hex()


def test_services_dumped_by_the_kernel() -> None:
    assert [decode.service(body) for body in bodies(golden.SERVICES)] == [
        (golden.SHOP, golden.SHOP_ATTRS),
        (golden.DNS, golden.DNS_ATTRS),
        (golden.MARK, golden.MARK_ATTRS),
    ]


def test_servers_dumped_by_the_kernel() -> None:
    assert [decode.server(body) for body in bodies(golden.SHOP_SERVERS)] == [golden.TUNNELLED, golden.ROUTED]
    assert [decode.server(body) for body in bodies(golden.MARK_SERVERS)] == [golden.HEAVY]


def test_counters_dumped_by_the_kernel() -> None:
    (service,), (server,) = bodies(golden.BUSY_SERVICE), bodies(golden.BUSY_SERVER)
    key, attrs = RealKey(IPv4Address("192.0.2.2"), 80), RealAttrs(Forward.MASQUERADE, 5, 50, 20)
    assert decode.counted_service(service) == (golden.SHOP, ServiceAttrs("rr", persistence=100), BUSY)
    assert decode.counted_server(server) == (key, attrs, RealCounters(2, 1, 1, BUSY))
    reader = CountingReader(ServerMemory())
    assert reader.bulk(memoryview(golden.BUSY_SERVER))
    assert (reader.rows, reader.counts) == ([(key, attrs)], [(key, RealCounters(2, 1, 1, BUSY))])


def test_info_and_timeouts_of_the_kernel() -> None:
    assert decode.info(bodies(golden.INFO)[0]) == Info("1.2.1", 4096)
    assert decode.timeouts(bodies(golden.TIMEOUTS)[0]) == Timeouts(tcp=900, tcp_fin=120, udp=300)


# --- quirks, one by one -----------------------------------------------------------------------------------------


def flags_sent(attrs: ServiceAttrs) -> tuple[int, int]:
    flags, mask = struct.unpack("=II", wire.Attributes(request(EditService(KEY, attrs))).nested(1).bytes(7, 8))
    return flags, mask


def test_the_mask_covers_every_flag_of_an_operator_and_persistence_but_not_hashed() -> None:
    assert flags_sent(ServiceAttrs("rr")) == (0, 0x3D)
    assert flags_sent(ServiceAttrs("rr", ServiceFlag.ONE_PACKET, persistence=5)) == (0x5, 0x3D)


def test_hashed_is_not_read() -> None:
    dump = dumped_service(request(AddService(KEY, ServiceAttrs("sh", ServiceFlag.SCHED_1))))
    flags, _ = struct.unpack("=II", wire.Attributes(dump).nested(1).bytes(7, 8))
    assert flags == HASHED | ServiceFlag.SCHED_1
    assert decode.service(dump) == (KEY, ServiceAttrs("sh", ServiceFlag.SCHED_1))


@pytest.mark.parametrize(
    ("key", "attrs", "netmask"),
    [
        (KEY, ServiceAttrs("rr", persistence=5, persistence_prefix=24), bytes([255, 255, 255, 0])),
        (KEY, ServiceAttrs("rr", persistence=5, persistence_prefix=0), bytes(4)),
        (KEY, ServiceAttrs("rr", persistence_prefix=24), b"\xff" * 4),
        (KEY6, ServiceAttrs("rr", persistence=5, persistence_prefix=64), struct.pack("=I", 64)),
        (KEY6, ServiceAttrs("rr", persistence_prefix=64), struct.pack("=I", 128)),
        (MarkKey(Family.INET6, 1), ServiceAttrs("rr"), struct.pack("=I", 128)),
    ],
)
def test_the_netmask_is_a_mask_for_ipv4_and_a_length_for_ipv6(
    key: ServiceKey, attrs: ServiceAttrs, netmask: bytes
) -> None:
    assert wire.Attributes(request(AddService(key, attrs))).nested(1).bytes(9, 4) == netmask


def test_without_the_persistent_flag_timeout_and_netmask_say_nothing() -> None:
    for key, length in ((KEY, 32), (KEY6, 128)):
        dump = dumped_service(request(AddService(key, ServiceAttrs("rr", persistence=7, persistence_prefix=9))))
        unflagged = dump.replace(struct.pack("=HHI", 12, 7, 0x3), struct.pack("=HHI", 12, 7, 0x2))
        assert unflagged != dump
        assert decode.service(unflagged) == (key, ServiceAttrs("rr", persistence_prefix=length))


def test_a_netmask_that_is_no_prefix_does_not_look_like_one() -> None:
    dump = dumped_service(request(AddService(KEY, ServiceAttrs("rr", persistence=7, persistence_prefix=16))))
    odd = dump.replace(bytes([8, 0, 9, 0, 255, 255, 0, 0]), bytes([8, 0, 9, 0, 255, 0, 255, 0]))
    assert odd != dump
    assert decode.service(odd) == (KEY, ServiceAttrs("rr", persistence=7, persistence_prefix=0))


def test_a_gue_port_is_in_network_order() -> None:
    attrs = RealAttrs(Forward.TUNNEL, 1, tunnel=Tunnel(TunnelType.GUE, 0x1234))
    assert wire.Attributes(request(AddServer(KEY, REAL, attrs))).nested(2).bytes(14, 2) == b"\x12\x34"


def test_a_tunnel_is_neither_written_nor_read_without_tunnelling() -> None:
    gue = Tunnel(TunnelType.GUE, 6080)
    written = request(AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, 1, tunnel=gue)))
    assert written == request(AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, 1)))
    dump = dumped_server(request(AddServer(KEY, REAL, RealAttrs(Forward.TUNNEL, 1, tunnel=gue))))
    routed = dump.replace(struct.pack("=HHI", 8, 3, 2), struct.pack("=HHI", 8, 3, 3))
    assert decode.server(routed) == (REAL, RealAttrs(Forward.ROUTE, 1))


def test_a_local_server_is_read_as_local() -> None:
    dump = dumped_server(request(AddServer(KEY, REAL, RealAttrs(Forward.LOCAL, 1))))
    assert decode.server(dump) == (REAL, RealAttrs(Forward.LOCAL, 1))


def test_bits_beyond_the_forwarding_method_are_ignored() -> None:
    dump = dumped_server(request(AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, 1))))
    assert decode.server(dump.replace(struct.pack("=HHI", 8, 3, 3), struct.pack("=HHI", 8, 3, 0x103))) == (
        REAL,
        RealAttrs(Forward.ROUTE, 1),
    )


def test_narrow_counters_where_there_are_no_wide_ones() -> None:
    (body,) = bodies(golden.BUSY_SERVER)
    old = body.replace(struct.pack("=HH", 0xA0, 12), struct.pack("=HH", 0xA0, 99))
    assert old != body
    assert decode.counted_server(old) == decode.counted_server(body)
    reader = CountingReader(ServerMemory())
    assert not reader.bulk(memoryview(golden.BUSY_SERVER.replace(body, old)))
    reader.one(old)
    assert [count.traffic for _, count in reader.counts] == [BUSY]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param((8, 3, 3), (8, 3, 4), id="forwarding method 4, bypass"),
        pytest.param((6, 11, 2), (6, 11, 99), id="address family 99"),
    ],
)
def test_a_server_without_words_is_left_out(old: tuple[int, int, int], new: tuple[int, int, int]) -> None:
    dump = dumped_server(request(AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, 1))))
    strange = dump.replace(struct.pack("=HHI", *old), struct.pack("=HHI", *new))
    assert strange != dump
    assert decode.server(strange) is None


def test_a_service_without_words_is_left_out() -> None:
    dump = dumped_service(request(AddService(KEY, ServiceAttrs("rr"))))
    esp = dump.replace(struct.pack("=HHHxx", 6, 2, 6), struct.pack("=HHHxx", 6, 2, 50))
    assert esp != dump
    assert decode.service(esp) is None
    assert decode.counted_service(esp) is None


def test_the_probe_for_a_scheduler_is_an_ipv6_service_with_a_prefix_of_nothing() -> None:
    probe = wire.Attributes(encode.scheduler_probe("hprio")).nested(1)
    assert probe.number(1, 2) == 10
    assert probe.bytes(9, 4) == bytes(4)
    assert probe.text(6) == "hprio"


# --- round trips ------------------------------------------------------------------------------------------------


@given(st.data())
def test_a_service_survives_the_round_trip(data: st.DataObject) -> None:
    key = data.draw(service_keys())
    attrs = data.draw(service_attrs(key.family))
    assert decode.service(dumped_service(request(AddService(key, attrs)))) == (key, attrs)


@given(st.data())
def test_a_server_survives_the_round_trip(data: st.DataObject) -> None:
    service = data.draw(service_keys())
    server, attrs = data.draw(reals(service))
    dump = dumped_server(request(AddServer(service, server, attrs)))
    assert decode.server(dump) == (server, attrs)


def datagram_of(table: Table, service: ServiceKey) -> bytes:
    ops = [op for op in adding({service: table[service]}) if isinstance(op, AddServer)]
    return b"".join(message(dumped_server(request(op)), sequence=9) for op in reversed(ops))


@given(st.lists(tables(max_services=3), min_size=1, max_size=3))
def test_reading_at_once_is_reading_one_by_one(rounds: list[Table]) -> None:
    memory = ServerMemory()
    for table in rounds:
        for service, entry in table.items():
            datagram = datagram_of(table, service)
            reader, slow = ServerReader(memory), ListReader(decode.server)
            counting, counted = CountingReader(memory), CountingReader(memory)
            if datagram:
                assert reader.bulk(memoryview(datagram))
                assert counting.bulk(memoryview(datagram))
            for body in bodies(datagram):
                slow.one(body)
                counted.one(body)
            assert reader.rows == slow.found == counting.rows == counted.rows
            assert counting.counts == counted.counts
            found = memory.entry(service, entry.attrs, reader.rows)
            assert found == entry
            assert list(found.servers) == list(entry.servers)
        memory.forget(but=table)


def test_an_unchanged_service_is_the_same_object_as_before() -> None:
    memory = ServerMemory()

    def read(datagram: bytes, attrs: ServiceAttrs = golden.SHOP_ATTRS) -> object:
        reader = ServerReader(memory)
        assert reader.bulk(memoryview(datagram))
        return memory.entry(golden.SHOP, attrs, reader.rows)

    first = read(golden.SHOP_SERVERS)
    assert read(golden.SHOP_SERVERS) is first
    assert read(golden.SHOP_SERVERS, ServiceAttrs("rr")) is not first
    assert read(golden.BUSY_SERVER) != first


def test_connection_counts_change_nothing_in_the_table() -> None:
    memory = ServerMemory()
    op = request(AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, 5, 50, 20)))
    entries = []
    for counts in ((0, 0, 0), (50, 7, 1)):
        reader = ServerReader(memory)
        assert reader.bulk(memoryview(message(dumped_server(op, counts), sequence=4)))
        entries.append(memory.entry(KEY, ServiceAttrs("rr"), reader.rows))
    assert entries[0] is entries[1]


def test_bytes_that_nobody_sends_any_more_are_forgotten() -> None:
    memory = ServerMemory()
    for weight in range(100):
        reader = ServerReader(memory)
        op = request(AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, weight)))
        assert reader.bulk(memoryview(message(dumped_server(op), sequence=4)))
        memory.entry(KEY, ServiceAttrs("rr"), reader.rows)
        memory.forget(but={KEY})
        assert len(memory.attrs) <= 2
    memory.forget(but=())
    assert memory.keys == {}


# --- bytes that no kernel would send ----------------------------------------------------------------------------

DECODERS: list[Callable[[bytes], object]] = [
    decode.service,
    decode.counted_service,
    decode.server,
    decode.counted_server,
    decode.info,
    decode.timeouts,
]
DUMPS = [
    body
    for datagram in (golden.SERVICES, golden.SHOP_SERVERS, golden.BUSY_SERVER, golden.INFO, golden.TIMEOUTS)
    for body in bodies(datagram)
]


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.__name__)
@given(noise=st.binary(max_size=200))
def test_noise_is_an_answer_or_a_kernel_error(decoder: Callable[[bytes], object], noise: bytes) -> None:
    _try(decoder, noise)


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.__name__)
@given(st.data())
def test_a_damaged_dump_is_an_answer_or_a_kernel_error(decoder: Callable[[bytes], object], data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(DUMPS)))
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=4)):
        body[at] = data.draw(st.integers(0, 255))
    _try(decoder, bytes(body[: data.draw(st.integers(0, len(body)))]))


def _try(decoder: Callable[[bytes], object], data: bytes) -> None:
    try:
        decoder(data)
    except KernelError as error:
        assert str(error).startswith("netlink")


@given(st.integers(0, len(golden.SERVICES) - 1))
def test_a_truncated_datagram_is_a_kernel_error(size: int) -> None:
    whole = 360, 360 + 360, len(golden.SERVICES)
    try:
        count = len(list(wire.messages(golden.SERVICES[:size])))
    except KernelError as error:
        assert "cut short" in str(error)
    else:
        assert size == ([0, *whole])[count]


def test_a_server_cut_short_says_what_is_missing() -> None:
    (body,) = bodies(golden.BUSY_SERVER)
    with pytest.raises(KernelError, match=r"^netlink attribute 2 cut short: 380 bytes announced$"):
        decode.server(body[:-1])
    with pytest.raises(KernelError, match=r"^netlink attribute 4 is missing$"):
        decode.server(body.replace(struct.pack("=HH", 8, 4), struct.pack("=HH", 8, 77)))
    with pytest.raises(KernelError, match=r"^netlink attribute 1 cut short: 0 bytes, 4 were due$"):
        decode.info(wire.attribute(1, b""))


PARTS = 20 + 4 + 28 + 56 + 24 + 8  # headers, key, attributes, counts, family: all but the statistics


@given(st.data())
def test_reading_at_once_notices_every_change_of_layout(data: st.DataObject) -> None:
    """Whatever is changed: either it is handed to the general parser, or that one says the same."""
    first = bytearray(golden.BUSY_SERVER)
    second = bytearray(golden.BUSY_SERVER)
    for at in data.draw(st.lists(st.integers(16, PARTS - 1), min_size=1, max_size=3)):
        second[at] = data.draw(st.integers(0, 255))
    memory = ServerMemory()
    if data.draw(st.booleans()):
        assert ServerReader(memory).bulk(memoryview(first))
    reader = ServerReader(memory)
    if not reader.bulk(memoryview(bytes(first + second))):
        assert reader.rows == []
        return
    assert reader.rows == [decode.server(body) for body in bodies(bytes(first + second))]


COUNTED = [*range(16, PARTS), *range(PARTS + 100, PARTS + 160)]  # the same, and the first five of the wide counters


@given(st.data())
def test_counting_at_once_notices_every_change_of_layout(data: st.DataObject) -> None:
    """As above. Where the counters are is learnt from the first message: that may be the changed one."""
    changed = bytearray(golden.BUSY_SERVER)
    for at in data.draw(st.lists(st.sampled_from(COUNTED), min_size=1, max_size=3)):
        changed[at] = data.draw(st.integers(0, 255))
    both = data.draw(st.sampled_from([golden.BUSY_SERVER + changed, changed + golden.BUSY_SERVER]))
    reader = CountingReader(ServerMemory())
    if not reader.bulk(memoryview(bytes(both))):
        assert reader.rows == reader.counts == []
        return
    found = [decode.counted_server(body) for body in bodies(bytes(both))]
    assert [(*row, count) for row, (_, count) in zip(reader.rows, reader.counts, strict=True)] == found


@pytest.mark.parametrize("padded", [True, False])
def test_counters_are_found_whether_the_kernel_pads_them_or_not(padded: bool) -> None:
    padding = wire.attribute(11, b"") if padded else b""
    wide = b"".join(wire.attribute(kind, struct.pack("=Q", 10**12 + kind)) + padding for kind in range(1, 11))
    plain = dumped_server(request(AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, 5, 50, 20))), (7, 8, 9))
    datagram = message(wire.attribute(2, plain[4:-124] + wire.attribute(12, wide)), sequence=4)
    reader = CountingReader(ServerMemory())
    assert reader.bulk(memoryview(datagram * 3))
    assert reader.counts == [(REAL, RealCounters(7, 8, 9, Traffic(*(10**12 + kind for kind in range(1, 6)))))] * 3


def test_other_layouts_are_left_to_the_general_parser() -> None:
    done = bytes.fromhex("14000000030002000b000000b602000000000000")
    short = message(wire.nested(2, b""), sequence=1)
    for datagram in (golden.SHOP_SERVERS + done, golden.SHOP_SERVERS[:-4], short, golden.SERVICES, done):
        for reader in (ServerReader(ServerMemory()), CountingReader(ServerMemory())):
            assert not reader.bulk(memoryview(datagram))
            assert reader.rows == []


@pytest.mark.parametrize(
    "op",
    [
        AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, -1)),
        AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, 2**32)),
        AddServer(KEY, REAL, RealAttrs(Forward.ROUTE, 1, upper=-1)),
        AddServer(KEY, REAL, RealAttrs(Forward.TUNNEL, 1, tunnel=Tunnel(TunnelType.GUE, 65536))),
        AddServer(KEY, RealKey(REAL.address, -1), RealAttrs(Forward.ROUTE, 1)),
        AddService(KEY, ServiceAttrs("rr", persistence=-1)),
        AddService(KEY, ServiceAttrs("rr", persistence=1, persistence_prefix=33)),
        AddService(MarkKey(Family.INET, 2**32), ServiceAttrs("rr")),
    ],
)
def test_numbers_without_bytes_are_told_before_anything_is_sent(op: Op) -> None:
    with pytest.raises(encode.NO_BYTES):
        encode.operation(op)
