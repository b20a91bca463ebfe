"""Speakers in this process, each on a ground of its own, on one cable."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address, ip_interface

from lvsctl.model import Instance, Role, Transition, Trouble
from lvsctl.pair.filter import Wanted
from lvsctl.pair.speaker import Speaker
from tests.pair.linked import Link, LinkedPort
from tests.pair.making import THEIRS, V3, me
from tests.pair.remembered import ETH0, RememberedGround

FAST = me(V3, interval=0.05)
THEM = me(FAST, source=THEIRS)


class Host:
    """A speaker with its ground. now: what it is told the time is, from the loop's clock on."""

    def __init__(self, link: Link, *instances: Instance) -> None:
        own = tuple(ip_interface(f"{instance.source}/24") for instance in instances if instance.source)
        self.link = link
        self.ground = RememberedGround(replace(ETH0, addresses=own))
        self.troubles: list[Trouble] = []
        self.slept = 0.0
        self.speaker = Speaker(
            instances,
            self.ground,
            told=self._told,
            wrong=self.troubles.append,
            number=itertools.count(1).__next__,
            clock=lambda: asyncio.get_running_loop().time() + self.slept,
        )

    async def until(self, role: Role | None, instance: str = "web") -> None:
        await until(lambda: self.speaker.role(instance) is role)

    def _told(self, transition: Transition) -> None:
        self.ground.log.append(f"told {transition.role}: {transition.why}")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(host: Host) -> AsyncIterator[Host]:
    task = asyncio.create_task(host.speaker.run())
    try:
        yield host
    finally:
        host.speaker.stop()
        async with asyncio.timeout(20):
            await task


def holds(host: Host) -> bool:
    return host.ground.interfaces["eth0"].holds(FAST.addresses[0].ip)


def sources(port: LinkedPort) -> list[str]:
    return [str(IPv4Address(datagram.source)) for wanted in Wanted for datagram in port.take(wanted, 999)]
