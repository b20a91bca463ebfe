"""What the kernel room costs, in the lab: ratios of ipvsadm's time on the same kernel, in the same run.

    .venv/bin/python -m tests.lab -- .venv/bin/python -m tests.bench.kernel [servers per service] [rounds]

100 services of 100 servers. Reading is timed warm, as in every round of the daemon but its first, and cold, as in
`lvsctl plan`; ipvsadm prints what it reads into /dev/null. Looking is reading the table with its counters. A settled
round is what the daemon does every period: look, decide, compare, find nothing to do. The sides take turns; medians
are printed, and the ratios of medians.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from lvsctl.daemon.reconcile import look_and_decide
from lvsctl.daemon.world import World
from lvsctl.decide.health import assume_up
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    Check,
    CheckId,
    Forward,
    OnDown,
    OnExit,
    Op,
    Pool,
    Protocol,
    Question,
    QuestionId,
    RealAttrs,
    RealKey,
    Server,
    Service,
    ServiceAttrs,
    ServiceKey,
    Spec,
    Target,
)

SERVICES = 100
ROUTE = RealAttrs(Forward.ROUTE, 5, 50, 20)
WLC = ServiceAttrs("wlc")


@dataclass
class Clock:
    """Seconds by name."""

    took: dict[str, list[float]] = field(default_factory=dict)

    async def time(self, name: str, what: Callable[[], Awaitable[object]]) -> None:
        start = time.perf_counter()
        await what()
        self.took.setdefault(name, []).append(time.perf_counter() - start)

    def median(self, name: str) -> float:
        return statistics.median(self.took[name])

    def ratio(self, name: str, to: str) -> float:
        return self.median(name) / self.median(to)


def make_spec(per_service: int) -> Spec:
    services: dict[str, Service] = {}
    questions: dict[QuestionId, Question] = {}
    checks: dict[CheckId, Check] = {}
    for number in range(SERVICES):
        servers = []
        for host in range(per_service):
            key = RealKey(IPv4Address(f"10.{100 + host // 250}.{number}.{host % 250 + 1}"), 80)
            question, check = QuestionId(f"tcp {key}"), CheckId(f"tcp {key}")
            questions[question] = Question(question, "tcp", Target(key.address, 80), (), 1.0, 2.0, 1.0, 2.0)
            checks[check] = Check(check, question, rise=2, fall=3)
            servers.append(Server(key, ROUTE, (check,)))
        service = AddressKey(IPv4Address(f"10.1.0.{number + 1}"), 80, Protocol.TCP)
        pools = (Pool("servers", tuple(servers)),)
        name = f"service{number}"
        services[name] = Service(name, service, WLC, pools, None, OnDown.REMOVE, OnExit.KEEP)
    return Spec(services, questions, checks)


def adding(spec: Spec) -> list[Op]:
    ops: list[Op] = []
    for service in spec.services.values():
        ops.append(AddService(service.key, service.attrs))
        ops += [AddServer(service.key, server.key, server.attrs) for server in service.pools[0].servers]
    return ops


async def ipvsadm(*arguments: str, given: bytes | None = None) -> None:
    """Blocks, which is what is timed."""
    subprocess.run(["ipvsadm", *arguments], input=given, stdout=subprocess.DEVNULL, check=True)


async def write(ops: list[Op]) -> None:
    ipvs = NetlinkIpvs()
    refusals = await ipvs.apply(ops)
    assert not any(refusals)
    await ipvs.close()


async def read_cold() -> None:
    ipvs = NetlinkIpvs()
    await ipvs.read()
    await ipvs.close()


async def writes(clock: Clock, spec: Spec, rounds: int) -> None:
    ops = adding(spec)
    await write(ops)
    saved = subprocess.run(["ipvsadm", "-Sn"], capture_output=True, check=True).stdout
    for _ in range(rounds):
        await ipvsadm("-C")
        await clock.time("ipvsadm -R", lambda: ipvsadm("-R", given=saved))
        await ipvsadm("-C")
        await clock.time("write", lambda: write(ops))


async def reads(clock: Clock, spec: Spec, rounds: int) -> None:
    ipvs = NetlinkIpvs()
    nobody: frozenset[ServiceKey] = frozenset()
    world = World(spec, health=assume_up(spec), owned=nobody, clock=lambda: 0.0, tell=lambda _: None)
    world.left = (await look_and_decide(world, ipvs, 0.0)).have

    async def settled() -> None:
        decision = await look_and_decide(world, ipvs, 0.0)
        assert decision.plan == ()

    for _ in range(rounds):
        await clock.time("ipvsadm -Sn", lambda: ipvsadm("-Sn"))
        await clock.time("ipvsadm -Ln --stats", lambda: ipvsadm("-Ln", "--stats"))
        await clock.time("read", ipvs.read)
        await clock.time("read cold", read_cold)
        await clock.time("round", settled)
        await clock.time("look", ipvs.look)
    await ipvs.close()


async def kept(make: Callable[[], Awaitable[object]]) -> tuple[int, object]:
    """Bytes of Python objects that `make` leaves behind, and what it made."""
    tracemalloc.start()
    made = await make()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size, made


async def memory(per_service: int) -> AsyncIterator[str]:
    ipvs = NetlinkIpvs()
    servers = SERVICES * per_service

    async def configured() -> object:
        spec = make_spec(per_service)
        return spec, assume_up(spec)

    for name, make in (("the table, and what reading remembers", ipvs.read), ("Spec and health", configured)):
        size, made = await kept(make)
        yield f"  {name:<40} {size / servers:6.0f} bytes a server"
        del made
    await ipvs.close()


async def main() -> None:
    per_service, rounds = (int(word) for word in (*sys.argv[1:3], *("100", "9")[len(sys.argv) - 1 :]))
    spec, clock = make_spec(per_service), Clock()
    await ipvsadm("-C")
    await writes(clock, spec, rounds=max(1, rounds // 3))
    await reads(clock, spec, rounds)
    print(f"{SERVICES} services of {per_service} servers")
    print(f"  reading, of ipvsadm -Sn                  {clock.ratio('read', 'ipvsadm -Sn'):6.2f}  (at most 1.2)")
    print(f"  reading for the first time               {clock.ratio('read cold', 'ipvsadm -Sn'):6.2f}")
    print(
        f"  looking, of ipvsadm -Ln --stats          {clock.ratio('look', 'ipvsadm -Ln --stats'):6.2f}  (at most 1.5)"
    )
    print(f"  looking, of reading                      {clock.ratio('look', 'read'):6.2f}  (at most 3)")
    print(f"  ipvsadm -R, of writing                   {clock.ratio('ipvsadm -R', 'write'):6.2f}  (at least 10)")
    print(f"  a settled round, of looking              {clock.ratio('round', 'look'):6.2f}  (at most 3)")
    print(f"  a settled round, of ipvsadm -Sn          {clock.ratio('round', 'ipvsadm -Sn'):6.2f}")
    async for line in memory(per_service):
        print(line)
    await ipvsadm("-C")


if __name__ == "__main__":
    asyncio.run(main())
