"""A facade of the pair with what it stands on, and what it tells."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

from lvsctl.daemon.pairing.alone import Alone
from lvsctl.daemon.pairing.pairing import Pairing
from lvsctl.daemon.pairing.providers import Providers
from lvsctl.decide import condition
from lvsctl.events import Event, PairTroubled, RoleChanged
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import Instance, PairSpec, Spec, SyncRole
from tests.pair.making import V3, me
from tests.pair.remembered import ETH0, RememberedGround

FAST = me(V3, interval=0.02)
VIP = FAST.addresses[0].ip


async def until(holds: Callable[[], bool], what: str = "") -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.001)


class Scene:
    """events: told so far. woken: how often the rounds were. left: which sync daemons go on at the end.

    beside: another one in the same network namespace.
    """

    def __init__(self, folder: Path, spec: PairSpec | None, *, beside: Scene | None = None) -> None:
        own = tuple(ip_interface(f"{one.source}/24") for one in spec.instances[:1]) if spec else ()
        self.ground = RememberedGround(replace(ETH0, addresses=own)) if beside is None else beside.ground
        self.namespace: str = f"\0lvsctl test {os.getpid()} {id(self)}" if beside is None else beside.namespace
        self.events: list[Event] = []
        self.woken = 0
        self.judged = condition.Scene(Spec({}, {}, {}), {}, {})
        self.ipvs = MemoryIpvs()
        self.left: frozenset[SyncRole] = frozenset()
        self.pairing = Pairing(
            spec,
            Providers(folder, self.ground, Alone(self.namespace)),
            ipvs=self.ipvs,
            tell=self.events.append,
            wake=self._wake,
            left=lambda: self.left,
        )

    @property
    def roles(self) -> list[str]:
        """As they were told, with the reasons."""
        told = [event.transition for event in self.events if isinstance(event, RoleChanged)]
        return [f"{one.instance} {one.role}: {one.why}" for one in told]

    @property
    def troubles(self) -> list[str]:
        return [event.trouble.what for event in self.events if isinstance(event, PairTroubled)]

    @property
    def holds(self) -> bool:
        return self.ground.interfaces["eth0"].holds(VIP)

    def prove(self, **changes: object) -> None:
        """A complete round has been done."""
        self.judged = replace(self.judged, **changes)  # type: ignore[arg-type]
        self.pairing.judged(self.judged, asyncio.get_running_loop().time())

    def _wake(self) -> None:
        self.woken += 1


@asynccontextmanager
async def playing(scene: Scene, *, proven: bool = True) -> AsyncIterator[Pairing]:
    await scene.pairing.start()
    if proven:
        scene.prove()
    try:
        yield scene.pairing
    finally:
        await scene.pairing.hand_over()
        await scene.pairing.close()


def vrrp(*instances: Instance, **changes: object) -> PairSpec:
    return replace(PairSpec(instances=instances or (FAST,)), **changes)  # type: ignore[arg-type]
