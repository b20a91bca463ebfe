"""hprio on the real kernel: one-packet scheduling, persistence, tunnels, and services that go away under load."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from lvsctl.model import AddServer, Forward, RealAttrs, RealKey, ServiceFlag
from tests.kernel.kernel_log import KernelLog
from tests.kernel.shop import PORT, Shop

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("upper", [0, 1])
async def test_one_packet_scheduling_splits_exactly_and_never_spills(shop: Shop, upper: int) -> None:
    """An entry that ends with its packet: full at 1, and empty again before the next packet is looked at."""
    await shop.open(flags=ServiceFlag.ONE_PACKET)
    await shop.add("abc", weight=5, upper=upper)
    await shop.add("s", weight=1)
    caller = shop.dial()
    assert caller is not None
    with caller:
        for _ in range(299):
            caller.send(b"x")
    seen: dict[str, int] = {}
    deadline = time.monotonic() + 10
    while sum(seen.values()) < 300:  # the kernel sums such counts up every 2 s
        assert time.monotonic() < deadline, seen
        await asyncio.sleep(0.1)
        seen = {name: row.traffic.connections for name, row in (await shop.counters()).items()}
    assert seen == {"a": 100, "b": 100, "c": 100, "s": 0}
    assert await shop.held() == dict.fromkeys("abcs", 0)


# --- persistence: a template is asked before the scheduler ------------------------------------------------------

ANN, BOB, CAT, DAN = range(4)


async def test_a_template_passes_by_the_threshold(shop: Shop) -> None:
    await shop.open(persistence=150)
    await shop.add("a", weight=5, upper=2)
    await shop.add("s", weight=1)
    assert await shop.call(4, client=ANN) == "aaaa"
    assert (await shop.held())["a"] == 4
    assert await shop.call(2, client=BOB) == "ss"


async def test_a_spilled_client_stays_where_it_is_when_the_pool_has_room_again(shop: Shop) -> None:
    await shop.open(persistence=150)
    await shop.add("ab", weight=5, upper=1)
    await shop.add("s", weight=1)
    assert [await shop.call(client=who) for who in (ANN, BOB, CAT)] == ["a", "b", "s"]
    await shop.edit("ab", upper=0)
    assert await shop.call(3, client=CAT) == "sss"
    assert await shop.call(2, client=DAN) == "aa"
    assert {name: row.persistent for name, row in (await shop.counters()).items()} == {"a": 2, "b": 1, "s": 1}


@pytest.mark.parametrize("expire", [False, True])
async def test_weight_0_lets_a_client_go_only_with_expire_quiescent_template(shop: Shop, expire: bool) -> None:
    Path("/proc/sys/net/ipv4/vs/expire_quiescent_template").write_text(str(int(expire)))
    await shop.open(persistence=150)
    await shop.add("ab", weight=5)
    assert await shop.call(2, client=ANN) == "aa"
    await shop.edit("a", weight=0)
    assert await shop.call(2, client=ANN) == ("bb" if expire else "aa")
    assert await shop.call(client=BOB) == "b"


async def test_templates_do_not_count_for_thresholds_and_turns_are_taken_by_clients(shop: Shop) -> None:
    await shop.open(persistence=150)
    await shop.add("abc", weight=5, upper=2)
    calls = [await shop.call(client=who) for who in (ANN, ANN, BOB, CAT, DAN)]
    assert calls == ["a", "a", "b", "c", "b"]  # a has its two


# --- servers of both families ------------------------------------------------------------------------------------


async def test_a_tunnel_to_the_other_address_family_takes_its_turn(shop: Shop) -> None:
    await shop.open()
    await shop.add("ab")
    far = RealKey(IPv6Address("2001:db8:99::1"), PORT)
    await shop.do(AddServer(shop.key, far, RealAttrs(Forward.TUNNEL, 5, upper=2)))
    shop.rush(8)
    rows = (await shop.ipvs.look()).counters[shop.key].servers
    assert {server: row.inactive for server, row in rows.items()} == {shop.server("a"): 3, shop.server("b"): 3, far: 2}


# --- flushed and unloaded ----------------------------------------------------------------------------------------


class Load:
    """New connections all the time, from a thread, while the context lasts.

    A short sleep now and then: where time travels, nobody else has a turn while one computes.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._accepted = 0
        self._more = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()

    def _work(self) -> None:
        while not self._over:
            accepted = sum(self._knock() for _ in range(10))
            with self._more:
                self._accepted += accepted
                self._more.notify()
            time.sleep(0.001)

    def _knock(self) -> bool:
        caller = self._shop.dial()
        if caller is not None:
            caller.close()
        return caller is not None

    def is_carried(self) -> bool:
        """Ten connections more are accepted, soon."""
        with self._more:
            goal = self._accepted + 10
            return self._more.wait_for(lambda: self._accepted >= goal, timeout=10)


def loaded() -> bool:
    return "ip_vs_hprio " in Path("/proc/modules").read_text()


async def test_a_service_is_flushed_under_load_and_the_module_goes_and_comes_when_asked_for(
    shop: Shop, kernel_log: KernelLog
) -> None:
    if not loaded():
        pytest.skip("hprio is built into this kernel")
    with Load(shop) as load:
        for _ in range(10):
            await shop.open()
            await shop.add("abc", weight=5, upper=20)
            await shop.add("s", weight=1)
            assert load.is_carried()
            subprocess.run(["ipvsadm", "-C"], check=True)
    unload()
    assert not loaded()
    await shop.open()  # the kernel calls modprobe
    assert loaded()
    assert "IPVS: [hprio] scheduler registered." in kernel_log.look()
    shop.servers.clear()
    await shop.add("xy")
    assert await shop.call(4) == "xyxy"


def unload() -> None:
    """Services of network namespaces that are still being taken down hold the module for a moment."""
    deadline = time.monotonic() + 10
    while subprocess.run(["rmmod", "ip_vs_hprio"], capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            pytest.skip("something else here uses hprio")
        time.sleep(0.1)


async def test_traffic_goes_on_whatever_is_done_to_the_service_under_load(shop: Shop) -> None:
    with Load(shop) as load:
        for _ in range(20):
            await shop.open()
            await shop.add("ab")
            assert load.is_carried()
            await shop.switch("rr")
            await shop.edit("a", weight=7)
            await shop.switch("hprio")
            await shop.delete("a")
            assert load.is_carried()
            await shop.close()
