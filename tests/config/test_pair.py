"""What `pair:` becomes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from pathlib import Path

import pytest

from lvsctl.model import (
    Announcing,
    ChecksumForm,
    Family,
    Followed,
    Hooks,
    Instance,
    PairSpec,
    Peer,
    Penalties,
    Provider,
    Secret,
    Standby,
    Steadiness,
    Syncing,
    Vip,
    VrrpVersion,
)
from tests.config.loading import complaints, loaded

SERVICE = """
services:
  shop: {address: 192.0.2.20:80, servers: [10.0.0.1], check: {tcp: {}}}
"""
LEAST = "pair: {instances: {web: {interface: eth0, vrid: 1, addresses: [192.0.2.20]}}}"
GOOD = Path(__file__).parent / "testdata" / "good"
WHSEC = "whsec_" + "QUFB" * 8


def pair(*texts: str) -> PairSpec:
    found = loaded(*texts).spec.pair
    assert found is not None
    return found


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> PairSpec:
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", "hunter2")
    monkeypatch.setenv("LVSCTL_TEST_WHSEC", WHSEC)
    return pair((GOOD / "pair.yaml").read_text())


def test_without_pair_there_is_none() -> None:
    assert loaded(SERVICE).spec.pair is None


def test_an_instance_that_says_everything(everything: PairSpec) -> None:
    assert everything.instances[0] == Instance(
        "web4",
        "eth0",
        51,
        Family.INET,
        (IPv4Interface("192.0.2.20/24"), IPv4Interface("192.0.2.21/32")),
        IPv4Address("192.0.2.2"),
        VrrpVersion.V3,
        150,
        0.1,
        preempt_delay=5.0,
        peers=(IPv4Address("192.0.2.3"),),
        least_hops=64,
        group="main",
        checksum=ChecksumForm.RFC9568,
        keys=(Secret(WHSEC),),
        track=("eth1",),
        virtual_mac=True,
    )


def test_instances_of_ipv6_and_of_version_2(everything: PairSpec) -> None:
    _, six, old = everything.instances
    assert six == Instance(
        "web6",
        "eth0",
        51,
        Family.INET6,
        (IPv6Interface("fe80::51/64"), IPv6Interface("2001:db8::20/64")),
        IPv6Address("fe80::2"),
        preempt=False,
        peers=(IPv6Address("fe80::3"),),
        group="main",
    )
    addresses = (IPv4Interface("198.51.100.20/32"),)
    version, password = VrrpVersion.V2, Secret("hunter2")
    assert old == Instance(
        "old", "eth0.7", 51, Family.INET, addresses, version=version, interval=3.0, password=password
    )


def test_what_goes_with_the_role(everything: PairSpec) -> None:
    assert (everything.provider, everything.standby) == (Provider.VRRP, Standby.IDLE)
    assert everything.announcing == Announcing(3, 2.0, 60.0, 2)
    assert everything.sync == Syncing("eth1", 7, 1200, IPv4Address("224.0.0.99"), 8849, 2)
    program = "/usr/local/bin/role"
    active, standby, fault, stop = ((program, word) for word in ("active", "standby", "fault", "stop"))
    assert everything.hooks == Hooks(active, standby, fault, stop, timeout=10.0)
    addresses = IPv4Address("192.0.2.3"), 7000, IPv4Address("192.0.2.2"), 10588
    assert everything.peer == Peer(*addresses, (Secret(WHSEC),), 0.5, 30)


def test_a_service_takes_what_it_says_and_else_what_all_take(everything: PairSpec) -> None:
    assert everything.penalties == {"shop": Penalties(1, 10, 80), "mail": Penalties(1, 0, 50)}
    assert everything.steadiness == Steadiness(2.0, 60.0)


def test_defaults_are_those_of_the_model() -> None:
    address = (IPv4Interface("192.0.2.20"),)
    web = Instance("web", "eth0", 1, Family.INET, address)
    assert pair(SERVICE, LEAST) == PairSpec(instances=(web,), penalties={"shop": Penalties()})
    peer = "pair: {peer: {address: 192.0.2.3, listen: 192.0.2.2, key: 0123456789abcdef}, sync: {interface: eth1}}"
    found = pair(SERVICE, LEAST, peer)
    ours, theirs = IPv4Address("192.0.2.2"), IPv4Address("192.0.2.3")
    assert found.peer == Peer(theirs, 10588, ours, 10588, (Secret("0123456789abcdef"),))
    assert found.sync == Syncing("eth1")


def test_a_keepalived_that_is_followed() -> None:
    assert pair((GOOD / "pair-keepalived.yaml").read_text()).follows == Followed(
        "VG_1", group=True, fifo="/run/keepalived.notify", vips=(Vip(IPv4Address("192.0.2.20"), "eth0"),)
    )
    one = pair(SERVICE, "pair: {provider: keepalived, keepalived: {instance: VI 1}}")
    assert (one.names, one.follows) == (("VI 1",), Followed("VI 1"))


def test_a_role_that_is_said_has_an_instance_with_a_name() -> None:
    assert pair(SERVICE, "pair: {provider: manual}").names == ("pair",)
    assert pair(SERVICE, "pair: {provider: manual, name: cluster}").names == ("cluster",)


def test_its_keys_may_stand_in_several_files() -> None:
    found = pair(SERVICE, LEAST, "pair: {penalties: {down: 50}}", "pair: {groups: {all: [web]}}")
    assert (found.penalties["shop"].down, found.instances[0].group) == (50, "all")


def test_no_secret_is_in_what_is_shown_of_it(everything: PairSpec) -> None:
    assert "hunter2" not in repr(everything)
    assert "QUFB" not in repr(everything)


@pytest.mark.parametrize(
    "text",
    [
        "pair: {instances: {web: {interface: eth0, vrid: 0, addresses: [192.0.2.20]}}, groups: {main: [web]}}",
        "pair: {provider: keepalivd, keepalived: {instance: VI_1}}",
        "pair: {provider: keepalived, keepalived: {instance: VI_1, fifo: x}}",
        "pair: nonsense",
    ],
)
def test_a_mistake_in_one_place_is_not_held_against_another(text: str) -> None:
    service = "services: {shop: {address: 192.0.2.20:80, servers: [10.0.0.1], check: {tcp: {}}, penalty: {down: 1}}}"
    assert len(complaints(service, text)) == 1


@pytest.mark.parametrize(
    ("interval", "version", "fits"),
    [
        ("10ms", 3, True),
        ("40s950ms", 3, True),  # the longest of 12 bits
        ("40s960ms", 3, False),
        ("290ms", 3, True),  # 0.29 * 100 is 28.999…
        ("10.5ms", 3, False),
        ("255s", 2, True),
        ("256s", 2, False),
    ],
)
def test_intervals_that_a_version_can_say(interval: str, version: int, fits: bool) -> None:
    instance = f"interface: eth0, vrid: 1, addresses: [192.0.2.20], interval: {interval}, version: {version}"
    assert (not complaints(SERVICE, f"pair: {{instances: {{web: {{{instance}}}}}}}")) is fits


def test_255_addresses_fit_an_advert() -> None:
    addresses = ", ".join(f"10.0.0.{number}" for number in range(1, 255)) + ", 10.0.1.1"
    assert len(pair(SERVICE, LEAST.replace("192.0.2.20", addresses)).instances[0].addresses) == 255
