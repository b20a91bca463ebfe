"""Whatever conf.d accepts, the speaker can say: an instance of any kind is refused, or its adverts can be made."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.errors import ConfigError
from lvsctl.model import Family, Instance, VrrpVersion
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.packet import Advert, Codec
from tests.config.loading import loaded

SERVICE = "services: {shop: {address: 192.0.2.20:80, servers: [10.0.0.1], check: {tcp: {}}}}"
V4 = ["192.0.2.20", "192.0.2.21/24", "192.0.2.2", "192.0.2.3"]
V6 = ["fe80::51/64", "fe80::2", "fe80::3", "2001:db8::20/64"]
ROUTERS = ["192.0.2.2", "192.0.2.3", "192.0.2.20", "fe80::2", "fe80::3"]


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3)


INSTANCE = st.fixed_dictionaries(
    {"interface": st.sampled_from(["eth0", "eth1"]), "vrid": st.integers(0, 256), "addresses": some(V4) | some(V6)},
    optional={
        "priority": st.sampled_from([0, 1, 100, 254, 255, 256]),
        "interval": st.sampled_from(["9ms", "10ms", "290ms", "1s", "40s950ms", "40s960ms", "255s", "256s"]),
        "version": st.sampled_from([2, 3]),
        "source": st.sampled_from(ROUTERS),
        "peers": some(ROUTERS),
        "least_hops": st.sampled_from([0, 1, 64, 255]),
        "preempt": st.booleans(),
        "preempt_delay": st.sampled_from(["0s", "3s"]),
        "checksum": st.sampled_from(["keepalived", "rfc9568"]),
        "password": st.sampled_from(["x", "12345678", "123456789", "ä2345678"]),
        "keys": st.sampled_from(["0123456789abcdef", "short"]),
    },
)


@settings(max_examples=300)
@given(instances=st.dictionaries(st.sampled_from(["a", "b", "c"]), INSTANCE, min_size=1))
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
        if one.version is VrrpVersion.V2:
            assert heard.interval == int(heard.interval)
