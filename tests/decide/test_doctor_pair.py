"""What `lvsctl doctor` says of a host that a director pair runs on."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any

import pytest

from lvsctl.decide.doctor.facts import (
    Configuration,
    Daemon,
    Facts,
    Hprio,
    Kernel,
    Level,
    Networking,
    Paired,
    Rival,
    Vrrp,
)
from lvsctl.decide.doctor.pair import PairNeeds, judge_pair, needs_of, wanted_sysctls
from lvsctl.decide.doctor.pair_host import interfaces_of, judge_pair_host
from lvsctl.model import (
    Entry,
    Family,
    Followed,
    Forward,
    Hooks,
    Instance,
    Interface,
    MarkKey,
    PairSpec,
    Provider,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    Spec,
    Syncing,
    Vip,
)
from tests.decide.making import VIP, real

COPIES = PairNeeds(copies=True)
VIRTUAL = PairNeeds(virtual=("eth0", "bond0.7"))
SET = "/etc/sysctl.d/lvsctl.conf"


@pytest.mark.parametrize(
    ("needs", "names"),
    [
        (PairNeeds(), []),
        (COPIES, ["net.ipv4.vs.sloppy_tcp"]),
        (
            VIRTUAL,
            [
                "net.ipv4.conf.all.rp_filter",
                "net.ipv4.conf.eth0.arp_ignore",
                "net.ipv4.conf.eth0.arp_announce",
                "net.ipv4.conf.bond0/7.arp_ignore",  # as sysctl(8) writes an interface's own dot
                "net.ipv4.conf.bond0/7.arp_announce",
            ],
        ),
        (PairNeeds(six=("eth0.7",)), ["net.ipv6.conf.eth0/7.disable_ipv6"]),
    ],
)
def test_which_are_wanted(needs: PairNeeds, names: list[str]) -> None:
    assert [wanted.name for wanted in wanted_sysctls(needs)] == names


@pytest.mark.parametrize(
    ("needs", "name", "value", "level"),
    [
        (COPIES, "net.ipv4.vs.sloppy_tcp", "1", Level.OK),
        (COPIES, "net.ipv4.vs.sloppy_tcp", "0", Level.WARNING),
        (VIRTUAL, "net.ipv4.conf.all.rp_filter", "0", Level.OK),
        (VIRTUAL, "net.ipv4.conf.all.rp_filter", "1", Level.ERROR),
        (VIRTUAL, "net.ipv4.conf.all.rp_filter", "2", Level.OK),
        (VIRTUAL, "net.ipv4.conf.eth0.arp_ignore", "8", Level.ERROR),
        (VIRTUAL, "net.ipv4.conf.eth0.arp_announce", "1", Level.ERROR),
        (VIRTUAL, "net.ipv4.conf.bond0/7.arp_announce", "2", Level.OK),
        (PairNeeds(six=("eth0",)), "net.ipv6.conf.eth0.disable_ipv6", "1", Level.ERROR),
        (VIRTUAL, "net.ipv4.conf.eth0.arp_ignore", "0", Level.ERROR),
        (VIRTUAL, "net.ipv4.conf.eth0.arp_ignore", "2", Level.OK),
    ],
)
def test_which_values_harm(needs: PairNeeds, name: str, value: str, level: Level) -> None:
    (finding,) = judge_pair(needs, {name: value})
    assert (finding.level, finding.subject) == (level, name)
    assert finding.text.startswith(f"{name} is {value}")
    assert bool(finding.mend) is (level is not Level.OK)


def test_what_mends_it_can_be_pasted() -> None:
    (finding,) = judge_pair(COPIES, {"net.ipv4.vs.sloppy_tcp": "0"})
    assert finding.text == (
        "net.ipv4.vs.sloppy_tcp is 0: after a takeover, connections that were not copied yet are cut"
    )
    assert finding.mend == f"echo 'net.ipv4.vs.sloppy_tcp = 1' >> {SET} && sysctl -p {SET}"


def test_what_cannot_be_read_is_not_told() -> None:
    assert list(judge_pair(VIRTUAL, {})) == []


def test_of_two_values_the_greater_is_in_force() -> None:
    sysctls = {"net.ipv4.conf.eth0.arp_announce": "0", "net.ipv4.conf.all.arp_announce": "2"}
    (finding,) = judge_pair(VIRTUAL, sysctls)
    text = "net.ipv4.conf.eth0.arp_announce is 0, and net.ipv4.conf.all.arp_announce is 2"
    assert (finding.level, finding.text) == (Level.OK, text)
    (finding,) = judge_pair(VIRTUAL, {**sysctls, "net.ipv4.conf.all.arp_announce": "1"})
    assert finding.level is Level.ERROR


def test_what_conf_d_asks_for() -> None:
    pair = PairSpec(
        instances=(
            replace(WEB, virtual_mac=True),
            replace(WEB, name="more", virtual_mac=True),
            replace(WEB, name="plain", interface="eth1"),
            SIX,
            replace(SIX, virtual_mac=True),
        ),
        sync=Syncing("eth2"),
    )
    assert needs_of(pair) == PairNeeds(copies=True, virtual=("eth0",), six=("eth0",))
    assert needs_of(PairSpec()) == PairNeeds()


# --- the host -----------------------------------------------------------------------------------------------------

WEB = Instance("web", "eth0", 51, Family.INET, (IPv4Interface("192.0.2.20/24"),))
SIX = Instance("six", "eth0", 52, Family.INET6, (IPv6Interface("fe80::52/64"), IPv6Interface("2001:db8::20")))
ETH0 = Interface(
    "eth0",
    2,
    bytes(6),
    up=True,
    carrier=True,
    addresses=(IPv4Interface("192.0.2.2/24"), IPv6Interface("fe80::2/64"), IPv6Interface("2001:db8::2/64")),
)
ETH1 = replace(ETH0, name="eth1", index=3)
BOTH = {"eth0": ETH0, "eth1": ETH1}
SHOW = "ip -brief address show dev eth0"
GREP = "grep -nE '{}' /k.conf   # {}, then: systemctl restart keepalived"
FOLLOWS = PairSpec(Provider.KEEPALIVED, follows=Followed("VI_1", fifo="/run/lvsctl/k"))
VRRP = Vrrp(
    frozenset({("eth0", 51)}), frozenset({"VI_1"}), frozenset({"VG_1"}), frozenset({"/run/lvsctl/k"}), syncs=True
)
KEEPALIVED = Rival("keepalived", 5, writes=False, file="/k.conf", vrrp=VRRP)


def wrong(pair: PairSpec, **changes: Any) -> list[tuple[str, str, str]]:
    """What is said of a healthy host on which this differs: interfaces, programs, raw, rivals, table."""
    named = {"interfaces", "programs", "raw"}
    paired = Paired(**{"interfaces": BOTH, **{name: changes[name] for name in named & changes.keys()}})
    facts = Facts(
        version="1",
        configuration=Configuration("/c", Spec({}, {}, {}, pair=pair)),
        kernel=Kernel("6.1", table=changes.get("table", {})),
        hprio=Hprio(),
        networking=Networking({}),
        rivals=changes.get("rivals", ()),
        daemon=Daemon("/s", pid=7),
        paired=paired,
    )
    return [(str(one.level), one.text, one.mend) for one in judge_pair_host(facts) if one.level is not Level.OK]


def with_instances(*instances: Instance, **more: Any) -> PairSpec:
    return PairSpec(instances=instances, **more)


def test_a_host_that_a_pair_is_well_on() -> None:
    hooks = Hooks(on_active=("/bin/true",))
    pair = with_instances(WEB, SIX, sync=Syncing("eth1"), hooks=hooks)
    assert wrong(pair, programs={"/bin/true": ""}, raw=True) == []


def test_every_interface_is_told_of_once_with_what_it_is_for() -> None:
    pair = with_instances(WEB, replace(SIX, track=("eth1",)), sync=Syncing("eth1"))
    vips = (Vip(IPv4Address("192.0.2.20"), "eth2"),)
    assert interfaces_of(pair) == {"eth0": ("web", "six"), "eth1": ("six", "sync")}
    assert interfaces_of(replace(FOLLOWS, follows=Followed("VI_1", vips=vips))) == {"eth2": ("keepalived",)}


HOSTS: list[tuple[str, PairSpec, dict[str, Any], tuple[str, str, str]]] = [
    (
        "no such interface",
        with_instances(replace(WEB, track=("eth9",))),
        {"interfaces": {"eth0": ETH0, "eth9": None}},
        ("error", "there is no interface eth9 (web)", "ip -brief link   # then write the right name into conf.d"),
    ),
    (
        "an interface that is down",
        with_instances(WEB),
        {"interfaces": {"eth0": replace(ETH0, up=False)}},
        ("error", "eth0 is down (web)", "ip link set eth0 up"),
    ),
    (
        "an interface without a cable",
        with_instances(WEB),
        {"interfaces": {"eth0": replace(ETH0, carrier=False)}},
        ("warning", "eth0 has no carrier: it leads nowhere (web)", "ip -details link show dev eth0"),
    ),
    (
        "a source that is not there",
        with_instances(replace(WEB, source=IPv4Address("192.0.2.9"))),
        {},
        (
            "error",
            "192.0.2.9, the source of web, is not on eth0: it will be in fault",
            f"{SHOW}   # then correct `source` in conf.d",
        ),
    ),
    (
        "an interface that has only what moves",
        with_instances(WEB),
        {"interfaces": {"eth0": replace(ETH0, addresses=(IPv4Interface("192.0.2.20/24"),))}},
        ("error", "eth0 has no IPv4 address that stays: web will be in fault", f"{SHOW}   # give it one"),
    ),
    (
        "IPv6 without a link-local address",
        with_instances(SIX),
        {"interfaces": {"eth0": replace(ETH0, addresses=(IPv6Interface("2001:db8::2/64"),))}},
        ("error", "eth0 has no link-local IPv6 address that stays: six will be in fault", f"{SHOW}   # give it one"),
    ),
    (
        "IPv6 to a routed peer without a routed address",
        with_instances(replace(SIX, peers=(IPv6Address("2001:db8::3"),))),
        {"interfaces": {"eth0": replace(ETH0, addresses=(IPv6Interface("fe80::2/64"),))}},
        ("error", "eth0 has no routed IPv6 address that stays: six will be in fault", f"{SHOW}   # give it one"),
    ),
    (
        "no way for connections",
        with_instances(WEB, sync=Syncing("eth1")),
        {"interfaces": {"eth0": ETH0, "eth1": replace(ETH1, addresses=(IPv6Interface("fe80::2/64"),))}},
        (
            "error",
            "eth1 has no IPv4 address: no connection can be copied to 224.0.0.81",
            "ip -brief address show dev eth1   # give it one",
        ),
    ),
    (
        "a service with servers of the other family",
        with_instances(WEB, sync=Syncing("eth1")),
        {
            "table": {
                VIP: Entry(ServiceAttrs("rr"), {RealKey(IPv6Address("2001:db8::5"), 80): RealAttrs(Forward.TUNNEL, 1)}),
                MarkKey(Family.INET, 3): Entry(ServiceAttrs("rr"), {real(1): RealAttrs(Forward.TUNNEL, 1)}),
            }
        },
        (
            "error",
            f"the kernel runs no sync daemon while a service has servers of the other family: {VIP}",
            "lvsctl status   # give those servers a service of their own",
        ),
    ),
    (
        "a hook that is not there",
        with_instances(WEB, hooks=Hooks(on_stop=("/opt/a b",))),
        {"programs": {"/opt/a b": "does not exist"}},
        (
            "error",
            "the hook /opt/a b does not exist",
            "ls -l '/opt/a b'   # it must be there, and executable for the user of lvsctl",
        ),
    ),
    (
        "a daemon that may not speak VRRP",
        with_instances(WEB),
        {"raw": False},
        (
            "error",
            "the daemon (pid 7) has no CAP_NET_RAW: it can neither speak VRRP nor announce addresses",
            "cp deploy/systemd/lvsctl.service /etc/systemd/system/ && systemctl daemon-reload && "
            "systemctl restart lvsctl   # in lvsctl's source",
        ),
    ),
    (
        "a keepalived with the same virtual router",
        with_instances(WEB),
        {"rivals": (KEEPALIVED,)},
        (
            "error",
            "keepalived (pid 5) is virtual router 51 on eth0 too: web would be active beside it",
            GREP.format("vrrp_instance|virtual_router_id", "remove this one"),
        ),
    ),
    (
        "a keepalived that copies connections",
        with_instances(replace(WEB, vrid=50), sync=Syncing("eth1")),
        {"rivals": (KEEPALIVED,)},
        (
            "error",
            "keepalived (pid 5) starts and stops the sync daemon too",
            GREP.format("lvs_sync_daemon", "remove this"),
        ),
    ),
    (
        "nobody to follow",
        FOLLOWS,
        {"rivals": (replace(KEEPALIVED, name="nanny"),)},
        ("error", "no keepalived is running, and conf.d has the role from it", "systemctl enable --now keepalived"),
    ),
    (
        "a keepalived that has another instance",
        replace(FOLLOWS, follows=Followed("VI_9")),
        {"rivals": (KEEPALIVED,)},
        (
            "error",
            "keepalived (pid 5) has no vrrp_instance VI_9",
            GREP.format("vrrp_instance", "add it, or correct conf.d"),
        ),
    ),
    (
        "a keepalived that has no such group",
        replace(FOLLOWS, follows=Followed("VI_1", group=True)),
        {"rivals": (KEEPALIVED,)},
        (
            "error",
            "keepalived (pid 5) has no vrrp_sync_group VI_1",
            GREP.format("vrrp_sync_group", "add it, or correct conf.d"),
        ),
    ),
    (
        "a keepalived that tells somebody else",
        replace(FOLLOWS, follows=Followed("VI_1", fifo="/run/other")),
        {"rivals": (KEEPALIVED,)},
        (
            "error",
            "keepalived (pid 5) does not tell its roles to /run/other",
            GREP.format("notify_fifo", "vrrp_notify_fifo /run/other"),
        ),
    ),
]


@pytest.mark.parametrize(("pair", "changes", "line"), [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS])
def test_what_is_wrong_with_a_host(pair: PairSpec, changes: dict[str, Any], line: tuple[str, str, str]) -> None:
    assert wrong(pair, **changes) == [line]


@pytest.mark.parametrize(
    ("pair", "rival"),
    [
        (FOLLOWS, KEEPALIVED),
        (replace(FOLLOWS, follows=Followed("VG_1", group=True)), KEEPALIVED),
        (FOLLOWS, replace(KEEPALIVED, vrrp=None)),  # nobody could read its configuration
        (with_instances(replace(WEB, interface="eth1")), KEEPALIVED),
    ],
)
def test_a_keepalived_that_is_as_it_should_be(pair: PairSpec, rival: Rival) -> None:
    assert wrong(pair, rivals=(rival,)) == []


def test_who_does_not_speak_vrrp_needs_no_right_to_it() -> None:
    assert wrong(PairSpec(Provider.MANUAL), raw=False) == []


def test_what_could_not_be_looked_at_is_not_judged() -> None:
    hooks = Hooks(on_active=("/bin/true",))
    pair = with_instances(replace(WEB, source=IPv4Address("192.0.2.9")), sync=Syncing("eth1"), hooks=hooks)
    assert wrong(pair, interfaces={}, programs={}) == []
