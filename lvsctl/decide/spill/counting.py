"""What was spilled between two looks, and what that makes of the spills that were known.

A spill that came and went between two looks is found by what it left behind. The cumulative counters lose nothing, but
lag; so what rises there is a sign only of a pool that for so long had no right to connections. Connections in the
table do not lag, so one more of them on a lower pool is a sign at once. Signs count only where all servers above can
be full, and had been above at the look before. (With the sysctl net.ipv4.vs.run_estimation at 0 the counters stand
still, and only the table tells.)

With persistence a lower pool gets connections of clients that it is remembered for, full or not: there only one
template more is a sign (missed if as many ended meanwhile), and what is counted includes those connections.

A server deleted and added again goes on with its counters if it comes back within minutes, else from 0; what came just
before it went is counted only when it is back, so that is no sign. `ipvsadm -Z` begins at 0, too: what stands there
is what came since then (a little more may have come before). What a server did before it was first seen is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lvsctl.decide.spill.load import PoolLoad, ServerLoad, ServiceLoad, Spill
from lvsctl.model import Pool, RealKey

LAG = 3.0
"""Seconds by which cumulative counters may lag: the kernel's estimator adds up every 2 s; with something to spare."""


@dataclass(frozen=True, slots=True)
class Rise:
    """What came to a pool since the last look. counted: by the counters; grown: by the table, if that was all spilled.

    sign: it shows that the pools above were full at some moment since the last look; late_sign: that they were, then
    or a little before.
    """

    counted: int = 0
    grown: int = 0
    sign: bool = False
    late_sign: bool = False


def rises(
    before: ServiceLoad, configured: tuple[Pool, ...], servers: Mapping[RealKey, ServerLoad], *, persistent: bool
) -> dict[str, Rise]:
    """By pool. servers: as they are seen now."""
    same = before.configured == configured
    return {pool.name: _rise(before, pool, servers, same=same, persistent=persistent) for pool in configured}


def _rise(
    before: ServiceLoad, pool: Pool, servers: Mapping[RealKey, ServerLoad], *, same: bool, persistent: bool
) -> Rise:
    pairs = [
        (was, servers[server.key])
        for server in pool.servers
        if (was := before.servers.get(server.key)) is not None and server.key in servers
    ]
    came = sum(_came(was, now) for was, now in pairs)
    settled = before.at - before.entitled.get(pool.name, float("-inf")) > LAG
    known = [spill for spill in before.spills if spill.to == pool.name]  # and being counted: what comes late is theirs
    if not same or pool.name not in before.below:
        return Rise(came if settled or known else 0)
    grown = sum(max(0, now.total - was.total) for was, now in pairs)
    counted = came if settled or known else min(came, grown)
    if persistent:
        return Rise(counted, grown, sign=any(now.templates > was.templates for was, now in pairs))
    over = all(spill.over is not None and before.at - spill.over > LAG for spill in known)
    late_sign = settled and over and came > _of_the_away(before, pool, servers)
    return Rise(counted, grown, sign=grown > 0, late_sign=late_sign)


def _came(was: ServerLoad, now: ServerLoad) -> int:
    return now.ever - was.ever if now.ever >= was.ever else now.ever


def _of_the_away(before: ServiceLoad, pool: Pool, servers: Mapping[RealKey, ServerLoad]) -> int:
    """What the counters of servers that are back rose by; it may have come before they went."""
    if not before.away:
        return 0
    back = (server.key for server in pool.servers if server.key in before.away and server.key in servers)
    return sum(_came(before.servers[key], servers[key]) for key in back)


def were_full(order: Sequence[PoolLoad], came: Mapping[str, Rise], *, late: bool) -> int:
    """How many pools, from the highest on, were full since the last look, by the signs. late: by late ones, too."""
    found = 0
    for index, (above, pool) in enumerate(pairwise(order), start=1):
        if above.capacity is None:
            break
        rise = came.get(pool.name, Rise())
        if rise.sign or (late and rise.late_sign):
            found = index
    return found


def spills(before: Sequence[Spill], order: Sequence[PoolLoad], came: Mapping[str, Rise], now: float) -> Iterator[Spill]:
    """Those of `before` that go on, or wait for their last counts, and new ones; highest first."""
    deep = were_full(order, came, late=True)
    known = {(spill.pool, spill.to): spill for spill in before}
    full = True
    for index, (pool, to) in enumerate(pairwise(order), start=1):
        full = full and pool.full
        spill = known.get((pool.name, to.name))
        if spill is None and not full and index > deep:
            continue
        over = None if full else now
        if spill is None:
            spill = Spill(pool.name, to.name, now)
        elif spill.over is not None and not full and index > deep:
            over = spill.over
        rise = came.get(to.name, Rise())
        counted, grown = spill.counted + rise.counted, spill.grown + rise.grown
        yield replace(spill, counted=counted, grown=grown, peak=max(spill.peak, to.conns), over=over)
