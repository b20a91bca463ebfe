"""`status -o ipvsadm` against what Debian's ipvsadm 1.31 was seen to print, and against the program itself."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.cli.show_ipvsadm import listing, render
from lvsctl.model import (
    MAX_WEIGHT,
    AddressKey,
    AddServer,
    AddService,
    Family,
    Forward,
    MarkKey,
    Op,
    Protocol,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
)
from tests.cli.document import entry, key, mark, real

HEAD = """\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
"""


def rows(*table: dict[str, Any]) -> list[str]:
    return render(list(table), version="1.2.1", size=4096).removeprefix(HEAD).splitlines()


def test_an_empty_table_is_three_lines() -> None:
    assert render([], version="1.2.1", size=4096) == HEAD


def test_the_seeds_listing() -> None:
    table = entry(
        key("112.2.13.20"),
        *(real(f"112.2.13.{last}", forward="route", weight=5, active=50, inactive=7) for last in (21, 22, 23)),
        real("112.2.13.13", forward="route"),
        scheduler="hprio",
        persistence=150,
    )
    assert "\n".join(rows(table)) == (
        "TCP  112.2.13.20:80 hprio persistent 150\n"
        "  -> 112.2.13.13:80               Route   1      0          0         \n"
        "  -> 112.2.13.21:80               Route   5      50         7         \n"
        "  -> 112.2.13.22:80               Route   5      50         7         \n"
        "  -> 112.2.13.23:80               Route   5      50         7         "
    )


@pytest.mark.parametrize(
    ("line", "service"),
    [
        ("TCP  192.0.2.1:80 sh (sh-fallback,sh-port)", entry(key("192.0.2.1"), scheduler="sh", flags=0x18)),
        ("TCP  192.0.2.1:80 mh (mh-port)", entry(key("192.0.2.1"), scheduler="mh", flags=0x10)),
        ("TCP  192.0.2.1:80 rr (flag-1,flag-3)", entry(key("192.0.2.1"), flags=0x28)),
        ("TCP  192.0.2.1:80 sh ()", entry(key("192.0.2.1"), scheduler="sh", flags=0x20)),
        ("UDP  192.0.2.1:80 rr ops", entry(key("192.0.2.1", protocol="udp"), flags=0x4)),
        ("SCTP 192.0.2.1:80 rr", entry(key("192.0.2.1", protocol="sctp"))),
        (
            "UDP  192.0.2.1:80 sh (sh-port) persistent 150 mask 255.255.0.0 pe sip",
            entry(
                key("192.0.2.1", protocol="udp"),
                scheduler="sh",
                flags=0x10,
                persistence=150,
                persistence_prefix=16,
                persistence_engine="sip",
            ),
        ),
        ("TCP  192.0.2.10:0 rr persistent 360", entry(key("192.0.2.10", 0), persistence=360)),
        (
            "TCP  [2001:db8::1]:80 rr persistent 100 mask 64",
            entry(key("2001:db8::1"), persistence=100, persistence_prefix=64),
        ),
        ("TCP  [2001:db8::1]:80 rr persistent 100", entry(key("2001:db8::1"), persistence=100)),
        ("FWM  20 rr", entry(mark(20))),
        ("FWM  5 IPv6 rr persistent 10 mask 48", entry(mark(5, "inet6"), persistence=10, persistence_prefix=48)),
        ("FWM  -1 rr", entry(mark(2**32 - 1))),
    ],
)
def test_a_service(line: str, service: dict[str, Any]) -> None:
    assert rows(service) == [line]


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("10.0.0.2:80                  Tunnel  2147483647 0          0         ", {"weight": MAX_WEIGHT}),
        ("[::1.2.3.4]:80               Tunnel  1      0          0         ", {"address": "::102:304"}),
        ("[2001:db8:0:1:1:1:1:1]:80    Tunnel  1      0          0         ", {"address": "2001:db8:0:1:1:1:1:1"}),
        (
            "[2001:db8:1111:2222:3333:4444:5555:6666]:80 Tunnel  1      0          0         ",
            {"address": "2001:db8:1111:2222:3333:4444:5555:6666"},
        ),
        ("10.0.0.2:80                  Local   1      0          0         ", {"forward": "local"}),
        (
            "10.0.0.2:80                  Tunnel  0      12         3         ",
            {"weight": 0, "active": 12, "inactive": 3},
        ),
    ],
)
def test_a_server(line: str, server: dict[str, Any]) -> None:
    shown = rows(entry(mark(1), {**real("10.0.0.2", forward="tunnel"), **server}))
    assert shown == ["FWM  1 rr", f"  -> {line}"]


@pytest.mark.parametrize(
    ("added", "shown"),
    [
        # as ipvsadm was seen to print them: the difference of two addresses is taken for a signed number
        ("10 192", "192 10"),
        ("10 100 192", "192 10 100"),
        ("192 100 10", "10 100 192"),
        ("100 10 192", "192 10 100"),
        ("192 10 100", "100 192 10"),
        ("1 70 140 210 223 50 100", "100 140 210 223 1 50 70"),
    ],
)
def test_servers_in_ipvsadms_order(added: str, shown: str) -> None:
    servers = [real(f"{first}.0.0.1") for first in added.split()]
    assert [line.split()[1] for line in rows(entry(mark(1), *servers))[1:]] == [f"{a}.0.0.1:80" for a in shown.split()]


def test_servers_of_both_families_in_ipvsadms_order() -> None:
    v6 = real("2001:db8::5")
    for port, first in ((70, "32.1.13.184:70"), (90, "[2001:db8::5]:80")):
        shown = rows(entry(mark(2), v6, real("32.1.13.184", port)))
        assert shown[1].split()[1] == first, port


def test_services_by_mark_family_protocol_address_and_port() -> None:
    ordered = [
        entry(mark(2**32 - 1)),
        entry(key("10.0.0.1", 80)),
        entry(key("10.0.0.1", 40000)),
        entry(key("10.0.0.2", 80)),
        entry(key("10.0.0.1", 80, "udp")),
        entry(key("10.0.0.1", 80, "sctp")),
        entry(key("2001:db8::1", 80)),
        entry(key("2001:db8::1", 80, "udp")),
        entry(mark(5, "inet6")),
        entry(mark(20)),
        entry(mark(20, "inet6")),
    ]
    expected = [rows(service)[0] for service in ordered]
    assert rows(*ordered[::-1]) == expected
    assert all(rows(*few) == [rows(service)[0] for service in ordered[:4]] for few in permutations(ordered[:4]))


# --- against the program itself -----------------------------------------------------------------------------------

V4 = ["10.0.0.1", "10.0.0.9", "10.0.0.10", "100.64.0.1", "172.16.5.5", "192.0.2.77", "203.0.113.254", "1.2.3.4"]
V6 = [
    "2001:db8::1",
    "2001:db8::ffff:1",
    "2001:db8::9000:1",
    "2001:db8:9000::1",
    "2001:db8:1111:2222:3333:4444:5555:6666",
    "fd00::1",
    "2001:db8:0:1:1:1:1:1",
    "2001:0:0:1::1",
    "::1.2.3.4",
]
PORTS = st.sampled_from([1, 80, 443, 32768, 65535])
SCHEDULERS = st.sampled_from(["rr", "wrr", "lc", "wlc", "sh", "mh", "fo", "dh", "sed", "nq"])


@st.composite
def service_keys(draw: st.DrawFn) -> ServiceKey:
    if draw(st.booleans()):
        address = ip_address(draw(st.sampled_from([*V4, *V6])))
        return AddressKey(address, draw(PORTS), draw(st.sampled_from(Protocol)))
    number = draw(st.sampled_from([1, 2, 20, 2**31 - 1, 2**31, 3_000_000_000, 2**32 - 1]))
    return MarkKey(draw(st.sampled_from(Family)), number)


@st.composite
def operations(draw: st.DrawFn) -> list[Op]:
    ops: list[Op] = []
    for service in draw(st.lists(service_keys(), unique=True, max_size=9)):
        full = 128 if service.family is Family.INET6 else 32
        seconds = draw(st.sampled_from([0, 0, 1, 150, 86400]))
        attrs = ServiceAttrs(
            draw(SCHEDULERS),
            ServiceFlag(draw(st.sampled_from([0, 0x4, 0x8, 0x10, 0x18, 0x20, 0x3C]))),
            seconds,
            draw(st.integers(1, full)) if seconds and draw(st.booleans()) else full,
            "sip" if seconds and draw(st.booleans()) else "",
        )
        ops.append(AddService(service, attrs))
        ops += draw(st.lists(servers_of(service), max_size=8))
    return ops


def servers_of(service: ServiceKey) -> st.SearchStrategy[Op]:
    own = V6 if service.family is Family.INET6 else V4

    def op(address: str, port: int, forward: Forward, weight: int, threshold: int) -> Op:
        at = ip_address(address)
        assert isinstance(at, IPv4Address | IPv6Address)
        way = forward if address in own else Forward.TUNNEL
        return AddServer(service, RealKey(at, port), RealAttrs(way, weight, threshold, threshold // 2))

    return st.builds(
        op,
        st.sampled_from([*own, *V4, *V6]),
        PORTS,
        st.sampled_from([Forward.MASQUERADE, Forward.ROUTE, Forward.TUNNEL]),
        st.sampled_from([0, 1, 5, 100_000, MAX_WEIGHT]),
        st.sampled_from([0, 2, 50]),
    )


def ipvsadm(*arguments: str) -> str:
    return subprocess.run(["ipvsadm", *arguments], check=True, capture_output=True, text=True).stdout


def found() -> tuple[list[dict[str, Any]], str, int]:
    """The table as the daemon's status document has it."""
    from lvsctl.daemon.status import _entry
    from lvsctl.kernel.netlink import NetlinkIpvs

    async def read() -> tuple[list[dict[str, Any]], str, int]:
        ipvs = NetlinkIpvs()
        try:
            seen, info = await ipvs.look(), await ipvs.info()
        finally:
            await ipvs.close()
        return [_entry(key, at, seen.counters) for key, at in seen.table.items()], info.version, info.table_size

    return asyncio.run(read())


