"""The ports of all instances: one for each interface and family, opened and closed as interfaces come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from lvsctl.errors import LvsctlError
from lvsctl.model import Family, Interface, Interfaces
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.filter import Wanted
from lvsctl.pair.port import WAITING, Port
from lvsctl.pair.station import Station

AT_ONCE: Final = 64
"""Datagrams of a queue that are taken before the loop turns: a flood holds nobody up."""

_Place: TypeAlias = tuple[str, Family]


class Ports:
    """heard: called with each datagram for one of the stations; after: when some have been heard, and the loop turns.

    A datagram belongs to the station of its interface, family and virtual router.
    """

    def __init__(
        self,
        stations: Sequence[Station],
        *,
        heard: Callable[[Station, Datagram], None],
        after: Callable[[], None],
    ) -> None:
        self._at: dict[_Place, dict[int, Station]] = {}
        for station in stations:
            me = station.instance
            self._at.setdefault((me.interface, me.family), {})[me.vrid] = station
        self._open: dict[_Place, Port] = {}
        self._heard = heard
        self._after = after

    def follow(self, interfaces: Interfaces) -> bool:
        """Have a port on every interface that is there. False: one could not be opened; try again."""
        followed = [self._follow(place, interfaces.get(place[0])) for place in self._at]
        return all(followed)

    def hear_all(self) -> None:
        """Everything that was waiting when this began."""
        for place in self._open:
            for wanted, most in WAITING.items():
                self._hear(place, wanted, most)

    def close(self) -> None:
        for place in list(self._open):
            self._close(place)

    def _follow(self, place: _Place, interface: Interface | None) -> bool:
        port = self._open.get(place)
        if port is not None and (interface is None or port.index != interface.index):
            self._close(place)
            port = None
        if port is None and interface is not None and interface.up:
            return self._try(place, interface)
        return True

    def _try(self, place: _Place, interface: Interface) -> bool:
        stations = self._at[place].values()
        try:
            port = Port(interface.name, interface.index, [station.instance for station in stations])
        except LvsctlError as error:
            for station in stations:
                station.trouble(str(error))
            return False
        self._open[place] = port
        for station in stations:
            station.have(port)
        for wanted, queue in port.queues.items():
            asyncio.get_running_loop().add_reader(queue, self._wake, place, wanted)
        return True

    def _close(self, place: _Place) -> None:
        port = self._open.pop(place)
        for station in self._at[place].values():
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
