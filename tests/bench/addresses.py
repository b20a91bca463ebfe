"""What a takeover waits for: the time to put virtual addresses on an interface, our way and pyroute2's, in one run.

    .venv/bin/python -m tests.lab -- unshare --net .venv/bin/python -m tests.bench.addresses [rounds]

Both open their socket beforehand, as the daemon would. pyroute2 is asked address by address, which is what its
documentation shows, and for all at once (asyncio.gather). The sides take turns; medians are printed, the ratios of
medians, and beside them the longest time for which the loop could not turn. Last, what the imports cost.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address

from pyroute2 import AsyncIPRoute

from lvsctl.kernel.addresses import Addresses
from lvsctl.model import Effect, Vip

COUNTS = (1, 200)
Side = Callable[[list[str]], Awaitable[None]]


async def main(rounds: int) -> None:
    for command in ("link add eth0 type dummy", "link set eth0 up"):
        subprocess.run(["ip", *command.split()], check=True)
    ours, theirs = Addresses(), AsyncIPRoute()
    await theirs.setup_endpoint()
    interface = await ours.look("eth0")
    assert interface is not None
    for count in COUNTS:
        addresses = [str(IPv4Address("198.18.0.1") + number) for number in range(count)]
        took: dict[str, list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for name, side in sides(ours, theirs, interface.index).items():
                took.setdefault(name, []).append(await timed(side, addresses))
                await ours.remove([Vip(IPv4Address(address), "eth0") for address in addresses])
        show(count, took)
    theirs.close()
    await ours.close()


def sides(ours: Addresses, theirs: AsyncIPRoute, index: int) -> dict[str, Side]:
    async def add_ours(addresses: list[str]) -> None:
        answers = await ours.add([Vip(IPv4Address(address), "eth0") for address in addresses])
        assert set(answers) == {Effect.CHANGED}

    async def add_theirs(addresses: list[str]) -> None:
        for address in addresses:
            await theirs.addr("add", index=index, address=address, prefixlen=32)

    async def add_theirs_at_once(addresses: list[str]) -> None:
        await asyncio.gather(*(theirs.addr("add", index=index, address=each, prefixlen=32) for each in addresses))

    return {"lvsctl": add_ours, "pyroute2": add_theirs, "pyroute2, gathered": add_theirs_at_once}


def show(count: int, took: dict[str, list[tuple[float, float]]]) -> None:
    base = statistics.median(seconds for seconds, _ in took["lvsctl"])
    for name, times in took.items():
        whole, stuck = (statistics.median(column) for column in zip(*times, strict=True))
        milliseconds = f"({whole * 1000:.1f} ms, stuck {stuck * 1000:.1f})"
        print(f"{count:4} addresses  {name:<18} {whole / base:6.1f} x  {milliseconds}")


async def timed(side: Side, addresses: list[str]) -> tuple[float, float]:
    """Seconds that it took, and the longest in which the loop did not turn."""
    longest, running = 0.0, True

    async def turn() -> None:
        nonlocal longest
        while running:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    turning = asyncio.create_task(turn())
    await asyncio.sleep(0)
    began = time.perf_counter()
    await side(addresses)
    whole = time.perf_counter() - began
    running = False
    await turning
    return whole, longest


def imports() -> None:
    """Each in an interpreter of its own; what starting one costs is taken off."""
    bare = imported("pass")
    for name, statement in (
        ("lvsctl.kernel.addresses", "import asyncio, lvsctl.kernel.addresses"),
        ("pyroute2", "import asyncio; from pyroute2 import AsyncIPRoute"),
    ):
        print(f"import {name:<26} {(imported(statement) - bare) * 1000:6.0f} ms")


def imported(statement: str) -> float:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
    imports()
