"""`python -m tests.bench.scrape`: what a scrape of 10,000 servers costs, over the kernel remembered.

As ratios: the CPU of one answer, to that of the library's own writer for the same text (which is why there is another),
and to that of a round's look and decision; and the event loop's longest delay while an answer is made beside it, to the
delay if it were made on the loop itself. Medians of rounds in turn.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from lvsctl.checks.registry import installed
from lvsctl.config.load import load
from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.metrics.exposition import exposition
from lvsctl.daemon.metrics.scene import look
from lvsctl.daemon.reconcile import look_and_decide
from lvsctl.daemon.state import State
from lvsctl.kernel.memory import MemoryIpvs

SERVICES, SERVERS = 1000, 10
ROUNDS = 7


def configuration() -> str:
    lines = ["global: {period: 1h}", "services:"]
    for number in range(SERVICES):
        high, low = divmod(number, 250)
        servers = ", ".join(f"10.{high}.{low}.{host}" for host in range(1, SERVERS + 1))
        lines.append(f"  service-{number}: {{address: '192.0.{high}.{low}:80', check: none, servers: [{servers}]}}")
    return "\n".join(lines) + "\n"


class Given:
    """The same families, for the library's writer."""

    def __init__(self, text: str) -> None:
        self._families = list(text_string_to_metric_families(text))

    def collect(self) -> list[Metric]:
        return self._families


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


async def delay(work: Callable[[], Awaitable[object]]) -> float:
    """How late the loop is at worst, while it is asked every millisecond and the work is done."""
    task = asyncio.ensure_future(work())
    worst = 0.0
    while not task.done():
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - due)
    await task
    return worst


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "conf.yaml").write_text(configuration())
        kinds = installed()
        loaded = load(Path(name) / "conf.yaml", kinds)
        daemon = Daemon(config=Path(name), loaded=loaded, kinds=kinds, ipvs=MemoryIpvs(), state=State(Path(name)))
        await daemon.prepare()
        running = asyncio.create_task(daemon.run())
        while not daemon.ready:
            await asyncio.sleep(0.05)
        try:
            await measure(daemon)
        finally:
            daemon.stop()
            await running


async def measure(daemon: Daemon) -> None:
    counted = daemon.metrics.registry

    def answer() -> bytes:
        return exposition(look(daemon), counted).body

    async def on_the_loop() -> bytes:
        return answer()

    async def beside_it() -> object:
        return await daemon.expositions.make(accept="", accept_encoding="")

    body = answer()
    library = CollectorRegistry()
    library.register(Given(body.decode()))
    times: dict[str, list[float]] = {"answer": [], "library": [], "round": [], "on the loop": [], "beside it": []}
    for _ in range(ROUNDS):
        times["answer"].append(seconds(answer))
        times["library"].append(seconds(lambda: generate_latest(library)))
        start = time.process_time()
        await look_and_decide(daemon.world, daemon.ipvs, daemon.loop.time())
        times["round"].append(time.process_time() - start)
        times["on the loop"].append(await delay(on_the_loop))
        times["beside it"].append(await delay(beside_it))
    took = {label: statistics.median(values) for label, values in times.items()}
    print(f"a scrape of {SERVICES} services of {SERVERS} servers: {len(body) / 1e6:.1f} MB")
    print(f"  CPU, in that of the library's writer alone     {took['answer'] / took['library']:5.2f}")
    print(f"  CPU, in that of a round's look and decision    {took['answer'] / took['round']:5.2f}")
    print(f"  loop's delay, in that if made on the loop      {took['beside it'] / took['on the loop']:5.2f}")


if __name__ == "__main__":
    asyncio.run(main())
