"""How long new connections are refused while a service changes its scheduler; prints what `SWITCH_MOMENT` says.

A child floods a one-packet UDP service, so that every datagram is a new connection, while the scheduler is switched to
and fro. Printed are the time that the order took, which bounds the moment, and the longest time from one datagram that
went through to the next. What the moment consists of is a grace period of RCU: on one CPU, as in user-mode-linux,
there is next to none; on a kernel with two CPUs or more it takes some ticks of its clock.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import statistics
import subprocess
import time
from ipaddress import ip_address
from multiprocessing.connection import Connection

from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    EditService,
    Forward,
    Protocol,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
)
from tests.lab import here

SWITCHES = 100
PAUSE = 0.02  # seconds between two, so that what one refused is not taken for the next
VIP, PORT = "127.0.1.1", 4000
KEY = AddressKey(ip_address(VIP), PORT, Protocol.UDP)


def main() -> None:
    if not here.IN_LAB:
        raise SystemExit(
            "changes the table of this network namespace: python -m tests.lab -- python -m tests.bench.switch"
        )
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    asyncio.run(measure())


async def measure() -> None:
    ipvs = NetlinkIpvs()
    other = "hprio" if await ipvs.has_scheduler("hprio") else "fo"
    await ipvs.apply(
        [AddService(KEY, attrs("rr")), *(AddServer(KEY, real(n), RealAttrs(Forward.ROUTE, 1)) for n in (1, 2))]
    )
    mine, theirs = multiprocessing.Pipe()
    flood = multiprocessing.Process(target=pour, args=(theirs,))
    flood.start()
    assert mine.recv() == "flowing"
    orders = []
    for number in range(SWITCHES):
        await asyncio.sleep(PAUSE)
        began = time.perf_counter()
        [refusal] = await ipvs.apply([EditService(KEY, attrs((other, "rr")[number % 2]))])
        orders.append(time.perf_counter() - began)
        assert refusal is None
    mine.send("stop")
    sent, refused, gaps = mine.recv()
    flood.join()
    await ipvs.close()
    report(other, orders, sent, refused, gaps)


def attrs(scheduler: str) -> ServiceAttrs:
    return ServiceAttrs(scheduler, ServiceFlag.ONE_PACKET)


def real(number: int) -> RealKey:
    """An address of this host: what listens on VIP answers for it."""
    return RealKey(ip_address(f"127.77.0.{number}"), PORT)


def pour(control: Connection) -> None:
    """Send datagrams as fast as can be until told to stop; answers how many went, how many did not, and the gaps."""
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind((VIP, PORT))
    source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    source.connect((VIP, PORT))
    control.send("flowing")
    sent = refused = 0
    gaps: list[float] = []
    last, broken = time.perf_counter(), False
    while not control.poll():
        for _ in range(1000):
            try:
                source.send(b"x")
            except (ConnectionRefusedError, PermissionError):
                refused += 1
                broken = True
                continue
            now = time.perf_counter()
            sent += 1
            if broken:
                gaps.append(now - last)
            last, broken = now, False
    control.send((sent, refused, gaps))


def report(other: str, orders: list[float], sent: int, refused: int, gaps: list[float]) -> None:
    def ms(seconds: float) -> str:
        return f"{seconds * 1000:.1f} ms"

    print(f"{SWITCHES} switches rr <-> {other} on {os.cpu_count()} CPU, Linux {os.uname().release}")
    print(f"the order took: median {ms(statistics.median(orders))}, longest {ms(max(orders))}")
    print(f"datagrams: {sent} went through, {refused} were refused, in {len(gaps)} gaps")
    if gaps:
        print(f"nothing went through for: median {ms(statistics.median(gaps))}, longest {ms(max(gaps))}")


if __name__ == "__main__":
    main()
