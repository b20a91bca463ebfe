"""The virtual routers of one director, by those that move together: events in, and what they ask for is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from lvsctl.model import Announcing, Instance
from lvsctl.pair import group
from lvsctl.pair.fates import Fate, fates
from lvsctl.pair.state import Announce, Became, Cause, Changed, Event, Send, SetPriority, State, Stop, Tick, Why
from lvsctl.pair.station import Station
from lvsctl.pair.words import words


class Party:
    """A sync group as it is now, or an instance that moves alone."""

    def __init__(self, stations: Sequence[Station]) -> None:
        self.stations = stations
        self.states = group.initial(self.members)

    @property
    def members(self) -> tuple[Instance, ...]:
        """With the sources that they have now."""
        return tuple(station.instance for station in self.stations)


class Parties:
    """now: the clock of the machines, in seconds. employ: makes a station for an instance that is new."""

    def __init__(self, now: Callable[[], float], employ: Callable[[Instance], Station]) -> None:
        self._now = now
        self._employ = employ
        self._stations: dict[str, Station] = {}
        self._parties: list[Party] = []
        self._where: dict[str, tuple[Party, int]] = {}

    @property
    def stations(self) -> Sequence[Station]:
        """In the order of the configuration."""
        return list(self._stations.values())

    def station(self, instance: str) -> Station:
        """Raises KeyError."""
        return self._stations[instance]

    def state(self, instance: str) -> State:
        """Raises KeyError."""
        party, at = self._where[instance]
        return party.states[at]

    # --- what happens -------------------------------------------------------------------------------------------------

    def everywhere(self, event: Event) -> None:
        for party in self._parties:
            self._step(party, event)

    def at(self, instance: str, event: Event) -> None:
        """At this instance. Raises KeyError."""
        party, at = self._where[instance]
        self._step(party, event, at)

    def tick(self) -> None:
        """Wherever a timer is due."""
        now = self._now()
        for party in self._parties:
            for at in range(len(party.stations)):
                timer = party.states[at].timer
                if timer is not None and timer <= now:
                    self._step(party, Tick(), at)

    def next_timer(self) -> float | None:
        """When the first one is due; None: all wait for something else."""
        timers = (state.timer for party in self._parties for state in party.states)
        return min((timer for timer in timers if timer is not None), default=None)

    # --- another configuration ----------------------------------------------------------------------------------------

    def take(self, instances: Sequence[Instance], announcing: Announcing) -> None:
        """See `Speaker.take`."""
        due = fates([station.configured for station in self.stations], instances)
        for party in self._parties:
            fate = [due[station.configured.name] for station in party.stations]
            if not {Fate.ANEW, Fate.GONE}.isdisjoint(fate):
                self._step(party, Stop(Why.REMOVED if set(fate) == {Fate.GONE} else Why.ANEW))
        states = {name: self.state(name) for name, fate in due.items() if fate in (Fate.SAME, Fate.ON)}
        self._engage(instances, announcing)
        self._gather(states)
        for name in (name for name, fate in due.items() if fate is Fate.ON):
            self.at(name, SetPriority(self._priority(name)))
            self.at(name, Changed())

    def _engage(self, instances: Sequence[Instance], announcing: Announcing) -> None:
        before, self._stations = self._stations, {}
        for me in instances:
            station = before.pop(me.name, None) or self._employ(me)
            station.take(me, announcing)
            self._stations[me.name] = station
        for station in before.values():
            station.offered = None
            station.mover.leave()

    def _gather(self, states: dict[str, State]) -> None:
        """states: of those that go on."""
        moving: dict[str, list[Station]] = {}
        for name, station in self._stations.items():
            me = station.configured
            moving.setdefault(f"group {me.group}" if me.group else name, []).append(station)
        self._parties = [Party(stations) for stations in moving.values()]
        self._where = {name: (party, at) for party in self._parties for at, name in enumerate(_names(party))}
        for party in self._parties:
            party.states = tuple(
                states.get(name, state) for name, state in zip(_names(party), party.states, strict=True)
            )
        for name in self._stations.keys() - states.keys():
            self.at(name, SetPriority(self._priority(name)))

    def _priority(self, name: str) -> int:
        station = self._stations[name]
        return station.configured.priority if station.offered is None else station.offered

    # --- what is done -------------------------------------------------------------------------------------------------

    def _step(self, party: Party, event: Event, at: int | None = None) -> None:
        before, now = party.states, self._now()
        party.states, done = group.step(party.members, before, event, now, at=at)
        said = _said(party, before, now, {at: action for at, action in done if isinstance(action, Became)})
        for number, action in done:
            station = party.stations[number]
            match action:
                case Send(priority):
                    station.send(priority)
                case Became(role):
                    station.became(role, said[number], party.states[number].priority)
                case Announce():
                    station.mover.announce()


def _said(party: Party, before: group.States, now: float, became: Mapping[int, Became]) -> dict[int, str]:
    """Why, in words; of members that only follow another one: what that one says."""
    own = {at: action for at, action in became.items() if not _follows(action, party.states[at])}
    leader = next(iter(own), None)
    said = {}
    for at in became:
        of = at if at in own or leader is None else leader
        me = party.stations[of]
        why, missing = became[of].why, me.lacking.values()
        text = words(why, me.instance, before[of], now, heard=me.heard, missing=missing)
        said[at] = text if of == at else f"with {me.instance.name}: {text}"
    return said


def _follows(action: Became, state: State) -> bool:
    return action.why is Why.GROUP or (action.why is Why.FAULT and state.faults == {Cause.GROUP})


def _names(party: Party) -> Iterator[str]:
    return (station.configured.name for station in party.stations)
