"""Why an instance cannot serve, from what its interfaces are like. Pure."""

from __future__ import annotations

from collections.abc import Collection

from lvsctl.model import Instance, Interface, Interfaces
from lvsctl.pair.state import Cause


def watched(instances: Collection[Instance]) -> tuple[str, ...]:
    """The names of the interfaces on which the fitness of these depends."""
    return tuple(dict.fromkeys(name for instance in instances for name in (instance.interface, *instance.track)))


def faults(me: Instance, interfaces: Interfaces) -> frozenset[Cause]:
    """All that there are; none of the group's. me: with its source, if it has one now (`source.sourced`)."""
    tracked = frozenset(() if all(map(_carries, map(interfaces.get, me.track))) else (Cause.TRACKED,))
    interface = interfaces.get(me.interface)
    if interface is None or not interface.up:
        return tracked | {Cause.INTERFACE}
    carrier = frozenset(() if interface.carrier else (Cause.CARRIER,))
    sourced = me.source is not None and interface.holds(me.source)
    return tracked | carrier | (frozenset() if sourced else {Cause.ADDRESS})


def _carries(interface: Interface | None) -> bool:
    return interface is not None and interface.carrier
