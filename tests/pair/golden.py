"""What keepalived 2.2.7 (Debian 12) put on the wire, as a packet socket at the other end of a veth saw it.

virtual_router_id 51, priority 150; `advert` is its first, `farewell` what it sent when it was terminated. IP header and
payload apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from lvsctl.model import Instance, Secret
from tests.pair.making import OURS, OURS6, THEIRS, THEIRS6, V2, V3, V6, me


@dataclass(frozen=True)
class Golden:
    name: str
    receiver: Instance  # who is configured like the sender
    header: str
    advert: str
    farewell: str


GOLDEN = [
    Golden(
        "version 2",
        me(V2),
        "45c0002c00010000ff70188dc0000201e0000012",
        "213396020001c3fec0000264c00002650000000000000000",
        "21330002000159ffc0000264c00002650000000000000000",
    ),
    Golden(
        "version 2 with a password",
        me(V2, addresses=V2.addresses[:1], password=Secret("s3cret")),
        "45c0002800010000ff701891c0000201e0000012",
        "213396010101494bc00002647333637265740000",
        "213300010101df4bc00002647333637265740000",
    ),
    Golden(
        "version 2, unicast",
        me(V2, addresses=V2.addresses[:1], source=OURS, peers=(THEIRS,)),
        "45c0002800010000ff7036a1c0000201c0000202",
        "2133960100018665c00002640000000000000000",
        "2133000100011c66c00002640000000000000000",
    ),
    Golden(
        "version 3",
        me(V3, interval=0.1),
        "45c0002400010000ff701895c0000201e0000012",
        "31339602000a1161c0000264c0000265",
        "31330002000aa761c0000264c0000265",
    ),
    Golden(
        "version 3, unicast",
        me(V3, addresses=V3.addresses[:1], interval=0.25, source=OURS, peers=(THEIRS,)),
        "45c0002000010000ff7036a9c0000201c0000202",
        "313396010019f1ccc0000264",
        "31330001001987cdc0000264",
    ),
    Golden(
        "version 3, IPv6",
        me(V6, interval=0.1),
        "6c02ddab002870fffe80000000000000dc35fefffea2889aff020000000000000000000000000012",
        "31339602000aa9e4fe80000000000000000000000000010020010db8000000000000000000000100",
        "31330002000a3fe5fe80000000000000000000000000010020010db8000000000000000000000100",
    ),
    Golden(
        "version 3, IPv6, unicast: it sends with a hop limit of 64",
        me(V6, source=OURS6, peers=(THEIRS6,), least_hops=64),
        "6c04e7ca0028704020010db800000000000000000000000120010db8000000000000000000000002",
        "313396020064ae1efe80000000000000000000000000010020010db8000000000000000000000100",
        "313300020064441ffe80000000000000000000000000010020010db8000000000000000000000100",
    ),
]
