"""The virtual routers of one director: clock, timers and links drive the machines, and what they ask for is done.

The order on waking up, which `lvsctl.pair` asks for: before any timer is served, everything that was waiting in the
sockets is heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lvsctl.errors import KernelError
from lvsctl.model import Announcing, Instance, Interfaces, Role, Transition, Trouble
from lvsctl.pair import group
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.fitness import faults, watched
from lvsctl.pair.ground import Ground
from lvsctl.pair.packet import Advert
from lvsctl.pair.ports import Ports
from lvsctl.pair.source import virtual
from lvsctl.pair.state import (
    Announce,
    Became,
    Cause,
    Event,
    Fit,
    GiveUp,
    Heard,
    Send,
    SetPriority,
    Start,
    State,
    Stop,
    Tick,
    Unfit,
)
from lvsctl.pair.station import Station
from lvsctl.pair.tally import Counts

FAREWELL: Final = 5.0
"""Seconds within which the addresses must be off after the farewell."""

AGAIN: Final = 1.0
"""Seconds after which what could not be looked at, or opened, is tried again."""


def boottime() -> float:
    """Seconds; goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to be seen of an instance. heard: the last advert of another router; when that was: state.heard."""

    state: State
    heard: Advert | None
    counts: Counts


class Party:
    """A sync group as it is now, or an instance that moves alone."""

    def __init__(self, stations: Sequence[Station]) -> None:
        self.stations = stations
        self.states = group.initial(self.members)

    @property
    def members(self) -> tuple[Instance, ...]:
        """With the sources that they have now."""
        return tuple(station.instance for station in self.stations)


class Speaker:
    """The provider `vrrp` (see `RoleProvider`). Transitions are told when the addresses have moved."""

    def __init__(
        self,
        instances: Sequence[Instance],
        ground: Ground,
        *,
        told: Callable[[Transition], None],
        wrong: Callable[[Trouble], None],
        number: Callable[[], int],
        announcing: Announcing | None = None,
        clock: Callable[[], float] = boottime,
    ) -> None:
        """number: greater each time, over restarts too (see `Numbers`). clock: seconds (see `lvsctl.pair`)."""
        plan = announcing or Announcing()
        self._stations = {
            me.name: Station(me, ground, plan, told=told, wrong=wrong, number=number, clock=clock) for me in instances
        }
        moving: dict[str, list[Station]] = {}
        for me in instances:
            moving.setdefault(f"group {me.group}" if me.group else me.name, []).append(self._stations[me.name])
        self._parties = [Party(stations) for stations in moving.values()]
        self._where = {station: (party, at) for party in self._parties for at, station in enumerate(party.stations)}
        self._ports = Ports(heard=self._heard, after=self._wind_up)
        self._ground = ground
        self._now = clock
        self._interfaces: Interfaces | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._stopping = asyncio.Event()

    # --- RoleProvider -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Takes part from the first look at the interfaces on, until `stop` or cancelled: either way it hands over."""
        async with asyncio.TaskGroup() as tasks:
            movers = [tasks.create_task(station.mover.run()) for station in self._stations.values()]
            watching = tasks.create_task(self._watch())
            try:
                await self._stopping.wait()
            finally:
                self._stopping.set()
                watching.cancel()
                self._all(Stop())
                self._ports.close()
                self._silence()
                settled = [asyncio.create_task(station.mover.settled()) for station in self._stations.values()]
                await asyncio.wait(settled, timeout=FAREWELL)
                for task in (*settled, *movers):
                    task.cancel()

    def stop(self) -> None:
        self._stopping.set()

    def role(self, instance: str) -> Role | None:
        return self._stations[instance].role

    def set_priority(self, instance: str, priority: int) -> None:
        party, at = self._where[self._stations[instance]]
        self._step(party, SetPriority(priority), at)
        self._wind_up()

    def release(self) -> None:
        self._all(GiveUp())
        self._wind_up()

    # --- what is to be seen ---------------------------------------------------------------------------------------

    def reports(self) -> Mapping[str, Report]:
        """By the name of the instance, all of the same moment."""
        return {
            station.instance.name: Report(party.states[at], station.heard, station.counts())
            for station, (party, at) in self._where.items()
        }

    # --- what happens ---------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            try:
                async with self._ground.watch(watched([s.instance for s in self._stations.values()])) as watch:
                    async for interfaces in watch:
                        self._news(interfaces)
            except KernelError as error:
                for station in self._stations.values():
                    station.trouble(str(error))
            await asyncio.sleep(AGAIN)

    def _news(self, interfaces: Interfaces) -> None:
        first, self._interfaces = self._interfaces is None, interfaces
        stations = list(self._stations.values())
        moving = virtual([station.configured for station in stations])
        for station in stations:
            station.sourced(interfaces, moving)
        if not self._ports.follow(stations, interfaces):
            asyncio.get_running_loop().call_later(AGAIN, self._again, interfaces)
        self._ports.hear_all()
        for station, (party, at) in self._where.items():
            own = faults(station.instance, interfaces)
            if station.port is None and Cause.ADDRESS not in own:
                own |= {Cause.INTERFACE}
            before = party.states[at].faults - {Cause.GROUP}
            for cause in sorted(own - before):
                self._step(party, Unfit(cause), at)
            for cause in sorted(before - own):
                self._step(party, Fit(cause), at)
            station.mover.look(interfaces)
        if first:
            self._all(Start())
        self._wind_up()

    def _again(self, interfaces: Interfaces) -> None:
        if interfaces is self._interfaces and not self._stopping.is_set():
            self._news(interfaces)

    def _heard(self, station: Station, datagram: Datagram) -> None:
        advert = station.hear(datagram)
        if advert is not None:
            party, at = self._where[station]
            self._step(party, Heard(advert), at)

    def _ring(self) -> None:
        self._timer = None
        self._ports.hear_all()
        now = self._now()
        for party in self._parties:
            for at in range(len(party.stations)):
                timer = party.states[at].timer
                if timer is not None and timer <= now:
                    self._step(party, Tick(), at)
        self._wind_up()

    # --- what is done -------------------------------------------------------------------------------------------------

    def _all(self, event: Event) -> None:
        for party in self._parties:
            self._step(party, event)

    def _step(self, party: Party, event: Event, at: int | None = None) -> None:
        party.states, done = group.step(party.members, party.states, event, self._now(), at=at)
        for number, action in done:
            station = party.stations[number]
            match action:
                case Send(priority):
                    station.send(priority)
                case Became():
                    station.became(action, party.states[number].priority)
                case Announce():
                    station.mover.announce()

    def _wind_up(self) -> None:
        """One timer, for what is due next. One that comes too early is left alone: it finds nothing to do.

        Were it wound up anew whenever somebody was heard, a flood could put it off for ever.
        """
        timers = [state.timer for party in self._parties for state in party.states if state.timer is not None]
        if not timers or (self._timer is not None and self._due <= min(timers)):
            return
        self._silence()
        self._due = min(timers)
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self._due - self._now()), self._ring)

    def _silence(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
