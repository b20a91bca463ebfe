"""Ports: one contract for the kernel's sockets and for what stands in for them, and what the kernel's need."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from lvsctl.errors import LvsctlError
from lvsctl.model import Instance
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.filter import Wanted
from lvsctl.pair.packet import Advert, Codec
from lvsctl.pair.port import Port
from tests.e2e.netns import inside
from tests.kernel.privileges import CAP_NET_RAW, run_as
from tests.pair.linked import Link
from tests.pair.making import OURS, THEIRS, V2, V3, V6, ip_address, me
from tests.pair.wire import cable, hosts

NOBODY = 65534
Make: TypeAlias = Callable[[Instance], Any]
"""A port for an instance, on the first host and on the second one."""

PAIRS = {
    "IPv4": (me(V3), me(V3, source=THEIRS)),
    "version 2": (me(V2), me(V2, source=THEIRS)),
    "unicast": (me(V3, peers=(THEIRS,)), me(V3, source=THEIRS, peers=(OURS,))),
    "IPv6": (me(V6), me(V6, source=ip_address("fe80::1"))),
}


@pytest.fixture(params=["memory", pytest.param("kernel", marks=pytest.mark.kernel)])
def make(request: pytest.FixtureRequest) -> Iterator[tuple[Make, Make]]:
    if request.param == "memory":
        link = Link()
        yield (lambda me: link.port("eth0", 2, [me]),) * 2
        return

    def on(host: str) -> Make:
        def port(me: Instance) -> Port:
            with inside(host):
                return Port("eth0", socket.if_nametoindex("eth0"), [me])

        return port

    with cable():
        first, second = hosts()
        yield on(first), on(second)


def arrived(port: Any, wanted: Wanted) -> None:
    """Unicast waits for the other's MAC address first."""
    assert select.select([port.queues[wanted]], [], [], 10)[0]


def taken(port: Any, wanted: Wanted) -> Datagram:
    """The next one; it may be on its way."""
    arrived(port, wanted)
    [datagram] = port.take(wanted, 1)
    return datagram  # type: ignore[no-any-return]


def test_contract(make: tuple[Make, Make]) -> None:
    on_theirs, on_ours = make
    for form, (one, other) in PAIRS.items():
        with closing(on_theirs(other)) as their, closing(on_ours(one)) as our:
            [sent] = Codec(other).encode(120)
            [odd] = Codec(me(other, addresses=other.addresses[:1])).encode(120)
            [elsewhere] = Codec(me(other, vrid=52)).encode(120)
            for datagram in (sent, odd, elsewhere):
                assert their.send(datagram) == 0
            assert taken(our, Wanted.EXPECTED) == sent, form
            assert taken(our, Wanted.REST) == odd, form
            assert [*our.take(Wanted.EXPECTED, 10)] == [*our.take(Wanted.REST, 10)] == []
            assert all(isinstance(Codec(one).decode(datagram), Advert) for datagram in (sent, odd))
            assert [*their.take(Wanted.EXPECTED, 10)] == [*their.take(Wanted.REST, 10)] == [], "its own"
            for _ in range(4):
                their.send(sent)
            their.send(odd)
            assert taken(our, Wanted.REST) == odd, "the last; all are there"
            assert taken(our, Wanted.EXPECTED) == sent
            assert [len([*our.take(Wanted.EXPECTED, 2)]) for _ in range(3)] == [2, 1, 0], "at most so many"


def test_other_instances_take_over_what_waits(make: tuple[Make, Make]) -> None:
    on_theirs, on_ours = make
    one, other = PAIRS["unicast"]
    everybody = me(V3, vrid=52, name="everybody")
    with closing(on_theirs(other)) as their, closing(on_ours(one)) as our:
        [before] = Codec(other).encode(120)
        [after] = Codec(replace(everybody, source=THEIRS)).encode(120)
        their.send(before)
        arrived(our, Wanted.EXPECTED)
        our.serve([everybody])
        for datagram in (before, after):
            their.send(datagram)
        assert [taken(our, Wanted.EXPECTED), taken(our, Wanted.EXPECTED)] == [before, after]
        our.serve([one])
        our.serve([everybody, one])
        for datagram in (before, after):
            their.send(datagram)
        assert [taken(our, Wanted.EXPECTED), taken(our, Wanted.EXPECTED)] == [before, after]
        assert our.instances == (everybody, one)


def test_what_there_is_no_room_for_is_counted(make: tuple[Make, Make]) -> None:
    on_theirs, on_ours = make
    one, other = PAIRS["IPv4"]
    with closing(on_theirs(other)) as their, closing(on_ours(one)) as our:
        [good] = Codec(other).encode(120)
        bad = replace(good, payload=good.payload[:6] + b"\0\0" + good.payload[8:])
        for _ in range(700):
            their.send(bad)
        their.send(good)
        assert taken(our, Wanted.EXPECTED) == good, "no forged one stands in its way"
        assert (our.lost(Wanted.EXPECTED), our.lost(Wanted.REST) > 0) == (0, True)
        # Where a queue is full, kernels since 6.2 count before they ask the filter: the good one as well.
        assert len([*our.take(Wanted.REST, 1000)]) + our.lost(Wanted.REST) in (700, 701)


@pytest.mark.kernel
def test_one_capability_is_enough() -> None:
    def speak() -> None:
        with closing(Port("eth0", socket.if_nametoindex("eth0"), [V3])) as port:
            assert [port.send(datagram) for datagram in Codec(me(V3, source=OURS)).encode(100)] == [0]

    with cable(), inside(hosts()[1]):
        run_as(NOBODY, frozenset({CAP_NET_RAW}), speak)
        with pytest.raises(LvsctlError) as refused:
            run_as(NOBODY, frozenset(), speak)
        assert str(refused.value) == (
            "cannot speak VRRP on eth0: not permitted: give lvsctl CAP_NET_RAW in this network namespace"
        )
        with pytest.raises(LvsctlError) as refused:
            Port("eth9", 99, [V3])
        assert str(refused.value) == "cannot speak VRRP on eth9: there is no interface eth9"
