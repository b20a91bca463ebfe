"""What happened to network interfaces between two looks at them."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.model import Interface, Interfaces, LinkChange, LinkEvent


def link_events(before: Interfaces, after: Interfaces) -> tuple[LinkEvent, ...]:
    """By interface, in the order of `after`; nothing of those that `before` does not name.

    An interface that was deleted and made again has another index: it is told as gone, then as appeared.
    """
    return tuple(event for name in after if name in before for event in _between(name, before[name], after[name]))


def _between(name: str, before: Interface | None, after: Interface | None) -> Iterator[LinkEvent]:
    if before is not None and (after is None or after.index != before.index):
        yield LinkEvent(name, LinkChange.GONE)
        before = None
    if after is None:
        return
    if before is None:
        yield LinkEvent(name, LinkChange.APPEARED)
        return
    yield from (LinkEvent(name, change) for change in _of_link(before, after))
    for address in before.addresses:
        if address not in after.addresses:
            yield LinkEvent(name, LinkChange.ADDRESS_LOST, address)
    for address in after.addresses:
        if address not in before.addresses:
            yield LinkEvent(name, LinkChange.ADDRESS_ADDED, address)


def _of_link(before: Interface, after: Interface) -> Iterator[LinkChange]:
    if before.up != after.up:
        yield LinkChange.UP if after.up else LinkChange.DOWN
    if before.carrier != after.carrier:
        yield LinkChange.CARRIER_BACK if after.carrier else LinkChange.CARRIER_LOST
    if before.mac != after.mac:
        yield LinkChange.NEW_MAC
