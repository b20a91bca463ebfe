"""Floods of forged, truncated and random datagrams: all are counted, and no virtual router moves."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from lvsctl.model import Instance, Secret
from lvsctl.pair import group
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.packet import Advert, Codec, Refused
from lvsctl.pair.state import Heard, Start, TakeOver
from tests.pair.making import OURS, THEIRS, V2, V3, V6, me

COUNT = 5000
SEALED = me(V3, peers=(THEIRS,), keys=(Secret("key"),))


def forged(chance: random.Random, ours: Instance) -> Datagram:
    """Somebody's try at the highest priority, without the right checksum, hops, router or key."""
    their = THEIRS if ours.source.version == 4 else ours.source + 1
    stranger = replace(
        ours, source=their, peers=(OURS,) if ours.peers else (), keys=(Secret("guess"),) * len(ours.keys)
    )
    [good] = Codec(stranger).encode(254, 1)
    payload = bytearray(good.payload)
    match chance.randrange(5):
        case 0:
            payload[chance.randrange(2, len(payload))] ^= 1 << chance.randrange(8)
        case 1:
            del payload[chance.randrange(len(payload)) :]
        case 2:
            payload = bytearray(chance.randbytes(chance.randrange(1500)))
        case 3:
            payload += chance.randbytes(chance.randrange(1, 40))
        case 4:
            return replace(good, hops=chance.randrange(255))
    return replace(good, payload=bytes(payload))


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("ours", [V2, V3, V6, SEALED], ids=["version 2", "version 3", "IPv6", "sealed"])
def test_flood(ours: Instance, active: bool) -> None:
    chance, codec, refused = random.Random(1), Codec(ours), Counter[Refused]()
    before, _ = group.step([ours], group.initial([ours]), Start(), 0.0)
    if active:
        before, _ = group.step([ours], before, TakeOver(), 0.0)
    states = before
    for _ in range(COUNT):
        found = codec.decode(forged(chance, ours))
        if isinstance(found, Advert):
            states, _ = group.step([ours], states, Heard(found), 1.0, at=0)
        else:
            refused[found] += 1
    assert states == before
    assert refused.total() == COUNT
    assert set(refused) >= {Refused.HOPS, Refused.LENGTH, Refused.VERSION, Refused.CHECKSUM}
