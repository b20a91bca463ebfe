"""As many forged adverts as can be sent in so many seconds, from here: `python -m tests.pair.flooding 2`.

Where time travels it stands still while they are sent: there another argument says how many a second there are to be.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import time
from dataclasses import replace

from lvsctl.pair.datagram import PROTOCOL, Datagram
from lvsctl.pair.packet import Codec
from tests.pair.making import THEIRS, V3, me
from tests.pair.test_flood import forged


def datagrams() -> list[Datagram]:
    """Forged ones of all kinds, and as many whose checksum alone is wrong."""
    chance = random.Random(1)
    [good] = Codec(me(V3, source=THEIRS)).encode(254)
    wrong = replace(good, payload=good.payload[:6] + b"\0\0" + good.payload[8:])
    return [forged(chance, me(V3)) for _ in range(500)] + [wrong] * 500


PAUSE = 0.001


def main(seconds: float, rate: float = 0.0) -> None:
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, PROTOCOL)
    index = socket.if_nametoindex("eth0")
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", bytes(4), bytes(4), index))
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    group, sent = ("224.0.0.18", 0), 0
    by_hops = sorted(datagrams(), key=lambda datagram: datagram.hops)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for datagram in by_hops:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, max(1, datagram.hops))
            sender.sendto(datagram.payload, group)
            sent += 1
            if rate and sent % max(1, round(rate * PAUSE)) == 0:
                time.sleep(PAUSE)
    print(f"{sent / seconds:.0f} forged adverts a second")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
