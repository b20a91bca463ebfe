"""What is told of a service's load: what began since the last look, and what ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lvsctl.decide.spill.counting import is_closed
from lvsctl.decide.spill.load import Crowd, PoolLoad, ServiceLoad
from lvsctl.events import CapacityFine, CapacityHigh, Event, PoolExhausted, PoolRelieved, SpillEnded, SpillStarted
from lvsctl.model import CapacityWarning


def crowds(
    warning: CapacityWarning | None, pools: Iterable[PoolLoad], before: Mapping[str, Crowd], now: float
) -> dict[str, Crowd]:
    """The pools that hold at least the share of their capacity, by name."""
    if warning is None:
        return {}
    found: dict[str, Crowd] = {}
    for pool in pools:
        if pool.capacity and pool.share >= warning.share:
            crowd = before.get(pool.name, Crowd(now))
            found[pool.name] = Crowd(crowd.since, told=now - crowd.since >= warning.lasting)
    return found


def told(
    load: ServiceLoad, before: ServiceLoad | None, now: float, warning: CapacityWarning | None = None
) -> Iterator[Event]:
    """The events. load: spills that have just been counted to their end are in it; warning: None where nobody warns."""
    yield from _of_spills(load, before, now)
    was_exhausted = before.exhausted if before is not None else None
    if load.exhausted is not None and was_exhausted is None:
        yield PoolExhausted(load.name)
    if load.exhausted is None and was_exhausted is not None:
        yield PoolRelieved(load.name, now - was_exhausted)
    yield from _of_crowds(load, before, now, warning)


def _of_spills(load: ServiceLoad, before: ServiceLoad | None, now: float) -> Iterator[Event]:
    known = {(spill.pool, spill.to): spill for spill in (before.spills if before is not None else ())}
    found = {(spill.pool, spill.to): spill for spill in load.spills}
    for subject, spill in reversed({**known, **found}.items()):  # the lowest ends first
        if subject not in found or is_closed(spill, now):
            over = now if spill.over is None else spill.over
            yield SpillEnded(load.name, spill.pool, spill.to, over - spill.since, spill.connections, spill.peak)
    for subject, spill in found.items():
        if subject not in known:
            yield SpillStarted(load.name, spill.pool, spill.to)


def _of_crowds(
    load: ServiceLoad, before: ServiceLoad | None, now: float, warning: CapacityWarning | None
) -> Iterator[Event]:
    known = {name: crowd for name, crowd in (before.crowds if before is not None else {}).items() if crowd.told}
    pools = {pool.name: pool for pool in load.pools}
    for name, crowd in load.crowds.items():
        if crowd.told and name not in known and warning is not None:
            yield CapacityHigh(load.name, name, pools[name].share, warning.share)
    for name, crowd in known.items():
        if name not in load.crowds or not load.crowds[name].told:
            share = pools[name].share if name in pools else 0.0
            yield CapacityFine(load.name, name, share, now - crowd.since)
