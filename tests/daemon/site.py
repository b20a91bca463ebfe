"""A site on loopback: real TCP servers that can be killed and revived, a conf.d, and the daemon over any kernel."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from lvsctl.checks.registry import installed
from lvsctl.config.load import load
from lvsctl.daemon.api.listener import held
from lvsctl.daemon.api.server import answering
from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.lookout import RECHECK
from lvsctl.daemon.metrics.exposition import exposition
from lvsctl.daemon.metrics.scene import look
from lvsctl.daemon.pairing.alone import Alone
from lvsctl.daemon.pairing.providers import OpenGround, Providers
from lvsctl.daemon.state import State
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import AddressKey, Entry, Generation, PairSpec, ServiceKey, Table
from tests.listener import Listener

PERIOD = "200ms"

Jump: TypeAlias = Callable[[float], None]
"""Seconds: see the fixture `jump`."""


class Servers:
    """Real servers on 127.0.0.x, all on one port, each of which answers connections while it lives."""

    def __init__(self) -> None:
        self.port = 0
        self._alive: dict[str, Listener] = {}

    async def start(self, *addresses: str) -> None:
        for address in addresses:
            self._alive[address] = Listener(self._greet)
            self.port = await self._alive[address].start(address, self.port)

    async def kill(self, *addresses: str) -> None:
        """All in one breath: a director that is asked meanwhile finds nobody alone."""
        await asyncio.gather(*(self._alive.pop(address).close() for address in addresses))

    async def close(self) -> None:
        await self.kill(*list(self._alive))

    @staticmethod
    async def _greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()


def service(
    name: str,
    *servers: str,
    address: str,
    spare: tuple[str, ...] = (),
    check: str = "{tcp: {}, interval: 50ms, timeout: 1s, rise: 2, fall: 2}",
    **keys: object,
) -> str:
    """One service of a conf.d file; `spare` makes a second pool. forward is masquerade, the port that of address."""
    settings: Mapping[str, object] = {"forward": "masquerade", "check": check, **keys}
    lines = [f"  {name}:", f"    address: {address}", *(f"    {key}: {value}" for key, value in settings.items())]
    if not spare:
        return "\n".join([*lines, f"    servers: [{', '.join(servers)}]"])
    pools = {"service": servers, "spare": spare}
    return "\n".join([*lines, "    pools:", *(f"      {n}: {{servers: [{', '.join(s)}]}}" for n, s in pools.items())])


def conf(*services: str, period: str = PERIOD) -> str:
    return f"global: {{period: {period}}}\nservices:\n" + "\n".join(services) + "\n"


class Site:
    """A daemon and what it looks at."""

    def __init__(self, ipvs: Ipvs, folder: Path) -> None:
        self.ipvs = ipvs
        self.folder = folder
        self.config = folder / "conf.d"
        self.config.mkdir(exist_ok=True)
        self.daemon: Daemon | None = None

    def write(self, text: str, name: str = "site.yaml") -> None:
        (self.config / name).write_text(text)

    @contextlib.asynccontextmanager
    async def running(
        self,
        *,
        recheck_schedulers: float = RECHECK,
        generation: Generation | None = None,
        pair: PairSpec | None = None,
        ground: OpenGround | None = None,
    ) -> AsyncIterator[Daemon]:
        """The daemon at work; it is stopped, as by SIGTERM, at the end of the block. pair: beside what conf.d says."""
        kinds = installed()
        loaded = load(self.config, kinds)
        if pair is not None:
            loaded = replace(loaded, spec=replace(loaded.spec, pair=pair))
        self.daemon = Daemon(
            config=self.config,
            loaded=loaded,
            kinds=kinds,
            ipvs=self.ipvs,
            state=State(self.folder),
            recheck_schedulers=recheck_schedulers,
            generation=generation,
            providers=Providers(self.folder, ground, Alone(f"\0lvsctl test {os.getpid()} {id(self)}")),
        )
        await self.daemon.prepare()
        task = asyncio.create_task(self.daemon.run())
        try:
            yield self.daemon
        finally:
            self.daemon.stop()
            await task

    async def until(self, what: str, holds: Callable[[Table], bool], *, seconds: float = 30) -> Table:
        """Read the table until `holds`; fails after `seconds` with what was waited for and what was there."""
        table: Table = {}
        try:
            async with asyncio.timeout(seconds):
                while not holds(table := await self.ipvs.read()):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"waited {seconds} s in vain for: {what}; there is {table}") from None
        return table

    async def ready(self) -> None:
        assert self.daemon is not None
        async with asyncio.timeout(30):
            while not self.daemon.ready:
                await asyncio.sleep(0.01)

    async def rounds(self, count: int) -> None:
        """Let `count` more rounds begin and end."""
        assert self.daemon is not None
        goal = self.daemon.last.number + count + 1
        async with asyncio.timeout(30):
            while self.daemon.last.number < goal:
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(daemon: Daemon, path: Path, *, group: int | None = None) -> AsyncIterator[None]:
    """The daemon's control socket."""
    with held(path, group) as listener:
        async with answering(daemon, listener):
            yield


def scrape(daemon: Daemon) -> str:
    """What Prometheus would be told now."""
    return exposition(look(daemon), daemon.metrics.registry).body.decode()


def weights(table: Table, key: ServiceKey) -> dict[str, int]:
    """Address -> weight of the servers of a service; empty if there is none."""
    entry: Entry | None = table.get(key)
    return {str(server.address): real.weight for server, real in entry.servers.items()} if entry else {}


def tcp(address: str, port: int) -> AddressKey:
    from ipaddress import ip_address

    from lvsctl.model import Protocol

    return AddressKey(ip_address(address), port, Protocol.TCP)
