"""The model beside the kernel: one story is played on both, and after every step they must agree."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

from lvsctl.kernel.connections import Connection, End
from lvsctl.kernel.memory import MAINLINE, MemoryIpvs
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Forward,
    Generation,
    Op,
    Protocol,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    Timeouts,
)
from tests.kernel.clients import SERVERS, VIP, Clients, Flag
from tests.kernel.patience import TICK, Undecided, settle
from tests.kernel.steps import Add, Again, Close, Delete, Edit, Open, Remake, Schedule, Send, Step, Story, Wait, shorter

FIRST_PORT = 1024
EXPIRE_QUIESCENT = Path("/proc/sys/net/ipv4/vs/expire_quiescent_template")
Counts = dict[RealKey, tuple[int, int, int]]


class Beside:
    """generation: that of the kernel. timeouts: what both are given. A story gets a service of its own.

    stories, steps: how many were played. cut: how many stories ended early, see Undecided.
    """

    def __init__(self, generation: Generation, timeouts: Timeouts) -> None:
        self._generation = generation
        self._timeouts = timeouts
        self._clients = Clients()
        self._kernel = NetlinkIpvs()
        self._runner = asyncio.Runner()
        self._ports = itertools.count(1)
        self.stories = 0
        self.steps = 0
        self.cut = 0

    def close(self) -> None:
        self._clients.close()
        self._runner.run(self._kernel.close())
        self._runner.close()

    def missing(self, scheduler: str) -> bool:
        """Whether the kernel has no such scheduler."""
        return not self._runner.run(self._kernel.has_scheduler(scheduler))

    def play(self, story: Story) -> None:
        """Raises AssertionError where kernel and model part."""
        self.stories += 1
        self._runner.run(self._play(story))

    def shortest(self, story: Story) -> Story:
        """As short as `story` gets while kernel and model still part in it."""
        for attempt in shorter(story):
            if self.parts(attempt):
                return self.shortest(attempt)
        return story

    def parts(self, story: Story) -> bool:
        """Whether kernel and model part in it."""
        try:
            self.play(story)
        except AssertionError:
            return True
        return False

    async def _play(self, story: Story) -> None:
        model = MemoryIpvs(
            generation=self._generation, expire_quiescent=story.expire_quiescent, schedulers=MAINLINE | {"hprio"}
        )
        EXPIRE_QUIESCENT.write_text(str(int(story.expire_quiescent)))
        service = AddressKey(VIP, next(self._ports), story.protocol)
        shortest = min(self._timeouts.tcp, self._timeouts.tcp_fin, self._timeouts.udp)
        scene = Scene(story, service, model, self._kernel, self._clients, quick=TICK * shortest)
        assert await self._kernel.set_timeouts(self._timeouts) is None
        await model.set_timeouts(self._timeouts)
        try:
            await scene.begin()
            for step in story.steps:
                await scene.play(step)
                self.steps += 1
        except Undecided:
            self.cut += 1
        finally:
            await self._kernel.apply([DeleteService(service)])


class Scene:
    """One service on both. quick: seconds that a step may take with no timer going off in it."""

    def __init__(
        self,
        story: Story,
        service: AddressKey,
        model: MemoryIpvs,
        kernel: NetlinkIpvs,
        clients: Clients,
        *,
        quick: float,
    ) -> None:
        self._story = story
        self._service = service
        self._model = model
        self._kernel = kernel
        self._clients = clients
        self._scheduler = story.scheduler
        self._connections: list[tuple[IPv4Address, int]] = []
        self._quick = quick
        self._late = False

    async def begin(self) -> None:
        settle(self._model, 0)
        told, done = await self._carry_out(AddService(self._service, self._attrs()))
        assert told == done == [None]

    async def play(self, step: Step) -> None:
        """Raises Undecided where they part after a step that took so long that timers may have gone off in it."""
        settle(self._model, step.seconds if isinstance(step, Wait) else 0)
        began = time.monotonic()
        told, done = await self._do(step)
        counted, found = await self._counts()
        pause = TICK if isinstance(step, Again) else 0.0
        self._late = self._late or time.monotonic() - began > self._quick + pause
        if self._late and (told, counted) != (done, found):
            raise Undecided
        assert told == done, f"{step}: the model says {told}, the kernel {done}"
        assert counted == found, f"{step}: the model counts {counted}, the kernel {found}"

    async def _do(self, step: Step) -> tuple[object, object]:
        """What the model says, what the kernel does."""
        match step:
            case Wait():
                return None, None
            case Open(client):
                self._connections.append((IPv4Address(f"10.9.0.{client + 1}"), FIRST_PORT + len(self._connections)))
                return self._open(*self._connections[-1])
            case Again(nth) | Close(nth) | Send(nth):
                return self._go_on(step, *self._remembered(nth))
        results = [await self._carry_out(op) for op in self._operations(step)]
        return [told for told, _ in results], [done for _, done in results]

    def _remembered(self, nth: int) -> tuple[IPv4Address, int]:
        """A connection that has an entry; where none has, any at all."""
        known = [
            (client, port)
            for client, port in self._connections
            if self._model.connections.find(Connection(self._service, client, port, self._service.protocol))
        ]
        choice = known or self._connections or [(IPv4Address("10.9.0.1"), FIRST_PORT - 1)]
        return choice[nth % len(choice)]

    def _go_on(self, step: Again | Close | Send, client: IPv4Address, port: int) -> tuple[object, object]:
        match step:
            case Again():
                answers = self._open(client, port)
                time.sleep(TICK)  # the closed one makes way at the next tick
                return answers
            case Close(_, how):
                return self._close(client, port, how)
            case Send():
                return self._send(client, port)

    def _operations(self, step: Step) -> Iterator[Op]:
        match step:
            case Add(server, weight, upper, lower):
                yield AddServer(self._service, self._real(server), RealAttrs(self._story.forward, weight, upper, lower))
            case Edit(server, weight, upper, lower):
                yield EditServer(
                    self._service, self._real(server), RealAttrs(self._story.forward, weight, upper, lower)
                )
            case Delete(server):
                yield DeleteServer(self._service, self._real(server))
            case Schedule(name):
                self._scheduler = name
                yield EditService(self._service, self._attrs())
            case Remake():
                yield DeleteService(self._service)
                yield AddService(self._service, self._attrs())

    async def _carry_out(self, op: Op) -> tuple[object, object]:
        return list(await self._model.apply([op])), list(await self._kernel.apply([op]))

    def _open(self, client: IPv4Address, port: int) -> tuple[object, object]:
        told = self._model.connect(self._service, client, port, now=time.monotonic())
        reached = self._clients.send(client, port, self._service, Flag.SYN)
        if reached is not None and self._service.protocol is Protocol.TCP:
            assert self._clients.send(client, port, self._service, Flag.ACK) == reached
        return told and told.address, reached

    def _send(self, client: IPv4Address, port: int) -> tuple[object, object]:
        if self._service.protocol is Protocol.UDP:
            return self._open(client, port)
        told = self._model.send(self._service, client, port, now=time.monotonic())
        return told, self._clients.send(client, port, self._service, Flag.ACK) is not None

    def _close(self, client: IPv4Address, port: int, how: End) -> tuple[object, object]:
        if self._service.protocol is Protocol.UDP:
            return None, None
        told = self._model.end(self._service, client, port, how, now=time.monotonic())
        if how is End.RST:
            return told, self._clients.send(client, port, self._service, Flag.RST | Flag.ACK) is not None
        server = self._clients.send(client, port, self._service, Flag.FIN | Flag.ACK)
        if server is not None and self._story.forward is Forward.MASQUERADE:
            self._clients.answer(RealKey(server, self._service.port), client, port, Flag.FIN | Flag.ACK)
            self._clients.send(client, port, self._service, Flag.ACK)
        return told, server is not None

    async def _counts(self) -> tuple[Counts, Counts]:
        told, found = (await self._model.look()).counters, (await self._kernel.look()).counters
        model, kernel = (
            {key: (row.active, row.inactive, row.persistent) for key, row in both[self._service].servers.items()}
            for both in (told, found)
        )
        return model, kernel

    def _real(self, number: int) -> RealKey:
        return RealKey(SERVERS[number], self._service.port)

    def _attrs(self) -> ServiceAttrs:
        flags = ServiceFlag.ONE_PACKET if self._story.one_packet else ServiceFlag(0)
        return ServiceAttrs(self._scheduler, flags, persistence=self._story.persistence)
