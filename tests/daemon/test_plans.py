"""Plans carried out on a kernel, one operation at a time: what decide promises of tables holds of the real one."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lvsctl.decide.plan import diff
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import Entry, RealAttrs, ServiceKey, Table
from tests.kernel.tables import SCHEDULERS, adding, tables

few = settings(max_examples=25, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@st.composite
def changes(draw: st.DrawFn) -> tuple[Table, Table]:
    """A table and what it is to become: services come, go and change, and so do their servers."""
    have = draw(tables(max_services=3, max_servers=4))
    fresh = draw(tables(max_services=2, max_servers=4))
    want: dict[ServiceKey, Entry] = dict(fresh)
    for key, entry in have.items():
        if draw(st.booleans()):
            kept = {server: attrs for server, attrs in entry.servers.items() if draw(st.booleans())}
            want[key] = Entry(entry.attrs, {**kept, **_reweighted(draw, kept)})
    return have, want


def _reweighted(draw: st.DrawFn, servers: Mapping[object, RealAttrs]) -> dict[object, RealAttrs]:
    chosen = [server for server in servers if draw(st.booleans())]
    return {
        server: RealAttrs(a.forward, draw(st.integers(0, 9)), a.upper, a.lower, a.tunnel)
        for server in chosen
        for a in [servers[server]]
    }


def live(table: Table, key: ServiceKey) -> bool:
    return key in table and any(attrs.weight > 0 for attrs in table[key].servers.values())


def same(one: Table, other: Table) -> bool:
    """Equal but for the order in which servers were added."""
    return one.keys() == other.keys() and all(
        one[key].attrs == other[key].attrs and dict(one[key].servers) == dict(other[key].servers) for key in one
    )


async def carry_out(ipvs: Ipvs, have: Table, want: Table, stop_after: int) -> None:
    before = await ipvs.read()
    await ipvs.apply([step.op for step in diff({}, before, owned=before.keys())])
    assert list(await ipvs.apply(adding(have))) == [None] * len(adding(have))
    owned = have.keys() | want.keys()
    plan = diff(want, await ipvs.read(), owned=owned)
    throughout = [key for key in have if live(have, key) and live(want, key)]
    for step in plan[:stop_after]:  # interrupted after any number of operations …
        assert list(await ipvs.apply([step.op])) == [None], step
        table = await ipvs.read()
        assert all(live(table, key) for key in throughout), step
    for step in diff(want, await ipvs.read(), owned=owned):  # … and planned again, it finishes
        assert list(await ipvs.apply([step.op])) == [None], step
        table = await ipvs.read()
        assert all(live(table, key) for key in throughout), step
    assert same(await ipvs.read(), want)
    assert diff(want, await ipvs.read(), owned=owned) == ()


@few
@given(change=changes(), stop_after=st.integers(0, 30))
async def test_over_the_memory(change: tuple[Table, Table], stop_after: int) -> None:
    await carry_out(MemoryIpvs(schedulers=SCHEDULERS), *change, stop_after)


@pytest.mark.kernel
@few
@given(change=changes(), stop_after=st.integers(0, 30))
async def test_over_the_kernel(netns: None, change: tuple[Table, Table], stop_after: int) -> None:
    kernel = NetlinkIpvs()
    try:
        await carry_out(kernel, *change, stop_after)
    finally:
        await kernel.close()


def test_the_changes_are_worth_testing() -> None:
    """At least some of what is generated keeps a live service alive through a change.

    How many of the first few varies with all that is imported, where hypothesis looks for constants.
    """
    seen: list[bool] = []

    @settings(few, max_examples=200)
    @given(change=changes())
    def look(change: tuple[Table, Table]) -> None:
        have, want = change
        seen.append(any(live(have, key) and live(want, key) and have[key] != want[key] for key in have))

    look()
    assert seen.count(True) >= 10
