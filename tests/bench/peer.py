"""What the talk of two directors costs with 10,000 servers: processor and bytes for one question and its answer.

    .venv/bin/python -m tests.bench.peer

Both directors are in this process, over loopback. Beside it, in the same run: the verdicts said in full as JSON, and
understood again, without seals, HTTP or a comparison. The fastest of several rounds counts.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from lvsctl.daemon.peer.comparison import Comparison
from lvsctl.daemon.peer.saying import Saying
from lvsctl.daemon.peer.talk import Talk
from lvsctl.decide.verdicts import roll_of
from lvsctl.model import AddressKey, Health, PairSpec, Protocol, Spec
from tests.daemon.peer.making import A, B, Director, free_ports, pair
from tests.decide.making import DOWN, UP, server, service, spec

SERVICES, EACH, ROUNDS = 100, 100, 5


def configured() -> Spec:
    made = []
    for number in range(SERVICES):
        key = AddressKey(ip_address("192.0.2.0") + number, 80, Protocol.TCP)
        servers = [server(number * EACH + n + 1) for n in range(EACH)]
        made.append(service(servers, name=f"service-{number}", key=key))
    return spec(*made)


class Bench:
    """A asks B."""

    def __init__(self, folder: Path) -> None:
        made = configured()
        self.a, self.b = (Director(name, folder / name, made) for name in ("a", "b"))
        ports = free_ports(A, B)
        self.spec: PairSpec = pair(A, B, ports, interval=5.0)
        there = pair(B, A, ports[::-1], interval=5.0)
        self.asks, self.asked = (self._talk(one, its) for one, its in ((self.a, self.spec), (self.b, there)))
        self.comparison = Comparison(self.a.watch._sight, self.a.told.append, self.a.clock.now())
        self.bytes = 0

    def _talk(self, one: Director, its: PairSpec) -> Talk:
        assert its.peer is not None
        saying = Saying(one.watch._sight, one.overrides, one.today)
        talk = Talk(
            its.peer, saying, one.overrides, clock=one.clock, counts=Counter(), tell=one.told.append, lag=lambda _: 0.0
        )
        answer = talk._door._answer

        def counted(known: dict[str, str]) -> bytes:
            body = answer(known)
            self.bytes = len(body)
            return body

        talk._door._answer = counted  # type: ignore[assignment]
        return talk

    def all_are(self, one: Director, health: Health) -> None:
        one.world.health = dict.fromkeys(one.world.spec.checks, health)
        one.world.turned += 1

    def turn(self, one: Director, health: Health) -> None:
        """One server."""
        check = next(iter(one.world.spec.checks))
        one.world.health[check] = health
        one.world.turned += 1

    async def exchange(self) -> None:
        heard = await self.asks.ask()
        assert heard is not None, self.asks.failure
        self.comparison.judge(self.spec, self.asks.peer, heard, failure="", now=self.a.clock.now())

    async def best(self, before: Callable[[int], None]) -> tuple[float, int]:
        """Seconds of processor time for both, and bytes of the answer."""
        taken = []
        for number in range(ROUNDS):
            before(number)
            began = time.process_time()
            await self.exchange()
            taken.append(time.process_time() - began)
        return min(taken), self.bytes


def in_full(made: Spec) -> tuple[float, int]:
    """Every verdict as JSON, and back."""
    said = [[name, one, True] for name, one in roll_of(made).pairs]
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        body = json.dumps(said).encode()
        json.loads(body)
        taken.append(time.process_time() - began)
    return min(taken), len(body)


async def measure(folder: Path) -> None:
    bench = Bench(folder)
    for talk in (bench.asks, bench.asked):
        talk.listen()
    for one in (bench.a, bench.b):
        bench.all_are(one, UP)
    states = (UP, DOWN)
    figures = {
        "everything, for the first time": await bench.best(lambda _: bench.asks._memory.forget()),
        "nothing has changed": await bench.best(lambda _: None),
        "one server changed, there": await bench.best(lambda n: bench.turn(bench.b, states[n % 2])),
        "all changed, there": await bench.best(lambda n: bench.all_are(bench.b, states[n % 2])),
    }
    bench.all_are(bench.b, DOWN)
    await bench.exchange()
    figures["nothing has changed, and all differ"] = await bench.best(lambda _: None)
    for talk in (bench.asks, bench.asked):
        await talk.close()
    beside = in_full(bench.a.world.spec)
    print(f"{SERVICES * EACH} servers; beside all verdicts as JSON: {beside[0] * 1e3:.1f} ms, {beside[1]} bytes")
    for what, (seconds, size) in figures.items():
        print(
            f"{what:36} {seconds * 1e3:7.2f} ms of processor ({seconds / beside[0]:5.2f} of that)"
            f"  {size:7d} bytes ({size / beside[1]:.4f})"
        )


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))
