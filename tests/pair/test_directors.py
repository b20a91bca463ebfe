"""Speakers on a real cable: who is active after what, and who has the addresses."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lvsctl.model import Instance
from tests.e2e.netns import inside, ip
from tests.pair.making import V3, V6, ip_address, ip_interface, me
from tests.pair.stage import BUSY, INTERVAL, Director, addresses, director, ear, has, lacks, waited
from tests.pair.wire import cable, hosts

pytestmark = pytest.mark.kernel

SKEW = (256 - 100) / 256 * INTERVAL
"""Of the weaker one."""


def group(number: int, priority: int) -> tuple[Instance, Instance]:
    """IPv4 and IPv6, which move together, on the host with this number."""
    common = {"priority": priority, "interval": INTERVAL, "group": "both"}
    return (
        me(V3, name="web4", source=ip_address(f"192.0.2.{number}"), **common),
        me(V6, name="web6", source=ip_address(f"fe80::{number}"), **common),
    )


STRONG, WEAK = group(1, 150), group(2, 100)


@pytest.fixture
def two() -> Iterator[tuple[str, str]]:
    with cable():
        yield hosts()


def settled(strong: Director, weak: Director) -> None:
    """Both of the group have told, which they do one after the other."""
    for name in ("web4", "web6"):
        strong.until(name, "active", within=4 * INTERVAL)
        weak.until(name, "standby", within=INTERVAL)


def test_the_active_one_is_killed_comes_back_and_hands_over(two: tuple[str, str]) -> None:
    first, second = two
    families = {instance.name: instance.family for instance in WEAK}
    calm = [me(instance, preempt=False) for instance in STRONG]
    with director(second, *WEAK) as weak, ear(second) as heard:
        with director(first, *STRONG) as strong:
            settled(strong, weak)
            has(first, *STRONG)
            lacks(second, *WEAK)
            killed = strong.signal(signal.SIGKILL)
            took = {name: weak.until(name, "active", within=3 * INTERVAL + SKEW) for name in families}
            print(f"killed: takeover after {(max(took.values()) - killed) / INTERVAL:.2f} intervals")
            assert all(at - killed < 3 * INTERVAL + SKEW + BUSY for at in took.values())
            silence = {name: at - heard.last(families[name]) for name, at in took.items()}
            assert max(silence.values()) >= 3 * INTERVAL + SKEW, silence  # of one of the group, which moves both
            has(second, *WEAK)
        with director(first, *calm, then=[STRONG]) as strong:  # the addresses are still where its first life left them
            strong.until("web4", "standby", within=1)
            lacks(first, *STRONG)
            strong.signal(signal.SIGHUP)
            settled(strong, weak)
            has(first, *STRONG)
            lacks(second, *WEAK)
            stopped = strong.signal(signal.SIGTERM)
            after = weak.until("web6", "active", within=SKEW) - stopped
            print(f"stopped: takeover after {after / INTERVAL:.2f} intervals")
            assert strong.until("web6", "stopped", within=INTERVAL)
            lacks(first, *STRONG)
            has(second, *WEAK)


def test_links_and_addresses_come_and_go(two: tuple[str, str]) -> None:
    first, second = two
    with director(first, *STRONG) as strong, director(second, *WEAK) as weak:
        settled(strong, weak)
        ip("addr del 192.0.2.100/32 dev eth0", netns=first)
        has(first, *STRONG)
        ip("addr del 192.0.2.1/24 dev eth0", netns=first)
        strong.until("web6", "fault", within=0)
        weak.until("web6", "active", within=SKEW)
        lacks(first, *STRONG)
        has(second, *WEAK)
        ip("addr add 192.0.2.1/24 dev eth0", netns=first)
        settled(strong, weak)
        ip("link del eth0", netns=first)
        for one in (strong, weak):
            for name in ("web4", "web6"):
                one.until(name, "fault", within=0)
        rebuild(first, second)
        settled(strong, weak)
        has(first, *STRONG)
        lacks(second, *WEAK)


def rebuild(first: str, second: str) -> None:
    """Another cable of the same name."""
    ip(f"link add eth0 netns {first} type veth peer name eth0 netns {second}")
    for number, name in ((1, first), (2, second)):
        lines = (f"addr add 192.0.2.{number}/24 dev eth0", f"addr add fe80::{number}/64 dev eth0 nodad")
        ip("link set eth0 addrgenmode none", "link set eth0 up", *lines, netns=name)


def test_another_configuration_moves_addresses_and_nobody(two: tuple[str, str]) -> None:
    """While it stays active; then the number of one of them changes, and both hand over and come back."""
    first, second = two
    web4, web6 = STRONG
    moved = me(web4, addresses=(web4.addresses[1], ip_interface("192.0.2.102/24")), priority=160, interval=INTERVAL / 2)
    other = me(web6, vrid=99)
    with director(second, *WEAK) as weak, director(first, *STRONG, then=[(moved, web6), (moved, other)]) as strong:
        settled(strong, weak)
        has(first, *STRONG)
        before = [strong.said, weak.said]
        strong.signal(signal.SIGHUP)
        has(first, moved, web6)
        waited(lambda: "192.0.2.100" not in addresses(first), BUSY, lambda: str(addresses(first)))
        time.sleep(3 * INTERVAL + 2 * SKEW)  # somebody who hears nothing would have taken over
        assert [strong.said, weak.said] == before
        strong.signal(signal.SIGHUP)
        for name in ("web4", "web6"):
            strong.until_told(name, "stopped", "standby", "active", within=4 * INTERVAL)
        has(first, moved, other)


def test_a_flood_of_forged_adverts_moves_nobody(two: tuple[str, str]) -> None:
    first, second = two
    with director(first, *STRONG) as strong, director(second, *WEAK) as weak:
        settled(strong, weak)
        before = [strong.said, weak.said]
        with inside(first):
            command = [sys.executable, "-m", "tests.pair.flooding", f"{3 * INTERVAL + 2 * SKEW}"]
            flood = subprocess.run(command, capture_output=True, check=True)
        print(flood.stdout.decode())
        assert [strong.said, weak.said] == before
        strong.process.kill()
        lines = weak.close()
        told = [line for line in lines if line.split()[1] == "!"]
        assert 1 <= len(told) <= 20, "each kind once"
        [counts] = [line for line in lines if "# web4" in line]
        print(counts)
        assert " lost=0," in counts, "no advert was pushed out"
        assert "<Refused.CHECKSUM" in counts and "<Refused.HOPS" in counts
