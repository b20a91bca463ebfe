"""The virtual routers of one director: clock, timers and links drive the machines, and what they ask for is done.

The order on waking up, which `lvsctl.pair` asks for: before any timer is served, everything that was waiting in the
sockets is heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lvsctl.errors import KernelError
from lvsctl.model import Announcing, Instance, Interfaces, Refusal, Role, Transition, Trouble
from lvsctl.pair.clearing import swept
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.fitness import faults, watched
from lvsctl.pair.ground import Ground
from lvsctl.pair.packet import Advert
from lvsctl.pair.parties import Parties
from lvsctl.pair.ports import Ports
from lvsctl.pair.source import virtual
from lvsctl.pair.state import Cause, Fit, GiveUp, Heard, SetPriority, Start, State, Stop, Unfit, Why
from lvsctl.pair.station import Station
from lvsctl.pair.tally import Counts

FAREWELL: Final = 5.0
"""Seconds within which the addresses must be off after the farewell."""

BREATH: Final = 0.01
"""Seconds between two attempts to do what cannot be done, for a mistake in lvsctl."""

AGAIN: Final = 1.0
"""Seconds after which what could not be looked at, or opened, is tried again."""


def boottime() -> float:
    """Seconds; goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to be seen of an instance.

    heard: the last advert of another router; when that was: state.heard. lacking: what keeps it in fault, in words;
    nothing of the other members of its group.
    """

    state: State
    heard: Advert | None
    counts: Counts
    lacking: tuple[str, ...] = ()


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
        self._ground = ground
        self._told = told
        self._wrong = wrong
        self._number = number
        self._announcing = announcing or Announcing()
        self._now = clock
        self._parties = Parties(clock, self._employ)
        self._ports = Ports(heard=self._heard, after=self._wind_up)
        self._interfaces: Interfaces | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._stopping = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._movers: dict[Station, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._parties.take(instances, self._announcing)

    # --- RoleProvider -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Takes part from the first look at the interfaces on, until `stop` or cancelled: either way it hands over."""
        async with asyncio.TaskGroup() as self._tasks:
            self._begin(self._tasks)
            try:
                await self._stopping.wait()
            finally:
                self._stopping.set()
                await self._farewell()

    def stop(self) -> None:
        self._stopping.set()

    def role(self, instance: str) -> Role | None:
        return self._parties.station(instance).role

    def set_priority(self, instance: str, priority: int) -> None:
        """It stands until it is set anew, whatever `take` brings; what takes it away is that the instance leaves."""
        self._parties.station(instance).offered = priority
        self._parties.at(instance, SetPriority(priority))
        self._wind_up()

    def release(self) -> None:
        self._parties.everywhere(GiveUp())
        self._wind_up()

    # --- another configuration ----------------------------------------------------------------------------------------

    def take(self, instances: Sequence[Instance], announcing: Announcing | None = None) -> None:
        """Have these from now on, by their names. Nothing of one disturbs another, but in its own sync group.

        - What is the same goes on untouched.
        - What has other addresses, priority, interval, source, peers, password, keys, checksum, preemption or tracked
          interfaces goes on in its role. An active one says so at once, with an advert; new addresses are put on and
          announced, and those that it has no more are taken off. A preemption that had begun begins anew.
        - What has another number, interface, family, version, sync group or kind of MAC hands over, and begins anew.
        - What is gone hands over. What is new listens first.
        - A sync group is one: if a member begins anew, joins or leaves, all that stay in it begin anew.
        - A priority that was set (`set_priority`) stands; where none was, the configured one counts.

        announcing: for all; a director that is active announces once more if it is another one.
        """
        if self._stopping.is_set():
            return
        if self._tasks is not None:
            self._ring()  # what is due, and what was heard, belongs to those that were
        self._announcing = announcing or Announcing()
        self._parties.take(instances, self._announcing)
        if self._interfaces is not None:
            self._interfaces = {**self._interfaces}  # who waits to try something again waits for older ones
            self._ports.follow(self._parties.stations, self._interfaces)
        if self._tasks is not None:
            self._begin(self._tasks)
            self._wind_up()

    # --- what is to be seen ---------------------------------------------------------------------------------------

    def reports(self) -> Mapping[str, Report]:
        """By the name of the instance, all of the same moment."""
        return {
            (name := station.instance.name): Report(
                self._parties.state(name), station.heard, station.counts(), tuple(station.lacking.values())
            )
            for station in self._parties.stations
        }

    # --- what happens ---------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            stations = self._parties.stations
            try:
                instances = [station.configured for station in stations]
                await self._sweep(instances)
                async with self._ground.watch(watched(instances)) as watch:
                    async for interfaces in watch:
                        self._news(interfaces)
            except KernelError as error:
                for station in stations:
                    station.trouble(str(error))
            await asyncio.sleep(AGAIN)

    async def _sweep(self, instances: Sequence[Instance]) -> None:
        """Trouble with what there is no instance for any more is told as the first one's."""
        for answer in await swept(instances, self._ground):
            if isinstance(answer, Refusal):
                for station in self._parties.stations[:1]:
                    station.trouble(answer.message)

    def _news(self, interfaces: Interfaces) -> None:
        self._interfaces = interfaces
        stations = self._parties.stations
        moving = virtual([station.configured for station in stations])
        for station in stations:
            station.sourced(interfaces, moving)
        if not self._ports.follow(stations, interfaces):
            asyncio.get_running_loop().call_later(AGAIN, self._again, interfaces)
        self._ports.hear_all()
        for station in stations:
            self._judge(station, interfaces)
            station.mover.look(interfaces)
        self._parties.everywhere(Start())
        self._wind_up()

    def _judge(self, station: Station, interfaces: Interfaces) -> None:
        name = station.instance.name
        station.lacking = {**station.unheard, **faults(station.instance, interfaces)}
        own = frozenset(station.lacking)
        before = self._parties.state(name).faults - {Cause.GROUP}
        for cause in sorted(own - before):
            self._parties.at(name, Unfit(cause))
        for cause in sorted(before - own):
            self._parties.at(name, Fit(cause))

    def _again(self, interfaces: Interfaces) -> None:
        if interfaces is self._interfaces and not self._stopping.is_set():
            self._news(interfaces)

    def _heard(self, station: Station, datagram: Datagram) -> None:
        advert = station.hear(datagram)
        if advert is not None:
            self._parties.at(station.instance.name, Heard(advert))

    def _helpless(self, instance: str) -> None:
        """An active instance cannot have its addresses: perhaps the other director can."""
        if not self._stopping.is_set():
            self._parties.at(instance, GiveUp(Why.HELPLESS))
            self._wind_up()

    def _ring(self) -> None:
        self._silence()
        try:
            self._ports.hear_all()
            self._parties.tick()
        except BaseException:
            self._wind_up(BREATH)  # whatever fails: a timer that is not wound up would be the last one
            raise
        self._wind_up()

    # --- what is done -------------------------------------------------------------------------------------------------

    def _employ(self, me: Instance) -> Station:
        """One that is still leaving comes back: its addresses are one mover's business."""
        for station, task in self._movers.items():
            if station.configured.name == me.name and not task.done():
                return station
        return Station(
            me,
            self._ground,
            self._announcing,
            told=self._told,
            wrong=self._wrong,
            helpless=self._helpless,
            number=self._number,
            clock=self._now,
        )

    def _begin(self, tasks: asyncio.TaskGroup) -> None:
        """Look at the interfaces; movers for those that have none."""
        for station in self._parties.stations:
            if station not in self._movers:
                task = self._movers[station] = tasks.create_task(station.mover.run())
                task.add_done_callback(lambda _, station=station: self._movers.pop(station))  # type: ignore[misc]
        if self._watching is not None:
            self._watching.cancel()
        self._watching = tasks.create_task(self._watch())

    async def _farewell(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._parties.everywhere(Stop())
        self._ports.close()
        self._silence()
        movers = {station.mover for station in (*self._parties.stations, *self._movers)}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await asyncio.gather(*(mover.settled() for mover in movers), return_exceptions=True)
        for task in list(self._movers.values()):
            task.cancel()

    def _wind_up(self, soonest: float = 0.0) -> None:
        """One timer, for what is due next. soonest: in seconds from now.

        One that comes too early is left alone: it finds nothing to do. Were it wound up anew whenever somebody was
        heard, a flood could put it off for ever.
        """
        due = self._parties.next_timer()
        if due is None or (self._timer is not None and self._due <= due):
            return
        self._silence()
        self._due = due
        self._timer = asyncio.get_running_loop().call_later(max(soonest, due - self._now()), self._ring)

    def _silence(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
