"""Whatever conf.d accepts, the speaker can say: an instance of any kind is refused, or its adverts can be made."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.errors import ConfigError
from lvsctl.model import Family, Instance
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.packet import Advert, Codec
from tests.config.loading import loaded

SERVICE = "services: {shop: {address: 192.0.2.20:80, servers: [10.0.0.1], check: {tcp: {}}}}"
PARTS = {
    4: {"addresses": ["192.0.2.20", "192.0.2.21/24", "192.0.2.22"], "routers": ["192.0.2.2", "192.0.2.3"]},
    6: {"addresses": ["fe80::51/64", "2001:db8::20/64", "2001:db8::21"], "routers": ["fe80::2", "fe80::3"]},
}
INTERVALS = {2: ["1s", "255s"], 3: ["10ms", "290ms", "1s", "40s950ms"]}
ODD: dict[str, list[Any]] = {
    "vrid": [0, 256],
    "addresses": [["192.0.2.20", "fe80::51"], ["2001:db8::20"], ["192.0.2.0/24"]],
    "priority": [0, 255, 256],
    "interval": ["9ms", "15ms", "40s960ms", "256s"],
    "version": [2, 3, 4],
    "source": ["192.0.2.20", "fe80::51"],
    "peers": [["192.0.2.2"], ["fe80::2"], ["fe80::3", "fe80::3"]],
    "least_hops": [0, 64, 256],
    "checksum": ["keepalived", "rfc9568"],
    "password": ["x", "123456789", "ä2345678"],
    "keys": ["0123456789abcdef", "short"],
}


@st.composite
def instance(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly as it should be; one thing in it may be odd."""
    family = draw(st.sampled_from([4, 6]))
    version = draw(st.sampled_from([2, 3])) if family == 4 else 3
    first, *others = PARTS[family]["addresses"]
    ours, theirs = PARTS[family]["routers"]
    made: dict[str, Any] = {
        "interface": draw(st.sampled_from(["eth0", "eth1"])),
        "vrid": draw(st.integers(1, 255)),
        "version": version,
        "interval": draw(st.sampled_from(INTERVALS[version])),
        "priority": draw(st.integers(1, 254)),
        "addresses": [first, *others[: draw(st.integers(0, 2))]],
    }
    if draw(st.booleans()):
        made["source"] = ours
    if draw(st.booleans()):
        made |= {"peers": [theirs], "least_hops": 64, "keys": "0123456789abcdef"}
    if version == 2 and draw(st.booleans()):
        made["password"] = "12345678"
    if draw(st.booleans()):
        odd = draw(st.sampled_from(sorted(ODD)))
        made[odd] = draw(st.sampled_from(ODD[odd]))
    return made


@settings(max_examples=300)
@given(instances=st.dictionaries(st.sampled_from(["a", "b"]), instance(), min_size=1))
def test_what_is_accepted_can_be_said_and_heard(instances: dict[str, object]) -> None:
    try:
        pair = loaded(SERVICE, json.dumps({"pair": {"instances": instances}})).spec.pair
    except ConfigError:
        return
    assert pair is not None
    for one in pair.instances:
        understood_by_its_peer(one)
    assert len({(one.interface, one.family, one.vrid) for one in pair.instances}) == len(pair.instances)
    moving = [address.ip for one in pair.instances for address in one.addresses if not address.is_link_local]
    assert len(set(moving)) == len(moving)


def understood_by_its_peer(one: Instance) -> None:
    """Its advert says what is configured: the interval as it is, all addresses."""
    six = one.family is Family.INET6
    source = one.source or (IPv6Address("fe80::aa") if six else IPv4Address("192.0.2.170"))
    me = replace(one, source=source)
    there = me.peers[0] if me.peers else IPv6Address("fe80::bb") if six else IPv4Address("192.0.2.171")
    other = replace(me, source=there, peers=(source,) if me.peers else ())
    for datagram in Codec(me).encode(one.priority, number=1)[:1]:
        assert isinstance(datagram, Datagram)
        heard = Codec(other).decode(datagram)
        assert isinstance(heard, Advert)
        assert (heard.source, heard.priority, heard.oddities) == (source, one.priority, ())
        assert abs(heard.interval - one.interval) < 1e-9