def write(ops: list[Op]) -> None:
    from lvsctl.kernel.netlink import NetlinkIpvs

    async def apply() -> None:
        ipvs = NetlinkIpvs()
        try:
            await ipvs.apply(ops)  # what the kernel refuses is not in the table then, for either program
        finally:
            await ipvs.close()

    asyncio.run(apply())


def selector(service: dict[str, Any]) -> list[str]:
    key = service["key"]
    if key["kind"] == "mark":
        return ["-f", str(key["mark"]), *(["-6"] if key["family"] == "inet6" else [])]
    option = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}[key["protocol"]]
    address = f"[{key['address']}]" if ":" in key["address"] else key["address"]
    return [option, f"{address}:{key['port']}"]


@pytest.mark.kernel
def test_byte_for_byte_over_generated_tables(netns: None) -> None:
    largest = 0

    @settings(max_examples=60)
    @given(operations())
    def compare(ops: list[Op]) -> None:
        nonlocal largest
        subprocess.run(["ipvsadm", "-C"], check=True)
        write(ops)
        table, version, size = found()
        largest = max(largest, sum(len(service["servers"]) for service in table))
        assert render(table, version=version, size=size) == ipvsadm("-L", "-n")

    compare()
    assert largest > 10


@pytest.mark.kernel
def test_byte_for_byte_for_one_service(netns: None) -> None:
    first = AddressKey(IPv6Address("2001:db8::1"), 80, Protocol.TCP)
    for service in (first, AddressKey(IPv4Address("192.0.2.1"), 53, Protocol.UDP), MarkKey(Family.INET6, 7)):
        write([AddService(service, ServiceAttrs("rr", persistence_prefix=128 if service.family == "inet6" else 32))])
    write([AddServer(first, RealKey(first.address, port), RealAttrs(Forward.MASQUERADE, 1)) for port in (3, 1, 2)])
    table, _, _ = found()
    assert len(table) == 3
    for service in table:
        assert listing([service]) == ipvsadm("-L", "-n", *selector(service))


@pytest.fixture
def held_connection(netns: None) -> Iterator[None]:
    """One connection, established through a service on an address of this host."""
    subprocess.run(["ip", "address", "add", "10.9.9.1/32", "dev", "lo"], check=True)
    service = AddressKey(IPv4Address("10.9.9.1"), 80, Protocol.TCP)
    attrs = RealAttrs(Forward.ROUTE, 1)
    write([AddService(service, ServiceAttrs("rr")), AddServer(service, RealKey(service.address, 80), attrs)])
    with socket.create_server(("10.9.9.1", 80)) as listener, socket.create_connection(("10.9.9.1", 80)):
        connection, _ = listener.accept()
        with connection:
            yield


@pytest.mark.kernel
def test_byte_for_byte_with_a_connection(held_connection: None) -> None:
    table, version, size = found()
    shown = ipvsadm("-L", "-n")
    assert shown.splitlines()[-1].split()[-2:] == ["1", "0"]
    assert render(table, version=version, size=size) == shown
