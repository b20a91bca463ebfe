"""From which address an instance sends its adverts, where its configuration leaves that to the interface. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from lvsctl.model import Address, Family, Instance, Interface, Interfaces


def sender(me: Instance) -> Address:
    """Raises ValueError as long as it is not known (see `sourced`)."""
    if me.source is None:
        raise ValueError(f"{me.name} has no address to send from yet")
    return me.source


def virtual(instances: Collection[Instance]) -> frozenset[Address]:
    """The addresses that move: none of them is anybody's to send from."""
    return frozenset(address.ip for instance in instances for address in instance.addresses)


def sourced(
    configured: Instance, before: Address | None, interfaces: Interfaces, moving: Collection[Address]
) -> Instance:
    """The instance with the source that it has now; None where there has been none yet.

    That is the interface's first address of the family, of IPv6 the first link-local one. Where the peers are not
    link-local it is none that is: they would know it by another one. before: the one that it has had; it is kept for
    as long as the interface has it, since the kernel puts some new addresses first, and while there is no other:
    `fitness` tells that it is gone. moving: see `virtual`.
    """
    if configured.source is not None:
        return configured
    interface = interfaces.get(configured.interface)
    suitable = [] if interface is None else _suitable(configured, interface, moving)
    return replace(configured, source=before if before in suitable else next(iter(suitable), before))


def _suitable(me: Instance, interface: Interface, moving: Collection[Address]) -> list[Address]:
    version = 4 if me.family is Family.INET else 6
    own = [held.ip for held in interface.addresses if held.version == version and held.ip not in moving]
    if me.family is Family.INET:
        return own
    local = all(peer.is_link_local for peer in me.peers)
    return [address for address in own if address.is_link_local is local]
