"""hprio on the real kernel: who is picked, in which turn, and what changes of the table do to turns."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from lvsctl.model import Family, Protocol
from tests.kernel.conftest import Shops
from tests.kernel.kernel_log import KernelLog
from tests.kernel.shop import Shop

pytestmark = pytest.mark.kernel


def turns(names: str, times: int) -> str:
    """Round robin: the first `times` picks among `names`, the first of them first."""
    return (names * times)[:times]


WAYS: dict[str, dict[str, Any]] = {
    "udp": {},
    "tcp": {"protocol": Protocol.TCP},
    "udp6": {"family": Family.INET6},
    "tcp6": {"protocol": Protocol.TCP, "family": Family.INET6},
    "mark": {"mark": 7},
    "mark6": {"mark": 7, "family": Family.INET6},
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_pool_fills_in_turn_and_spills_only_when_it_is_full(shops: Shops, way: str) -> None:
    shop = shops(**WAYS[way])
    await shop.open()
    await shop.add("abc", weight=5, upper=4, lower=2)
    await shop.add("s", weight=1, upper=5)
    assert await shop.call(12) == turns("abc", 12)
    assert await shop.held() == {"a": 4, "b": 4, "c": 4, "s": 0}
    assert await shop.call(5) == "sssss"
    assert await shop.call() == "-"
    assert await shop.held() == {"a": 4, "b": 4, "c": 4, "s": 5}


async def test_the_switch_back_is_at_the_first_connection_after_one_falls_below_its_lower_threshold(
    shop: Shop,
) -> None:
    await shop.open()
    await shop.add("abc", weight=5, upper=4, lower=2)
    await shop.add("s", weight=1)
    assert await shop.call(13) == turns("abc", 12) + "s"
    await shop.hang_up(b=2)
    assert await shop.call(2) == "ss"  # b is at its lower threshold, not below
    await shop.hang_up(b=1)
    assert await shop.call(4) == "bbbs"  # from 1 to 4, then b is full again


async def test_three_tiers_and_more_are_used_from_the_top_and_left_to_the_top(shop: Shop) -> None:
    await shop.open()
    await shop.add("m", weight=5, upper=2, lower=1)
    await shop.add("z", weight=1)
    await shop.add("ab", weight=900, upper=2, lower=1)
    await shop.add("xy", weight=3, upper=1)
    await shop.add("n", weight=5, upper=2, lower=1)
    full = turns("ab", 4) + turns("mn", 4) + "xy"
    assert await shop.call(12) == full + "zz"
    await shop.hang_up(n=2, y=1)
    assert await shop.call(3) == "nny"
    await shop.hang_up(b=2, x=1)
    assert await shop.call(4) == "bbxz"


async def test_a_server_of_one_connection_takes_one_at_a_time(shop: Shop) -> None:
    await shop.open()
    await shop.add("ab", weight=5, upper=1)
    await shop.add("s", weight=1)
    assert await shop.call(4) == "abss"
    await shop.hang_up(a=1)  # 75% of 1, rounded up, is 1: free at 0
    assert await shop.call(2) == "as"


# --- nobody ------------------------------------------------------------------------------------------------------


async def test_a_service_without_servers_refuses(shop: Shop) -> None:
    await shop.open()
    assert await shop.call(2) == "--"


async def test_a_server_of_weight_0_is_given_nothing(shop: Shop) -> None:
    await shop.open()
    await shop.add("a", weight=0)
    assert await shop.call() == "-"
    await shop.add("bc", weight=5)
    assert await shop.call(4) == turns("bc", 4)
    await shop.edit("bc", weight=0)
    assert await shop.call(2) == "--"
    await shop.edit("a", weight=5)
    assert await shop.call(2) == "aa"


async def test_a_drained_server_comes_back_with_the_last_turn(shop: Shop) -> None:
    await shop.open()
    await shop.add("abc", weight=5)
    assert await shop.call() == "a"
    await shop.edit("b", weight=0)  # whose turn it was
    assert await shop.call() == "c"
    await shop.edit("b", weight=5)  # a waits, c was just picked
    assert await shop.call(3) == "acb"


async def test_a_drained_server_that_is_full_comes_back_full(shop: Shop) -> None:
    await shop.open()
    await shop.add("a", weight=5, upper=2)
    await shop.add("s", weight=1)
    assert await shop.call(3) == "aas"
    await shop.edit("a", weight=0)
    assert await shop.call() == "s"
    await shop.edit("a", weight=5)
    assert await shop.call() == "s"


LINE = "IPVS: hprio: UDP 127.0.1.1:80 - no destination available"
BURST, INTERVAL = 10, 5  # the kernel's own limit for such lines, of all senders together: net.core.message_*


async def test_all_overloaded_is_a_refusal_and_the_log_is_not_flooded(shop: Shop, kernel_log: KernelLog) -> None:
    await shop.open()
    await shop.add("ab", weight=5, upper=1)
    assert await shop.call(2) == "ab"
    began = time.monotonic()
    while LINE not in kernel_log.look():  # an earlier test may have used up the kernel's patience
        assert shop.dial() is None
        assert time.monotonic() - began < 2 * INTERVAL
        await asyncio.sleep(0.1)
    assert [shop.dial() for _ in range(100)] == [None] * 100
    said = [line for line in kernel_log.look() if "hprio:" in line]
    windows = 2 + int((time.monotonic() - began) // INTERVAL)
    assert set(said) == {LINE}
    assert len(said) <= BURST * windows < 100


# --- the table changes -------------------------------------------------------------------------------------------


async def test_a_new_server_has_the_last_turn(shop: Shop) -> None:
    await shop.open()
    await shop.add("abc")
    assert await shop.call() == "a"
    await shop.add("d")
    assert await shop.call(5) == "bcadb"


async def test_a_new_highest_server_is_used_at_once(shop: Shop) -> None:
    await shop.open()
    await shop.add("ab", weight=5)
    assert await shop.call() == "a"
    await shop.add("t", weight=6, upper=2)
    assert await shop.call(4) == "ttba"


@pytest.mark.parametrize(
    ("gone", "then"), [("a", "bc"), ("b", "ca"), ("c", "ba")], ids=["just picked", "next in turn", "last in turn"]
)
async def test_the_others_keep_their_turns_when_one_is_deleted(shop: Shop, gone: str, then: str) -> None:
    await shop.open()
    await shop.add("abc")
    assert await shop.call() == "a"
    await shop.delete(gone)
    assert await shop.call(4) == turns(then, 4)
    await shop.add(gone)
    assert await shop.call(3) == then + gone


async def test_all_servers_of_a_tier_are_deleted_and_added_again(shop: Shop) -> None:
    await shop.open()
    await shop.add("ab", weight=5)
    await shop.add("xy", weight=1)
    assert await shop.call() == "a"
    await shop.delete("ba")
    assert await shop.call(1) == "x"
    await shop.add("ba", weight=5)
    assert await shop.call(3) == "bab"
    await shop.delete("abxy")
    assert await shop.call() == "-"
    await shop.add("x", weight=1)
    assert await shop.call() == "x"


async def test_an_edit_that_keeps_the_weight_keeps_the_turn(shop: Shop) -> None:
    await shop.open()
    await shop.add("abc", weight=5, upper=9)
    assert await shop.call() == "a"
    await shop.edit("b", upper=8)
    await shop.edit("a", lower=3)
    await shop.edit("c", weight=5)
    assert await shop.call(3) == "bca"


@pytest.mark.parametrize("other", [1, 6, 2**31 - 1])
async def test_another_weight_is_another_tier_and_a_new_turn(shop: Shop, other: int) -> None:
    await shop.open()
    await shop.add("abc", weight=5)
    assert await shop.call() == "a"
    for _ in range(2):  # the tier of the other weight goes with its only server, and comes again
        await shop.edit("b", weight=other)
        assert await shop.call(2) == ("bb" if other > 5 else "ca")
        await shop.edit("b", weight=5)
        assert await shop.call(3) == "cab"


async def test_a_whole_tier_moves_server_by_server(shop: Shop) -> None:
    await shop.open()
    await shop.add("abc", weight=5)
    await shop.add("s", weight=3)
    await shop.edit("a", weight=3)
    assert await shop.call(2) == "bc"
    await shop.edit("b", weight=3)
    assert await shop.call(2) == "cc"
    await shop.edit("c", weight=3)
    assert await shop.call(5) == turns("sabc", 5)


async def test_a_spill_does_not_restart_the_turn_of_the_tier_above_or_below(shop: Shop) -> None:
    await shop.open()
    await shop.add("ac", weight=5, upper=2)
    await shop.add("xyz", weight=1)
    assert await shop.call() == "a"
    await shop.add("b", weight=5, upper=3)  # c and a wait
    assert await shop.call(6) == "cabcbb"  # a has 2, c has 2, b has 3: full, and the next in turn is c
    assert await shop.call(2) == "xy"
    await shop.edit("abc", upper=0)
    assert await shop.call(4) == "cabc"
    await shop.edit("abc", weight=0)
    assert await shop.call(3) == "zxy"


async def test_two_services_with_the_same_servers_do_not_disturb_each_other(shops: Shops) -> None:
    one, two = shops(), shops(port=81)
    for each in (one, two):
        await each.open()
        await each.add("abc", upper=2)
        await each.add("s", weight=1)
    assert [await one.call(), await two.call(), await one.call(), await one.call()] == ["a", "a", "b", "c"]
    await one.delete("b")
    assert await two.call(6) == "bcabcs"
    assert await one.call(3) == "acs"
    await one.close()
    assert await two.call() == "s"


async def test_a_thousand_servers_take_exactly_the_same(shop: Shop) -> None:
    thousand = "".join(map(chr, range(0x1000, 0x1000 + 1000)))
    await shop.open()
    await shop.add(thousand, weight=5, upper=2)
    await shop.add("s", weight=1)
    shop.rush(2 * len(thousand) + 3)
    assert await shop.held() == {**dict.fromkeys(thousand, 2), "s": 3}
    half = thousand[::2]
    await shop.edit(half, weight=6, upper=3)
    await shop.delete(thousand[1::2])
    shop.rush(len(half))
    assert await shop.held() == {**dict.fromkeys(half, 3), "s": 3}
