"""Speakers on a real cable: who is active after what, and who has the addresses."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from lvsctl.errors import LvsctlError
from lvsctl.model import Instance
from lvsctl.pair.filter import Wanted
from lvsctl.pair.packet import Advert, Codec
from lvsctl.pair.port import Port
from tests.e2e.netns import inside, ip
from tests.kernel.privileges import CAP_NET_RAW, run_as
from tests.pair.making import OURS, THEIRS, V3, V6, ip_address, me
from tests.pair.stage import BUSY, addresses, director, holds, waited
from tests.pair.wire import cable, hosts

pytestmark = pytest.mark.kernel

NOBODY = 65534
INTERVAL = 0.1
SKEW = (256 - 100) / 256 * INTERVAL
"""Of the weaker one."""


def group(number: int, priority: int) -> tuple[Instance, Instance]:
    """IPv4 and IPv6, which move together, on the host with this number."""
    common = {"priority": priority, "interval": INTERVAL, "group": "both"}
    return (
        me(V3, name="web4", source=ip_address(f"192.0.2.{number}"), **common),
        me(V6, name="web6", source=ip_address(f"fe80::{number}"), **common),
    )


STRONG, WEAK = group(1, 150), group(2, 100)


@pytest.fixture
def two() -> Iterator[tuple[str, str]]:
    with cable():
        yield hosts()


def test_the_active_one_is_killed_comes_back_and_hands_over(two: tuple[str, str]) -> None:
    first, second = two
    with director(second, *WEAK) as weak:
        with director(first, *STRONG) as strong:
            strong.until("web6", "active", within=4 * INTERVAL)
            weak.until("web6", "standby", within=INTERVAL)
            assert (holds(first, *STRONG), holds(second, *WEAK)) == (True, False)
            killed = strong.signal(signal.SIGKILL)
            took = {name: weak.until(name, "active", within=3 * INTERVAL + SKEW) - killed for name in ("web4", "web6")}
            print(f"killed: takeover after {max(took.values()) / INTERVAL:.2f} intervals")
            assert all(2 * INTERVAL < after < 3 * INTERVAL + SKEW + BUSY for after in took.values())
            assert holds(second, *WEAK)
        with director(first, *STRONG) as strong:  # the addresses are still where its first life left them
            strong.until("web4", "standby", within=1)
            assert not holds(first, *STRONG)
            strong.until("web4", "active", within=4 * INTERVAL)
            weak.until("web4", "standby", within=INTERVAL)
            assert (holds(first, *STRONG), holds(second, *WEAK)) == (True, False)
            stopped = strong.signal(signal.SIGTERM)
            after = weak.until("web6", "active", within=SKEW) - stopped
            print(f"stopped: takeover after {after / INTERVAL:.2f} intervals")
            assert strong.until("web6", "stopped", within=INTERVAL)
            assert (holds(first, *STRONG), holds(second, *WEAK)) == (False, True)


def test_links_and_addresses_come_and_go(two: tuple[str, str]) -> None:
    first, second = two
    with director(first, *STRONG) as strong, director(second, *WEAK) as weak:
        strong.until("web4", "active", within=4 * INTERVAL)
        weak.until("web4", "standby", within=1)
        ip("addr del 192.0.2.100/32 dev eth0", netns=first)
        waited(lambda: holds_all(first, *STRONG), BUSY, lambda: str(addresses(first)))
        ip("addr del 192.0.2.1/24 dev eth0", netns=first)
        strong.until("web6", "fault", within=0)
        weak.until("web6", "active", within=SKEW)
        assert (holds(first, *STRONG), holds(second, *WEAK)) == (False, True)
        ip("addr add 192.0.2.1/24 dev eth0", netns=first)
        strong.until("web6", "active", within=4 * INTERVAL)
        ip("link del eth0", netns=first)
        for one in (strong, weak):
            one.until("web4", "fault", within=0)
        rebuild(first, second)
        strong.until("web6", "active", within=4 * INTERVAL)
        weak.until("web6", "standby", within=1)
        assert (holds(first, *STRONG), holds(second, *WEAK)) == (True, False)


def holds_all(host: str, *instances: Instance) -> bool:
    return {str(address.ip) for one in instances for address in one.addresses} <= addresses(host)


def rebuild(first: str, second: str) -> None:
    """Another cable of the same name."""
    ip(f"link add eth0 netns {first} type veth peer name eth0 netns {second}")
    for number, name in ((1, first), (2, second)):
        lines = (f"addr add 192.0.2.{number}/24 dev eth0", f"addr add fe80::{number}/64 dev eth0 nodad")
        ip("link set eth0 addrgenmode none", "link set eth0 up", *lines, netns=name)


def test_a_flood_of_forged_adverts_moves_nobody(two: tuple[str, str]) -> None:
    first, second = two
    with director(first, *STRONG) as strong, director(second, *WEAK) as weak:
        strong.until("web4", "active", within=4 * INTERVAL)
        weak.until("web4", "standby", within=1)
        with inside(first):
            flood = subprocess.run([sys.executable, "-m", "tests.pair.flooding", "2"], capture_output=True, check=True)
        print(flood.stdout.decode())
        assert [role for _, name, role in weak.said if name == "web4"] == ["standby"]
        assert [role for _, name, role in strong.said if name == "web4"] == ["standby", "active"]
        strong.process.kill()
        lines = weak.close()
        told = [line for line in lines if line.split()[1] == "!"]
        assert 1 <= len(told) <= 20, "each kind once"
        [counts] = [line for line in lines if "# web4" in line]
        print(counts)
        assert " lost=0," in counts, "no advert was pushed out"
        assert "<Refused.CHECKSUM" in counts and "<Refused.HOPS" in counts


def test_one_capability_is_enough_for_the_sockets(two: tuple[str, str]) -> None:
    host = two[1]
    index = 0

    def speak() -> None:
        with closing(Port("eth0", index, [V3])) as port:
            assert [port.send(datagram) for datagram in Codec(me(V3, source=OURS)).encode(100)] == [0]

    with inside(host):
        index = socket.if_nametoindex("eth0")
        run_as(NOBODY, frozenset({CAP_NET_RAW}), speak)
        with pytest.raises(LvsctlError) as refused:
            run_as(NOBODY, frozenset(), speak)
        assert str(refused.value) == (
            "cannot speak VRRP on eth0: not permitted: give lvsctl CAP_NET_RAW in this network namespace"
        )
        with pytest.raises(LvsctlError) as refused:
            Port("eth9", 99, [V3])
        assert str(refused.value) == "cannot speak VRRP on eth9: there is no interface eth9"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (me(V3), me(V3, source=THEIRS)),
        (me(V3, peers=(THEIRS,)), me(V3, source=THEIRS, peers=(OURS,))),
        (me(V6), me(V6, source=ip_address("fe80::1"))),
    ],
    ids=["IPv4", "unicast", "IPv6"],
)
def test_ports_hear_one_another_and_know_where_it_came_from(
    two: tuple[str, str], one: Instance, other: Instance
) -> None:
    ports = []
    for host, instance in zip(two, (other, one), strict=True):
        with inside(host):
            ports.append(Port("eth0", socket.if_nametoindex("eth0"), [instance]))
    their, our = ports
    try:
        [sent] = Codec(other).encode(120)
        assert their.send(sent) == 0
        [odd] = Codec(me(other, addresses=other.addresses[:1])).encode(120)
        assert their.send(odd) == 0
        heard = {wanted: [*our.take(wanted, 10)] for wanted in Wanted}
        assert heard == {Wanted.EXPECTED: [sent], Wanted.REST: [odd]}
        assert all(isinstance(Codec(one).decode(datagram), Advert) for datagram in (sent, odd))
        assert [*their.take(Wanted.EXPECTED, 10)] == [*their.take(Wanted.REST, 10)] == [], "its own"
    finally:
        for port in ports:
            port.close()
