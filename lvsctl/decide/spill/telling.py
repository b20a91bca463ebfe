"""What is told of a service's load: what began since the last look, and what ended.

Near a threshold a pool may be full at one look and have room at the next. So a spill or a shortage is told to be over
only when it has been for the service's `spill_quiet`; one that comes again sooner goes on. Its duration is the time
from its beginning to its last moment: without that wait, and with the pauses in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lvsctl.decide.spill.counting import LAG
from lvsctl.decide.spill.load import Crowd, PoolLoad, ServiceLoad, Shortage, Spill
from lvsctl.events import CapacityFine, CapacityHigh, Event, PoolExhausted, PoolRelieved, SpillEnded, SpillStarted
from lvsctl.model import CapacityWarning


def shortage(before: Shortage | None, now: float, *, exhausted: bool) -> Shortage | None:
    """What is known of it at a look. exhausted: no server has room."""
    if exhausted:
        return Shortage(before.since if before is not None else now)
    if before is None or before.over is not None:
        return before
    return replace(before, over=now)


def without_ended(load: ServiceLoad, now: float, quiet: float) -> ServiceLoad:
    """What of `load` goes on once all of it has been told. quiet: see `told`."""
    spills = tuple(spill for spill in load.spills if not _is_ended(spill, now, quiet))
    ended = load.shortage is not None and _is_ended(load.shortage, now, quiet)
    return replace(load, spills=spills, shortage=None if ended else load.shortage)


def _is_ended(one: Spill | Shortage, now: float, quiet: float) -> bool:
    """Nor is a spill ended before all that it sent down has been counted."""
    wait = max(quiet, LAG) if isinstance(one, Spill) else quiet
    return one.over is not None and now - one.over >= wait


def _lasted(one: Spill | Shortage, now: float) -> float:
    return (now if one.over is None else one.over) - one.since


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
    load: ServiceLoad,
    before: ServiceLoad | None,
    now: float,
    *,
    quiet: float = 0.0,
    warning: CapacityWarning | None = None,
) -> Iterator[Event]:
    """The events. load: what ends now is in it still, unless its pool has gone. quiet: seconds; warning: None for none.

    What began and ended since the last look is told as begun.
    """
    yield from _of_spills(load, before, now, quiet)
    yield from _of_shortage(load, before, now, quiet)
    yield from _of_crowds(load, before, now, warning)


def _of_spills(load: ServiceLoad, before: ServiceLoad | None, now: float, quiet: float) -> Iterator[Event]:
    known = {(spill.pool, spill.to): spill for spill in (before.spills if before is not None else ())}
    found = {(spill.pool, spill.to): spill for spill in load.spills}
    for subject, spill in reversed({**known, **found}.items()):  # the lowest ends first
        if subject not in found or _is_ended(spill, now, quiet):
            yield SpillEnded(load.name, spill.pool, spill.to, _lasted(spill, now), spill.connections, spill.peak)
    for subject, spill in found.items():
        if subject not in known:
            yield SpillStarted(load.name, spill.pool, spill.to)


def _of_shortage(load: ServiceLoad, before: ServiceLoad | None, now: float, quiet: float) -> Iterator[Event]:
    known = before.shortage if before is not None else None
    last = load.shortage or known
    if known is None and load.shortage is not None:
        yield PoolExhausted(load.name)
    elif last is not None and (load.shortage is None or _is_ended(last, now, quiet)):
        yield PoolRelieved(load.name, _lasted(last, now))


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
