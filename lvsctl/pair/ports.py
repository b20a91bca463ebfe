"""The ports of all instances: one for each interface and family, opened and closed as interfaces come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from lvsctl.errors import LvsctlError
from lvsctl.model import Family, Instance, Interface, Interfaces
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.filter import Wanted
from lvsctl.pair.port import WAITING, Port
from lvsctl.pair.station import Station

AT_ONCE: Final = 64
"""Datagrams of a queue that are taken before the loop turns: a flood holds nobody up."""

_Place: TypeAlias = tuple[str, Family]
_There: TypeAlias = dict[int, Station]
"""By the number of its virtual router."""


class Ports:
    """heard: called with each datagram for one of the stations; after: when some have been heard, and the loop turns.

    A datagram belongs to the station of its interface, family and virtual router.
    """

    def __init__(
        self,
        *,
        heard: Callable[[Station, Datagram], None],
        after: Callable[[], None],
    ) -> None:
        self._at: dict[_Place, _There] = {}
        self._open: dict[_Place, Port] = {}
        self._heard = heard
        self._after = after

    def follow(self, stations: Sequence[Station], interfaces: Interfaces) -> bool:
        """Have a port for every station that knows its source, where its interface is there.

        False: one could not be opened; try again. A port that stays open loses nothing of what waits in it.
        """
        wanted = _places(stations)
        for place in self._open.keys() - wanted.keys():
            self._close(place)
        followed = [self._follow(place, there, interfaces.get(place[0])) for place, there in wanted.items()]
        return all(followed)

    def hear_all(self) -> None:
        """Everything that was waiting when this began."""
        for place in self._open:
            for wanted, most in WAITING.items():
                self._hear(place, wanted, most)

    def close(self) -> None:
        for place in list(self._open):
            self._close(place)

    def _follow(self, place: _Place, there: _There, interface: Interface | None) -> bool:
        port = self._open.get(place)
        if port is not None and (interface is None or port.index != interface.index):
            self._close(place)
            port = None
        try:
            if port is not None:
                self._serve(place, there)
            elif interface is not None and interface.up:
                self._make(place, there, interface)
        except LvsctlError as error:
            for station in there.values():
                station.have_none(str(error))
            return False
        return True

    def _make(self, place: _Place, there: _There, interface: Interface) -> None:
        port = self._open[place] = Port(interface.name, interface.index, _instances(there))
        self._have(place, there)
        for wanted, queue in port.queues.items():
            asyncio.get_running_loop().add_reader(queue, self._wake, place, wanted)

    def _serve(self, place: _Place, there: _There) -> None:
        port, instances = self._open[place], _instances(there)
        if port.instances != instances:
            try:
                port.serve(instances)
            except LvsctlError:
                self._close(place)
                raise
        self._have(place, there)

    def _have(self, place: _Place, there: _There) -> None:
        for station in set(self._at.get(place, {}).values()) - set(there.values()):
            station.have(None)
        self._at[place] = there
        for station in there.values():
            station.have(self._open[place])

    def _close(self, place: _Place) -> None:
        port = self._open.pop(place)
        for station in self._at.pop(place).values():
            station.have(None)
        for queue in port.queues.values():
            asyncio.get_running_loop().remove_reader(queue)
        port.close()

    def _wake(self, place: _Place, wanted: Wanted) -> None:
        self._hear(place, wanted, AT_ONCE)
        self._after()

    def _hear(self, place: _Place, wanted: Wanted, most: int) -> None:
        stations = self._at[place]
        for datagram in self._open[place].take(wanted, most):
            station = stations.get(datagram.payload[1])  # the filters take nothing shorter
            if station is not None:
                self._heard(station, datagram)


def _places(stations: Sequence[Station]) -> dict[_Place, _There]:
    places: dict[_Place, _There] = {}
    for station in stations:
        me = station.instance
        if me.source is not None:
            places.setdefault((me.interface, me.family), {})[me.vrid] = station
    return places


def _instances(there: _There) -> tuple[Instance, ...]:
    return tuple(station.instance for station in there.values())
