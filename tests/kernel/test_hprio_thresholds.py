"""hprio and thresholds on the real kernel: when a server counts as full, also after edits, deletion and switches."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

import pytest

from tests.kernel.conftest import Shops
from tests.kernel.shop import Shop
from tests.lab import here

pytestmark = pytest.mark.kernel


class Overload(StrEnum):
    """The kernel's code that says when a server is overloaded was rewritten inside the stable series."""

    OLD = "old"
    NEW = "new"


# No version number tells the two apart; the lab knows what it built.
GENERATIONS = {"debian": Overload.OLD, "old": Overload.OLD, "new": Overload.NEW, "debug": Overload.NEW}


@dataclass(frozen=True)
class Edit:
    """A server with `upper` and `lower` holds `connections`; `edit`; then the next connections are given to.

    a: the server, s: spilled. old, new: by which code. hang_up: how many end before the edit.
    """

    what: str
    edit: dict[str, int]
    old: str
    new: str
    upper: int = 4
    lower: int = 2
    connections: int = 4
    hang_up: int = 0


# OLD forgets that a server is full when its upper threshold is raised or becomes 0, and looks at counts only when a
# connection comes or goes. NEW looks at once: full at the upper threshold, not full below the lower, else as it was.
EDITS = [
    Edit("full, no limit any more", {"upper": 0, "lower": 0}, old="aaaa", new="aaaa"),
    Edit("full, upper raised", {"upper": 6}, old="aas", new="sss"),
    Edit("full, both raised, lower above what it has", {"upper": 6, "lower": 5}, old="aas", new="aas"),
    Edit("full, both raised, lower at what it has", {"upper": 6, "lower": 4}, old="aas", new="sss"),
    Edit("full, upper raised by the 75% rule above what it has", {"upper": 6, "lower": 0}, old="aas", new="aas"),
    Edit("full, upper lowered", {"upper": 3}, old="ss", new="ss"),
    Edit("full, weight only", {"weight": 9}, old="ss", new="ss"),
    Edit("full, lower only, above what it has", {"lower": 4}, old="s", new="as", lower=1, hang_up=1),
    Edit("room, upper lowered to what it has", {"upper": 2}, old="ass", new="sss", connections=2),
    Edit("room, upper lowered below what it has", {"upper": 1, "lower": 0}, old="ass", new="sss", connections=2),
    Edit("room, upper raised", {"upper": 5}, old="aas", new="aas", connections=3),
    Edit("room, weight only", {"weight": 9}, old="as", new="as", connections=3),
    Edit("no limit, limited to what it has", {"upper": 4}, old="ass", new="sss", upper=0, lower=0),
    Edit("no limit, limited above what it has", {"upper": 6}, old="aas", new="aas", upper=0, lower=0),
]  # fmt: skip


@pytest.mark.kernels(*GENERATIONS)
@pytest.mark.parametrize("case", EDITS, ids=lambda case: case.what.replace(",", ""))
async def test_thresholds_are_edited(shop: Shop, case: Edit) -> None:
    await shop.open()
    await shop.add("a", weight=5, upper=case.upper, lower=case.lower)
    await shop.add("s", weight=1)
    assert await shop.call(case.connections) == "a" * case.connections
    if case.hang_up:
        await shop.hang_up(a=case.hang_up)
    await shop.edit("a", **case.edit)
    expected = case.old if GENERATIONS[here.KERNEL or ""] is Overload.OLD else case.new
    assert await shop.call(len(expected)) == expected


# Without a lower threshold it is 75% of the upper one, rounded up. Full at the upper, then with that many less:
ROOM = {(8, 0): (1, 2, 3), (3, 3): (0, 0, 1), (5, 0): (0, 1, 2), (4, 1): (2, 3, 4)}


async def test_a_full_server_has_room_again_when_it_falls_below_its_lower_threshold_or_75_percent(shops: Shops) -> None:
    """Each service has one full server, of which some connections end; all in the same second."""
    waiting: list[tuple[Shop, int, bool]] = []
    for (upper, lower), lesses in ROOM.items():
        threshold = lower or -(-upper * 3 // 4)
        for less in lesses:
            shop = shops(port=80 + len(waiting))
            await shop.open()
            await shop.add("a", weight=5, upper=upper, lower=lower)
            await shop.add("s", weight=1)
            assert await shop.call(upper + 1) == "a" * upper + "s"
            waiting.append((shop, less, upper - less < threshold))
    for shop, less, _ in waiting:
        await shop.start_to_hang_up(a=less)
    await asyncio.gather(*(shop.until_held(a=shop.servers["a"].upper - less, s=1) for shop, less, _ in waiting))
    assert {room for _, _, room in waiting} == {True, False}
    for shop, less, room in waiting:
        assert await shop.call() == ("a" if room else "s"), (shop.servers["a"], less)


async def test_a_deleted_server_comes_back_with_its_connections_and_as_full_as_it_was(shop: Shop) -> None:
    await shop.open()
    await shop.add("ab", weight=5, upper=3, lower=1)
    await shop.add("s", weight=1)
    assert await shop.call(7) == "ababab" + "s"
    await shop.hang_up(a=2)  # at its lower threshold, and full since it was at its upper one
    await shop.delete("a")
    assert await shop.call() == "s"
    await shop.add("a", weight=5, upper=3, lower=1)
    assert await shop.held() == {"a": 1, "b": 3, "s": 2}
    assert await shop.call() == "s"


async def test_that_holds_when_the_whole_service_is_made_again(shop: Shop) -> None:
    await shop.open()
    await shop.add("ab", weight=5, upper=2, lower=1)
    assert await shop.call(4) == "abab"
    await shop.close()
    await shop.open()
    await shop.add("s", weight=1)
    await shop.add("ba", weight=5, upper=2, lower=1)
    assert await shop.held() == {"s": 0, "b": 2, "a": 2}
    assert await shop.call() == "s"
    await shop.add("c", weight=5, upper=2)
    assert await shop.call(3) == "ccs"


async def test_a_switch_to_rr_and_back_keeps_servers_connections_and_who_is_full(shop: Shop) -> None:
    await shop.open()
    await shop.add("abc", weight=5, upper=2, lower=1)
    await shop.add("s", weight=1)
    assert await shop.call(4) == "abca"  # a is full, b is next
    await shop.delete("c")
    await shop.add("c", weight=5, upper=2, lower=1)
    await shop.switch("rr")
    assert await shop.held() == {"a": 2, "b": 1, "s": 0, "c": 1}
    await shop.edit("b", upper=3)
    await shop.switch("hprio")
    assert await shop.held() == {"a": 2, "b": 1, "s": 0, "c": 1}
    assert await shop.call(4) == "bcbs"


async def test_after_a_switch_turns_are_as_if_the_servers_were_added_now_the_oldest_first(shop: Shop) -> None:
    await shop.open()
    await shop.add("abc", weight=5)
    await shop.delete("a")
    await shop.add("a", weight=5)  # now b is the oldest
    assert await shop.call() == "b"
    await shop.switch("rr")
    await shop.add("d", weight=5)
    await shop.delete("c")
    await shop.switch("hprio")
    assert await shop.call(4) == "badb"
