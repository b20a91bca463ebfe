"""Directors in one process that ask one another over loopback: real sockets, real HTTP, a World each, no kernel."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from lvsctl.daemon.clock import Clock
from lvsctl.daemon.overrides import Overrides
from lvsctl.daemon.peer.sight import Sight
from lvsctl.daemon.peer.watch import PeerWatch
from lvsctl.daemon.world import World
from lvsctl.events import Event
from lvsctl.model import (
    Action,
    InstanceStanding,
    Override,
    PairSpec,
    Peer,
    Provider,
    Role,
    Secret,
    ServerSubject,
    ServiceState,
    Spec,
    Steadiness,
)
from tests.decide.making import healths, server, service, spec

KEY, OTHER_KEY = Secret("a key of thirty-two characters..."), Secret("another one of as many characters")
INTERVAL = 0.1
A, B = "127.77.0.1", "127.77.0.2"
"""Where nobody else on this machine is likely to have the port that was free a moment ago."""


def site(servers: int = 3) -> Spec:
    """One service `web` whose checks are so fast that a moment later nothing explains a difference any more."""
    made = spec(service([server(n) for n in range(1, servers + 1)]))
    asked = {
        name: replace(one, timeout=0.01, interval=0.01, fast_interval=0.01, down_interval=0.01)
        for name, one in made.questions.items()
    }
    return replace(made, questions=asked)


def free_ports(*addresses: str) -> tuple[int, ...]:
    """One on each, all different."""
    with contextlib.ExitStack() as stack:
        probes = [socket.socket(socket.AF_INET6 if ":" in one else socket.AF_INET) for one in addresses]
        for probe, address in zip(probes, addresses, strict=True):
            stack.enter_context(probe)
            probe.bind((address, 0))
        return tuple(int(probe.getsockname()[1]) for probe in probes)


class Director:
    """What a Daemon gives a PeerWatch, without the rest of it. skew: seconds by which its time of day is ahead, now.

    lag: by how many seconds it has been late.
    """

    def __init__(self, name: str, folder: Path, configured: Spec, *, skew: float = 0.0) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir(exist_ok=True)
        loop = asyncio.get_running_loop()
        self.told: list[Event] = []
        self.skew = skew
        self.lag = 0.0
        self.clock = Clock(loop.time, today=lambda: time.time() + self.skew)
        self.world = World(configured, health={}, owned=frozenset(), clock=loop.time, tell=self.told.append)
        self.states = dict.fromkeys(configured.services, ServiceState.OK)
        self.instances: tuple[InstanceStanding, ...] = (InstanceStanding("pair", Role.STANDBY, 100),)
        self.woken = 0
        self.start()

    def start(self) -> None:
        """As after a (re)start: what it knows is what is on its disk."""
        self.overrides = Overrides(
            self.folder / "overrides.json", today=self.today, tell=self.told.append, director=self.name
        )
        sight = Sight(self.world, states=lambda: self.states, instances=lambda: self.instances)
        self.watch = PeerWatch(
            sight,
            self.overrides,
            tell=self.told.append,
            clock=self.clock,
            wake=self._wake,
            obey=self._wake,
            lag=lambda _: self.lag,
        )

    def today(self) -> float:
        return self.clock.at(self.clock.now())

    def _wake(self) -> None:
        self.woken += 1

    def sees(self, letters: str) -> None:
        """A letter for each server, as `healths` has them."""
        self.world.health = healths(letters)
        self.world.turned += 1

    def order(self, address: str, by: str = "alice", lasting: float | None = None) -> Override:
        until = None if lasting is None else self.today() + lasting
        subject = ServerSubject(None, ip_address(address), None)
        order = Override(subject, Action.DRAIN, by, "", self.today(), until)
        self.overrides.order([order])
        return order

    def enable(self, address: str, by: str = "bob") -> None:
        self.overrides.end([one for one in self.overrides.ordered if str(one.subject) == address], by)

    @property
    def held(self) -> dict[str, str]:
        """Subject -> who ordered it."""
        return {str(one.subject): one.by for one in self.overrides.in_force()}

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.told if isinstance(event, kind)]


def pair(here: str, there: str, ports: tuple[int, ...], **keys: object) -> PairSpec:
    """ports: here and there."""
    peer = Peer(ip_address(there), ports[1], ip_address(here), ports[0], (KEY,), INTERVAL)
    return PairSpec(Provider.MANUAL, steadiness=Steadiness(hold=0.0), peer=replace(peer, **keys))  # type: ignore[arg-type]


class Two:
    """Two directors, and the lines between them."""

    def __init__(self, folder: Path, configured: Spec, addresses: tuple[str, str], skew: float) -> None:
        self.a = Director("lvs-a", folder / "a", configured)
        self.b = Director("lvs-b", folder / "b", configured, skew=skew)
        ports = free_ports(*addresses)
        self.pair_a = pair(*addresses, ports)
        self.pair_b = pair(*addresses[::-1], ports[::-1])

    async def connect(self) -> None:
        await self.a.watch.take(self.pair_a)
        await self.b.watch.take(self.pair_b)

    async def close(self) -> None:
        await self.a.watch.close()
        await self.b.watch.close()


@contextlib.asynccontextmanager
async def two(
    folder: Path, *, servers: int = 3, addresses: tuple[str, str] = (A, B), skew: float = 0.0
) -> AsyncIterator[Two]:
    """Both see all servers up, and have not been connected yet."""
    made = Two(folder, site(servers), addresses, skew)
    made.a.sees("U" * servers)
    made.b.sees("U" * servers)
    try:
        yield made
    finally:
        await made.close()


async def until(what: str, holds: Callable[[], object], *, seconds: float = 10) -> None:
    """Fails after `seconds` with what was waited for."""
    try:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"waited {seconds} s in vain for: {what}") from None
