"""What a flood of adverts costs: datagrams a second through codec and machine, beside a loop that only unpacks them.

    .venv/bin/python -m tests.bench.vrrp

The kernel's part, a system call for each datagram, is not in these figures. The fastest of several rounds counts.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from lvsctl.model import Secret
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.packet import Advert, Codec
from lvsctl.pair.state import Heard, Start, TakeOver
from lvsctl.pair.vrrp import initial, step
from tests.pair.making import OURS, THEIRS, me

COUNT, ROUNDS = 20_000, 7
WHOLE = Codec(me(source=THEIRS)).encode(90) * COUNT
_HEADER = struct.Struct("!BBBBHH")


def unpack(datagrams: Sequence[Datagram]) -> None:
    for datagram in datagrams:
        _HEADER.unpack_from(datagram.payload)


def rates(work: Callable[[Sequence[Datagram]], None], datagrams: Sequence[Datagram]) -> tuple[float, float]:
    """Datagrams a second, and as a share of what `unpack` does with as many in the same run."""
    best = [
        min(taken)
        for taken in zip(*((seconds(work, datagrams), seconds(unpack, WHOLE)) for _ in range(ROUNDS)), strict=True)
    ]
    return COUNT / best[0], best[1] / best[0]


def seconds(work: Callable[[Sequence[Datagram]], None], datagrams: Sequence[Datagram]) -> float:
    start = time.perf_counter()
    work(datagrams)
    return time.perf_counter() - start


def listen(codec: Codec, *, active: bool) -> Callable[[Sequence[Datagram]], None]:
    """Decode, and step the machine with what is an advert: all in one moment, as a flood comes."""
    ours = me(preempt=False)

    def work(datagrams: Sequence[Datagram]) -> None:
        state, _ = step(ours, initial(ours), Start(), 0.0)
        if active:
            state, _ = step(ours, state, TakeOver(), 0.0)
        for datagram in datagrams:
            found = codec.decode(datagram)
            if isinstance(found, Advert):
                state, _ = step(ours, state, Heard(found), 1.0)

    return work


def main() -> None:
    codec, sealed = Codec(me()), Codec(me(peers=(THEIRS,), keys=(Secret("key"),)))
    good = WHOLE[0]
    [ours] = Codec(me(source=THEIRS, peers=(OURS,), keys=(Secret("key"),))).encode(90, 1)
    forged = replace(ours, payload=ours.payload[:-1] + bytes([ours.payload[-1] ^ 1]))
    wrong = replace(good, payload=good.payload[:2] + b"\xfe" + good.payload[3:])
    noise = random.Random(1)
    floods: dict[str, tuple[Codec, Sequence[Datagram]]] = {
        "random bytes": (codec, [replace(good, payload=noise.randbytes(noise.randrange(64))) for _ in range(COUNT)]),
        "forwarded (TTL 254)": (codec, [replace(good, hops=254)] * COUNT),
        "truncated": (codec, [replace(good, payload=good.payload[:-1])] * COUNT),
        "wrong checksum": (codec, [wrong] * COUNT),
        "wrong seal": (sealed, [forged] * COUNT),
        "valid, heard by the standby": (codec, WHOLE),
    }
    print("datagrams a second on one core, and as a share of a loop that only unpacks them; version 3, IPv4")
    for name, (decoder, datagrams) in floods.items():
        report(name, listen(decoder, active=False), datagrams)
    report("valid, heard by the active", listen(codec, active=True), WHOLE)


def report(name: str, work: Callable[[Sequence[Datagram]], None], datagrams: Sequence[Datagram]) -> None:
    rate, share = rates(work, datagrams)
    print(f"  {name:<30}{rate:>12,.0f}{share:>8.3f}")


if __name__ == "__main__":
    main()
