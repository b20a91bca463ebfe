"""Why an instance cannot serve, from what its interfaces are like. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lvsctl.model import Family, Instance, Interface, Interfaces
from lvsctl.pair.place import virtual_links
from lvsctl.pair.state import Cause


def watched(instances: Collection[Instance]) -> tuple[str, ...]:
    """The names of the interfaces on which the fitness of these depends, and of those that are made for them."""
    given = [name for instance in instances for name in (instance.interface, *instance.track)]
    return tuple(dict.fromkeys((*given, *(link.name for link in virtual_links(instances)))))


def faults(me: Instance, interfaces: Interfaces) -> Mapping[Cause, str]:
    """All that there are, each in words; none of the group's.

    me: with its source, if it has one now (`source.sourced`).
    """
    found: dict[Cause, str] = {}
    tracked = [lack for name in me.track if (lack := _lack(name, interfaces.get(name)))]
    if tracked:
        found[Cause.TRACKED] = ", ".join(f"{lack} (tracked)" for lack in tracked)
    interface = interfaces.get(me.interface)
    if interface is None or not interface.up:
        return found | {Cause.INTERFACE: _lack(me.interface, interface)}
    if not interface.carrier:
        found[Cause.CARRIER] = _lack(me.interface, interface)
    if me.source is None or not interface.holds(me.source):
        found[Cause.ADDRESS] = f"{me.interface} has no {_address(me)}"
    return found


def _lack(name: str, interface: Interface | None) -> str:
    """What keeps packets from coming through; "" where nothing does."""
    if interface is None:
        return f"there is no interface {name}"
    if not interface.up:
        return f"{name} is down"
    return "" if interface.carrier else f"{name} has no carrier"


def _address(me: Instance) -> str:
    if me.source is not None:
        return f"address {me.source} to send adverts from"
    if me.family is Family.INET:
        return "IPv4 address to send adverts from"
    local = all(peer.is_link_local for peer in me.peers)
    return f"{'link-local' if local else 'global'} IPv6 address to send adverts from"
