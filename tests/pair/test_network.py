"""Directors on a network that fails in every way, seed by seed: never two for long, one in the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from lvsctl.model import Family, Instance, Role, Secret, VrrpVersion
from lvsctl.pair.state import GiveUp, Why
from tests.pair.laws import SLACK, Laws
from tests.pair.network import DELAY, Network, Node, roles, set_priority

SEEDS = range(int(os.environ.get("LVSCTL_VRRP_SEEDS", "100")))
"""More of them by hand: LVSCTL_VRRP_SEEDS=20000."""

FAULTS = 12


def address(who: int, link: int) -> str:
    """The higher of two has the higher IPv4 address and the lower IPv6 address, for equal priorities in a group."""
    return f"192.0.2.{who + 1}" if link == 0 else f"fe80::{9 - who}"


def instance(link: int, who: int, count: int, *, unicast: bool = False, **changes: Any) -> Instance:
    made = Instance(
        name=f"link{link}",
        interface=f"eth{link}",
        vrid=51 + link,
        family=Family.INET if link == 0 else Family.INET6,
        addresses=(ip_interface("192.0.2.100/24" if link == 0 else "fe80::100/64"),),
        source=ip_address(address(who, link)),
        peers=tuple(ip_address(address(other, link)) for other in range(count) if other != who) if unicast else (),
        keys=(Secret("key"),) if unicast else (),
    )
    return replace(made, **changes)


def pair(*priorities: int, links: int = 1, seed: int = 0, **changes: Any) -> tuple[Network, Laws]:
    """Directors of these priorities, started at once."""
    nodes = [
        Node([
            instance(link, who, len(priorities), priority=priority, group="both" if links > 1 else "", **changes)
            for link in range(links)
        ])
        for who, priority in enumerate(priorities)
    ]  # fmt: skip
    network = Network(nodes, seed)
    laws = Laws(network)
    for who in range(len(nodes)):
        network.start(who)
    return network, laws


def random_network(seed: int) -> tuple[Network, Laws]:
    """Two to four directors, of any configuration."""
    network = Network((), seed)
    choose = network.random
    count = choose.choice((2, 2, 2, 3, 4))
    links = choose.choice((1, 1, 2))
    version = VrrpVersion.V2 if links == 1 and choose.random() < 0.3 else VrrpVersion.V3
    intervals = [1.0, 2.0, 5.0] if version is VrrpVersion.V2 else [0.1, 0.25, 1.0]
    common = choose.choice(intervals)
    unicast = choose.random() < 0.5
    nodes = []
    for who in range(count):
        configured: dict[str, Any] = {
            "priority": choose.choice((100, 100, 150, choose.randint(1, 255))),
            "interval": choose.choice(intervals) if seed % 4 == 0 else common,
            "preempt": choose.random() < 0.6,
            "preempt_delay": choose.choice((0.0, 0.0, 3.0)),
            "group": "both" if links > 1 else "",
            "version": version,
        }
        members = [instance(link, who, count, unicast=unicast, **configured) for link in range(links)]
        if seed % 3 == 0:  # each member on its own
            members = [replace(member, priority=choose.randint(1, 254)) for member in members]
        nodes.append(Node(members))
    network = Network(nodes, seed)
    return network, Laws(network)


# --- faults: each happens, and is mended some time later ------------------------------------------------------------


def cut(network: Network, one: int, other: int, *, both: bool) -> Callable[[], None]:
    """On one link or on all of them; both ways or one."""
    count = len(network.nodes[one].members)
    links = range(count) if network.random.random() < 0.5 else [network.random.randrange(count)]
    ways = {(one, other, link) for link in links} | ({(other, one, link) for link in links} if both else set())
    network.cut |= ways
    network.disturbed(one, other)

    def mend() -> None:
        network.cut -= ways
        network.disturbed(one, other)

    return mend


def flap(network: Network, who: int) -> Callable[[], None]:
    link = network.random.randrange(len(network.nodes[who].members))

    def set_to(down: bool) -> None:
        network.down = network.down | {(who, link)} if down else network.down - {(who, link)}
        network.disturbed(who)
        network.look_at_links(who)

    set_to(True)
    return lambda: set_to(False)


def lose(network: Network) -> Callable[[], None]:
    network.loss = 0.3
    network.disturbed(*range(len(network.nodes)))

    def mend() -> None:
        network.loss = 0.0
        network.disturbed(*range(len(network.nodes)))

    return mend


def fail(network: Network, laws: Laws) -> Callable[[], None]:
    """One fault, of any kind, at anybody; what is returned mends it."""
    choose = network.random
    who, other = choose.sample(range(len(network.nodes)), 2)
    node = network.nodes[who]
    kind = choose.choice(("kill", "stop", "freeze", "pause", "cut", "deafen", "flap", "lose", "priority", "give up"))
    laws.fault()
    match kind:
        case "kill":
            network.kill(who)
            return lambda: network.start(who)
        case "stop":
            orderly = node.active
            network.stop(who)
            if orderly:
                laws.released(who)
            return lambda: network.start(who)
        case "freeze" | "pause":
            network.freeze(who, deaf=kind == "pause")
            return lambda: network.thaw(who)
        case "cut" | "deafen":
            return cut(network, who, other, both=kind == "cut")
        case "flap":
            return flap(network, who)
        case "lose":
            return lose(network)
        case "priority":
            network.disturbed(who)
            links = range(len(node.members))
            set_priority(network, who, choose.randint(1, 254), choose.choice((links, links[-1:])))
        case "give up":
            network.disturbed(who)
            network.step(who, GiveUp())
    return lambda: None


def live(network: Network, laws: Laws) -> None:
    """A life of faults, and at the end peace."""
    choose = network.random
    for who in range(len(network.nodes)):
        network.at(network.now + choose.random() * 3, lambda who=who: network.start(who))  # type: ignore[misc]
    beat = max(node.members[0].interval for node in network.nodes)
    at = network.now + 10 * beat
    end = at

    def strike(lasts: float) -> None:
        mend = fail(network, laws)

        def mended() -> None:
            laws.fault()
            mend()

        network.at(network.now + lasts, mended)

    for _ in range(FAULTS):
        lasts = choose.choice((0.1, 1.0, 3.0, 8.0)) * beat * choose.random()
        network.at(at, lambda lasts=lasts: strike(lasts))  # type: ignore[misc]
        end = max(end, at + lasts)
        at += choose.choice((0.0, 0.5, 5.0, 15.0)) * beat * choose.random()
    network.at(max(end, at) + 0.001, lambda: settle(network, laws))
    network.run(max(end, at) + 60 * beat + 10)


def settle(network: Network, laws: Laws) -> None:
    """Whatever is still broken is mended now: from the bound on, one is active."""
    assert not network.cut
    assert not network.down
    assert not network.loss
    for who in range(len(network.nodes)):
        network.thaw(who)
        network.start(who)
    laws.fault()
    slowest = max(node.members[0].interval for node in network.nodes)
    laws.bound = network.now + 2 * (4 * slowest + 1) + slowest


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_fails(seed: int) -> None:
    network, laws = random_network(seed)
    live(network, laws)
    assert network.now > laws.bound
    active = [who for who, node in enumerate(network.nodes) if node.active]
    assert len(active) == 1


def test_the_same_seed_is_the_same_life() -> None:
    lives = []
    for _ in range(2):
        network, laws = random_network(7)
        live(network, laws)
        lives.append(network.log)
    assert lives[0] == lives[1]
    assert len(lives[0]) > 10


# --- single stories -----------------------------------------------------------------------------------------------


def active(network: Network) -> list[int]:
    return [who for who, node in enumerate(network.nodes) if node.active]


def test_the_highest_priority_is_active() -> None:
    network, _ = pair(100, 150, 120)
    network.run(1010)
    assert active(network) == [1]


def test_kill_is_followed_within_three_intervals_and_the_skew() -> None:
    network, _ = pair(150, 100, interval=0.1)
    network.run(1010)
    network.kill(0)
    network.run(1010 + 0.3 + 0.1 * 156 / 256 + SLACK)
    assert active(network) == [1]


def test_a_frozen_active_yields_when_it_wakes_up() -> None:
    network, laws = pair(150, 100, preempt=False)
    network.run(1010)
    network.freeze(0, deaf=False)
    network.run(1020)
    assert active(network) == [1]
    network.at(1020.3, lambda: network.thaw(0))
    network.run(1040)
    assert active(network) == [1], "no preemption: it stays standby"
    assert laws.longest_two == 0, "it has not sent a single advert as active"
    assert network.log[-1].why is Why.SLEPT


def test_a_paused_machine_listens_before_it_speaks() -> None:
    """What was sent to it meanwhile is lost, and its clock has jumped."""
    network, laws = pair(150, 100, preempt=False)
    network.run(1010)
    network.freeze(0, deaf=True)
    network.at(1020.5, lambda: network.thaw(0))
    network.run(1040)
    assert active(network) == [1]
    assert 0 < laws.longest_two <= 1 + DELAY


def test_a_director_alone_that_wakes_up_goes_on() -> None:
    network, _ = pair(150, 100)
    network.run(1010)
    network.kill(1)
    network.freeze(0, deaf=False)
    network.run(1020)
    network.thaw(0)
    network.run(1030)
    assert active(network) == [0]
    assert [taken.role for taken in network.log if taken.who == 0] == [Role.STANDBY, Role.ACTIVE]


def test_after_a_partition_the_two_actives_are_one_after_one_advert() -> None:
    network, laws = pair(100, 100)
    network.run(1010)
    mend = cut(network, 0, 1, both=True)
    network.run(1020)
    assert active(network) == [0, 1]
    mend()
    network.run(1030)
    assert active(network) == [1], "equal priorities: the higher address"
    assert laws.longest_two <= 1 + DELAY


def test_one_way_loss_makes_two_actives_and_mending_it_one() -> None:
    network, _ = pair(150, 100)
    network.run(1010)
    network.cut = {(0, 1, 0)}
    network.run(1020)
    assert active(network) == [0, 1], "no protocol can know better: the standby hears nothing"
    network.cut = set()
    network.run(1022)
    assert active(network) == [0]


def test_different_intervals_are_learnt() -> None:
    network, laws = pair(150, 100)
    network.nodes[1].members = [replace(network.nodes[1].members[0], interval=0.1)]
    network.run(1100)
    assert active(network) == [0]
    changes = [taken for taken in network.log if taken.at > 1010]
    assert not changes
    assert laws.longest_two <= 1 + DELAY


def test_a_failover_by_order_stays_until_the_other_is_gone() -> None:
    network, _ = pair(150, 100)
    network.run(1010)
    network.step(0, GiveUp())
    network.run(1010 + 156 / 256 + SLACK)
    assert active(network) == [1]
    network.run(1100)
    assert active(network) == [1]
    network.stop(1)
    network.run(1101)
    assert active(network) == [0]


# --- sync groups --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_group_of_equal_priorities_agrees_though_the_addresses_do_not(seed: int) -> None:
    """The director with the higher IPv4 address has the lower IPv6 address, as happens by chance every second time."""
    network, _ = pair(100, 100, links=2, seed=seed)
    everything = {(one, 1 - one, link) for one in (0, 1) for link in (0, 1)}
    network.cut = everything
    network.run(1020)
    assert active(network) == [0, 1]
    network.cut = set()
    network.run(1040)
    assert active(network) == [1], "by the address of the first member"
    network.cut = everything
    network.run(1060)
    network.cut = set()
    network.run(1080)
    assert active(network) == [1], "and so at any later time"
    changes = [(taken.who, taken.role) for taken in network.log if taken.at > 1020]
    assert changes == [(0, Role.STANDBY), (0, Role.ACTIVE), (0, Role.STANDBY)], "nobody else has given up"


@pytest.mark.parametrize("seed", range(20))
def test_a_group_whose_first_members_never_meet_is_decided_by_the_second(seed: int) -> None:
    network, _ = pair(100, 100, links=2, seed=seed)
    network.cut = {(one, 1 - one, link) for one in (0, 1) for link in (0, 1)}
    network.run(1020)
    network.cut = {(0, 1, 0), (1, 0, 0)}
    network.run(1022)
    assert active(network) == [0], "which has the higher IPv6 address"
    network.run(1060)
    assert active(network) == [0]


def test_a_group_of_one_takes_over_like_anybody() -> None:
    nodes = [Node([instance(0, who, 2, priority=150 - who, group="alone")]) for who in (0, 1)]
    network = Network(nodes, 0)
    for who in (0, 1):
        network.start(who)
    network.run(1010)
    assert active(network) == [0]
    network.kill(0)
    network.run(1020)
    assert active(network) == [1]


def test_one_link_lost_moves_the_group() -> None:
    network, _ = pair(150, 100, links=2)
    network.run(1010)
    network.down = {(0, 1)}
    network.look_at_links(0)
    assert roles(network.nodes[0]) == {Role.FAULT}
    network.run(1020)
    assert active(network) == [1]
    network.down = set()
    network.look_at_links(0)
    network.run(1030)
    assert active(network) == [0]


def test_a_group_that_hears_the_active_on_one_link_only_does_not_take_over() -> None:
    network, _ = pair(150, 100, links=2)
    network.run(1010)
    network.cut = {(0, 1, 1), (1, 0, 1)}
    network.run(1040)
    assert active(network) == [0]
    network.cut |= {(0, 1, 0), (1, 0, 0)}
    network.run(1050)
    assert active(network) == [0, 1]


def test_a_group_stops_together_and_hands_over_within_the_skew() -> None:
    network, _ = pair(150, 100, links=2)
    network.run(1010)
    network.stop(0)
    network.run(1010 + 156 / 256 + SLACK)
    assert active(network) == [1]
