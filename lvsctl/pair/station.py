"""One instance at work: what it sends, what it takes in, what is counted and told of it, and its addresses."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from ipaddress import ip_address
from operator import attrgetter
from typing import Final

from lvsctl.model import Address, Announcing, Instance, Interfaces, Role, Transition, Trouble
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.ground import Ground
from lvsctl.pair.mover import Mover
from lvsctl.pair.packet import Advert, Codec
from lvsctl.pair.place import advert_mac
from lvsctl.pair.port import Port
from lvsctl.pair.source import sourced
from lvsctl.pair.state import Cause
from lvsctl.pair.tally import Counts, Kind, Seldom, Tally

_home: Final = attrgetter("interface", "family")


class Station:
    """configured, instance: the latter with its source, as far as that is known. role: as the machine has it; its
    addresses may still be on their way. port: see `have`. heard: the last advert that was one for this instance.
    offered: the priority that it was told to have. lacking: what it lacks to serve, in words; of that, unheard: a port.
    """

    def __init__(
        self,
        instance: Instance,
        ground: Ground,
        announcing: Announcing,
        *,
        told: Callable[[Transition], None],
        wrong: Callable[[Trouble], None],
        helpless: Callable[[str], None],
        number: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self.configured = instance
        self.role: Role | None = None
        self.port: Port | None = None
        self.heard: Advert | None = None
        self.offered: int | None = None
        self.lacking: Mapping[Cause, str] = {}
        self.unheard: Mapping[Cause, str] = {}
        self.mover = Mover(
            instance, ground, announcing, told=told, wrong=self.trouble, helpless=lambda: helpless(instance.name)
        )
        self.instance = instance
        self._codec = Codec(instance) if instance.source is not None else None
        self._tally = Tally()
        self._seldom = Seldom()
        self._newest: dict[bytes, int] = {}
        self._wrong = wrong
        self._number = number
        self._clock = clock

    def take(self, instance: Instance, announcing: Announcing) -> None:
        """Configured otherwise. The source that it has found stays until the interface is looked at."""
        found = self.instance.source if _home(instance) == _home(self.instance) else None
        self.configured = instance
        self._use(replace(instance, source=instance.source or found))
        self.mover.take(instance, announcing)

    def sourced(self, interfaces: Interfaces, moving: Collection[Address]) -> None:
        """moving: see `source.virtual`."""
        self._use(sourced(self.configured, self.instance.source, interfaces, moving))

    def have(self, port: Port | None) -> None:
        """From now on; None: its interface cannot be used."""
        if self.port is not None and self.port is not port:
            self._tally.closing(self.port)
        self.port = port
        self.unheard = {}

    def have_none(self, why: str) -> None:
        """Its interface is there, and a port cannot be opened."""
        self.have(None)
        self.unheard = {Cause.INTERFACE: why}
        self.trouble(why)

    def hear(self, datagram: Datagram) -> Advert | None:
        """The advert that it is; None: it is none for us, and counted as that."""
        if self._codec is None:
            return None
        found = self._codec.decode(datagram, self._newest)
        if not isinstance(found, Advert):
            self._tally.refused[found] += 1
            self._notice(found, datagram.source, "refused an advert of {}: {}")
            return None
        if self.instance.keys:
            self._newest[datagram.source] = found.number
        self.heard = found
        self._tally.heard(found)
        for oddity in found.oddities:
            self._notice(oddity, datagram.source, "{} is configured otherwise than this director: {}")
        return found

    def send(self, priority: int) -> None:
        """To every destination; what cannot be sent is counted."""
        if self._codec is None:
            return
        number = self._number() if self.instance.keys else 0
        mac = advert_mac(self.instance)
        for datagram in self._codec.encode(priority, number):
            failure = self.port.send(datagram, mac) if self.port else errno.ENODEV
            if not failure:
                self._tally.sent(priority)
                continue
            self._tally.unsent()
            if self.port and priority:  # a farewell is said because the interface is down, as a rule
                self.trouble(f"cannot send adverts: {os.strerror(failure)}")

    def became(self, role: Role | None, why: str, priority: int) -> None:
        self._tally.became(role, self.role)
        previous, self.role = self.role, role
        self.mover.become(Transition(self.instance.name, role, previous, why, priority))

    def trouble(self, what: str) -> None:
        """Told unless the same was told a moment ago."""
        self._tell(what, what)

    def counts(self) -> Counts:
        return self._tally.counts(self.port)

    def _use(self, instance: Instance) -> None:
        if instance != self.instance:
            self.instance = instance
            self._codec = Codec(instance) if instance.source is not None else None

    def _notice(self, kind: Kind, source: bytes, sentence: str) -> None:
        self._tell(kind, sentence.format(ip_address(source), kind))

    def _tell(self, kind: Kind, what: str) -> None:
        times = self._seldom.worth_telling(kind, self._clock())
        if times:
            self._wrong(Trouble(self.instance.name, what, times))
