"""`lvsctl doctor`: facts in, lines out. A healthy host is changed in one respect a row."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from ipaddress import IPv4Interface, ip_address, ip_network
from typing import Any

import pytest

from lvsctl.decide.doctor.facts import (
    Build,
    Configuration,
    Daemon,
    DkmsSilent,
    Facts,
    Finding,
    Hprio,
    Kernel,
    Level,
    Modules,
    Networking,
    Rival,
)
from lvsctl.decide.doctor.judge import judge
from lvsctl.decide.doctor.network import RULES
from lvsctl.model import (
    Entry,
    Family,
    Forward,
    Generation,
    Info,
    Instance,
    MarkKey,
    OnDown,
    OnExit,
    PairSpec,
    Pool,
    Problem,
    RealAttrs,
    Server,
    Service,
    ServiceAttrs,
    Severity,
    Spec,
)
from tests.decide.making import OTHER_VIP, VIP, real, server, service, spec

HERE, NEXT = "6.1.0-56-amd64", "6.12.117+deb12-amd64"
GOOD = {rule.name: rule.good for rule in RULES}
WEB = service([server(1), server(2)], [server(3)], scheduler="hprio", fallback="fo")
OWN_KERNEL = Modules(HERE, hprio=True, headers=True)
BUILT = Build("1.0.0", HERE, "installed")

HEALTHY = Facts(
    version="0.2.0",
    configuration=Configuration("/etc/lvsctl/conf.d", spec(WEB)),
    kernel=Kernel(HERE, Info("1.2.1", 4096)),
    hprio=Hprio(loaded="1.0.0", builds=(BUILT,), kernels=(OWN_KERNEL,)),
    networking=Networking(GOOD, (ip_network("192.0.2.1/32"), ip_network("127.0.0.0/8"))),
    rivals=(),
    daemon=Daemon("/run/lvsctl/lvsctl.sock", version="0.2.0", pid=7),
)


def host(services: list[Service] | None = None, **changes: Any) -> Facts:
    """The healthy host, with changes: `kernel={"entries": 5}` changes fields of `Facts.kernel`."""
    facts = HEALTHY
    if services is not None:
        facts = replace(facts, configuration=replace(facts.configuration, spec=spec(*services)))
    for name, change in changes.items():
        value = replace(getattr(facts, name), **change) if isinstance(change, dict) else change
        facts = replace(facts, **{name: value})
    return facts


def wrong(facts: Facts) -> list[tuple[str, str, str]]:
    return [(str(one.level), one.text, one.mend) for one in judge(facts) if one.level is not Level.OK]


def forwarding(forward: Forward, family: Family = Family.INET) -> Service:
    """A firewall-mark service, so that no address of the host matters."""
    member = Server(real(1), RealAttrs(forward, 1), ())
    pool = (Pool("a", (member,)),)
    return Service("nat", MarkKey(family, 1), ServiceAttrs("rr"), pool, None, OnDown.REMOVE, OnExit.KEEP)


def test_a_healthy_host() -> None:
    assert [(one.area, one.subject, one.text) for one in judge(HEALTHY)] == [
        ("kernel", "ip_vs", f"ip_vs 1.2.1 on Linux {HERE}"),
        ("kernel", "connection-table", "connection table of 4,096 buckets"),
        ("schedulers", "scheduler hprio", "hprio is there"),
        ("schedulers", "dkms", f"ip-vs-hprio 1.0.0 is installed by DKMS for Linux {HERE}"),
        ("network", "net.ipv4.vs.expire_nodest_conn", "net.ipv4.vs.expire_nodest_conn is 1"),
        ("network", "net.ipv4.vs.conn_reuse_mode", "net.ipv4.vs.conn_reuse_mode is 1"),
        ("network", "net.ipv4.vs.conntrack", "net.ipv4.vs.conntrack is 0"),
        ("network", "net.ipv4.vs.drop_packet", "net.ipv4.vs.drop_packet is 0"),
        ("network", "net.ipv4.vs.drop_entry", "net.ipv4.vs.drop_entry is 0"),
        ("network", "net.ipv4.vs.run_estimation", "net.ipv4.vs.run_estimation is 1"),
        ("network", "address 192.0.2.1", "192.0.2.1 is an address of this host (web)"),
        ("other writers", "writers", "no other program that manages IPVS is running"),
        ("lvsctl", "configuration", "/etc/lvsctl/conf.d: 1 service"),
        ("lvsctl", "daemon", "the daemon answers on /run/lvsctl/lvsctl.sock (pid 7, lvsctl 0.2.0)"),
    ]
    assert wrong(HEALTHY) == []


KERNEL = [
    (
        "not loaded, and nobody knows whether modprobe finds it",
        {"info": None, "present": False},
        f"no ip_vs in Linux {HERE}: it is not loaded",
        "modprobe ip_vs && echo ip_vs > /etc/modules-load.d/lvsctl.conf   # in a container: on its host",
    ),
    (
        "not loaded, and modprobe finds it",
        {"info": None, "present": False, "loadable": True},
        f"no ip_vs in Linux {HERE}: it is not loaded",
        "modprobe ip_vs && echo ip_vs > /etc/modules-load.d/lvsctl.conf",
    ),
    (
        "not loaded, and modprobe cannot find it",
        {"info": None, "present": False, "permitted": False, "loadable": False},
        f"no ip_vs: Linux {HERE} comes without that module: boot another",
        "",
    ),
    (
        "not root",
        {"info": None, "refusal": "cannot ask IPVS: not permitted", "permitted": False},
        "IPVS not checked: that takes CAP_NET_ADMIN in this network namespace",
        "sudo lvsctl doctor",
    ),
    (
        "anything else the kernel says",
        {"info": None, "refusal": "netlink: no answer from the kernel within 10 s"},
        "netlink: no answer from the kernel within 10 s",
        "dmesg | tail",
    ),
]


@pytest.mark.parametrize(("change", "text", "mend"), [row[1:] for row in KERNEL], ids=[row[0] for row in KERNEL])
def test_a_kernel_that_cannot_be_asked(change: dict[str, Any], text: str, mend: str) -> None:
    facts = host(kernel=change)
    assert wrong(facts) == [("error", text, mend)]
    assert not [one for one in judge(facts) if one.area == "schedulers"]


@pytest.mark.parametrize(
    ("generation", "text"),
    [
        (Generation.OLD, "from the next connection on (as in 6.1.176 and before)"),
        (Generation.NEW, "at once (as in 6.1.187, 6.12.107 and later)"),
    ],
)
def test_when_an_edited_threshold_counts(generation: Generation, text: str) -> None:
    found = [one for one in judge(host(kernel={"generation": generation})) if one.subject == "thresholds"]
    assert [(one.level, one.text) for one in found] == [(Level.OK, f"a threshold that is edited counts {text}")]


def crowd(upper: int) -> list[Service]:
    return [replace(WEB, pools=(Pool("a", (Server(real(1), RealAttrs(Forward.ROUTE, 5, upper), ()),)),))]


TABLES = [
    ("eight to a bucket are as usual", crowd(8 * 4096), {}, None),
    (
        "thresholds far above the buckets",
        crowd(200_000),
        {},
        (
            "connection table of 4,096 buckets for thresholds of 200,000 connections: every packet costs more",
            "echo 'options ip_vs conn_tab_bits=18' >> /etc/modprobe.d/ip_vs.conf   # holds from the next boot on",
        ),
    ),
    (
        "more connections than thresholds let expect; ip_vs in the image",
        crowd(10),
        {"entries": 33_000, "built_in": True},
        (
            "connection table of 4,096 buckets for 33,000 connections: every packet costs more",
            "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX ip_vs.conn_tab_bits=16\"' >> /etc/default/grub "
            "&& update-grub   # holds from the next boot on",
        ),
    ),
    ("as large as can be", crowd(10**9), {"info": Info("1.2.1", 1 << 20)}, None),
    ("a kernel that sizes it by itself", crowd(10**6), {"resizes": True}, None),
]


@pytest.mark.parametrize(("services", "change", "found"), [row[1:] for row in TABLES], ids=[row[0] for row in TABLES])
def test_the_connection_table(services: list[Service], change: dict[str, Any], found: tuple[str, str] | None) -> None:
    assert wrong(host(services, kernel=change)) == ([("warning", *found)] if found else [])


OTHER_KERNEL = Modules(NEXT, hprio=False, headers=False)
HPRIO = [
    (
        "nothing there: no dkms, no headers",
        {"loaded": "", "builds": None, "kernels": (Modules(HERE, False, False),)},
        f"apt-get install dkms linux-headers-{HERE} && dkms add deploy/ip-vs-hprio && dkms autoinstall -k {HERE}"
        "   # in lvsctl's source",
    ),
    (
        "dkms there, the source not added",
        {"builds": (), "kernels": (Modules(HERE, False, True),)},
        f"dkms add deploy/ip-vs-hprio && dkms autoinstall -k {HERE}   # in lvsctl's source",
    ),
    (
        "added, not built for this kernel; the newest version counts",
        {
            "builds": (Build("1.10.0", "", "added"), Build("1.9.0", NEXT, "installed")),
            "kernels": (Modules(HERE, False, True),),
        },
        f"dkms install ip-vs-hprio/1.10.0 -k {HERE}",
    ),
    (
        "the same without headers",
        {"builds": (Build("1.0.0", "", "added"),), "kernels": (Modules(HERE, False, False),)},
        f"apt-get install linux-headers-{HERE} && dkms install ip-vs-hprio/1.0.0 -k {HERE}",
    ),
    ("built, and still the kernel has it not", {}, "modprobe ip_vs_hprio"),
    (
        "built, but signed by nobody whom the kernel knows",
        {"signed_only": True},
        "mokutil --import /var/lib/dkms/mok.pub   # Secure Boot: enrol the key at the next boot",
    ),
]


@pytest.mark.parametrize(("change", "mend"), [row[1:] for row in HPRIO], ids=[row[0] for row in HPRIO])
def test_the_way_to_hprio(change: dict[str, Any], mend: str) -> None:
    facts = host(kernel={"missing": frozenset({"hprio"})}, hprio=change)
    assert wrong(facts) == [("warning", "hprio is missing: fo is used in its place by web", mend)]


def test_without_a_stand_in_a_service_is_not_served() -> None:
    refusing = replace(WEB, name="strict", key=MarkKey(Family.INET, 1), fallback=None)
    lacking = replace(WEB, name="mesh", key=MarkKey(Family.INET, 2), attrs=ServiceAttrs("mh"), fallback="twos")
    facts = host([WEB, refusing, lacking], kernel={"missing": frozenset({"hprio", "mh", "twos"})})
    assert wrong(facts) == [
        ("warning", "hprio is missing: fo is used in its place by web", "modprobe ip_vs_hprio"),
        ("error", "hprio is missing and nothing stands in: not served: strict", "modprobe ip_vs_hprio"),
        ("error", "mh is missing and nothing stands in: not served: mesh", "modprobe ip_vs_mh"),
    ]


def test_a_scheduler_that_appeared_is_used_from_the_next_reload_on() -> None:
    facts = host(kernel={"table": {VIP: Entry(ServiceAttrs("fo"), {})}})
    text = "hprio is there; not yet used by web"
    reload = "lvsctl reload --socket /run/lvsctl/lvsctl.sock"
    assert wrong(facts) == [("warning", text, reload)]
    shy = replace(facts, daemon=replace(facts.daemon, silence="not allowed to ask", denied=True))
    assert ("warning", text, reload) in wrong(shy)
    alone = replace(facts, daemon=replace(facts.daemon, silence="nobody"))
    assert ("warning", text, "lvsctl apply -c /etc/lvsctl/conf.d") in wrong(alone)


DKMS = [
    (
        "put there by hand: the next upgrade loses it",
        {"builds": (), "kernels": ()},
        "hprio is not looked after by DKMS: after the next kernel upgrade it is missing",
        f"apt-get install linux-headers-{HERE} && dkms add deploy/ip-vs-hprio && dkms autoinstall -k {HERE}"
        "   # in lvsctl's source",
    ),
    (
        "built and not installed",
        {"builds": (replace(BUILT, state="built"),)},
        "hprio is not looked after by DKMS: after the next kernel upgrade it is missing",
        f"dkms install ip-vs-hprio/1.0.0 -k {HERE}",
    ),
    (
        "its file is gone, and dkms does not know",
        {"kernels": (replace(OWN_KERNEL, hprio=False),)},
        f"hprio is in the kernel, and modprobe finds no file of it for Linux {HERE}: the next boot loses it",
        f"dkms install --force ip-vs-hprio/1.0.0 -k {HERE}",
    ),
    (
        "dkms itself is broken",
        {"builds": DkmsSilent("Error! Could not locate dkms.conf file.")},
        "not checked whether DKMS looks after hprio: Error! Could not locate dkms.conf file.",
        "dkms status -m ip-vs-hprio",
    ),
    (
        "after an upgrade of the module",
        {"builds": (Build("1.1.0", HERE, "installed"),)},
        "hprio 1.0.0 is loaded, 1.1.0 is installed: it comes into use at the next boot",
        "systemctl reboot   # at a quiet time",
    ),
    (
        "after an upgrade of the kernel, before the boot",
        {"kernels": (OWN_KERNEL, OTHER_KERNEL)},
        f"hprio is missing in Linux {NEXT}, which is installed too: a boot into it loses hprio",
        f"apt-get install linux-headers-{NEXT} && dkms install ip-vs-hprio/1.0.0 -k {NEXT}",
    ),
]


@pytest.mark.parametrize(("change", "text", "mend"), [row[1:] for row in DKMS], ids=[row[0] for row in DKMS])
def test_the_module_in_time(change: dict[str, Any], text: str, mend: str) -> None:
    assert wrong(host(hprio=change)) == [("warning", text, mend)]


def test_the_module_is_nobodys_business_where_hprio_is_not_wanted() -> None:
    facts = host([replace(WEB, attrs=ServiceAttrs("wlc"))], hprio=Hprio(kernels=(OTHER_KERNEL,)))
    assert wrong(facts) == []


QUIESCES = replace(WEB, on_down=OnDown.QUIESCE)
PERSISTENT = ServiceAttrs("hprio", persistence=150)
SYSCTLS = [
    ("masquerading needs forwarding", forwarding(Forward.MASQUERADE), "net.ipv4.ip_forward", "0", "error"),
    ("route does not", forwarding(Forward.ROUTE), "net.ipv4.ip_forward", "0", None),
    ("IPv6 has a switch of its own", forwarding(Forward.MASQUERADE, Family.INET6), "net.ipv4.ip_forward", "0", None),
    ("that one", forwarding(Forward.MASQUERADE, Family.INET6), "net.ipv6.conf.all.forwarding", "0", "error"),
    ("servers are removed", WEB, "net.ipv4.vs.expire_nodest_conn", "0", "warning"),
    ("servers stay with weight 0", QUIESCES, "net.ipv4.vs.expire_nodest_conn", "0", None),
    ("and nobody is bound to them", QUIESCES, "net.ipv4.vs.expire_quiescent_template", "0", None),
    ("persistent", replace(QUIESCES, attrs=PERSISTENT), "net.ipv4.vs.expire_quiescent_template", "0", "warning"),
    ("out of the table", replace(WEB, attrs=PERSISTENT), "net.ipv4.vs.expire_quiescent_template", "0", None),
    (
        "drained at the end",
        replace(WEB, attrs=PERSISTENT, on_exit=OnExit.DRAIN),
        "net.ipv4.vs.expire_quiescent_template",
        "0",
        "warning",
    ),
    (
        "a pool that stands by has weight 0",
        replace(WEB, attrs=ServiceAttrs("wrr", persistence=150)),
        "net.ipv4.vs.expire_quiescent_template",
        "0",
        "warning",
    ),
    ("ports used again", WEB, "net.ipv4.vs.conn_reuse_mode", "0", "warning"),
    ("tracked without need", WEB, "net.ipv4.vs.conntrack", "1", "warning"),
    ("tracked, perhaps for a firewall", forwarding(Forward.MASQUERADE), "net.ipv4.vs.conntrack", "1", None),
    ("the flood defence always on", WEB, "net.ipv4.vs.drop_packet", "3", "warning"),
    ("counters that stand still", WEB, "net.ipv4.vs.run_estimation", "0", "warning"),
    ("on when memory is short", WEB, "net.ipv4.vs.drop_packet", "1", None),
]


@pytest.mark.parametrize(
    ("one", "name", "value", "level"), [row[1:] for row in SYSCTLS], ids=[row[0] for row in SYSCTLS]
)
def test_sysctls_by_what_is_configured(one: Service, name: str, value: str, level: str | None) -> None:
    facts = host([one], networking={"sysctls": {**GOOD, name: value}})
    found = wrong(facts)
    assert [row[0] for row in found] == ([level] if level else [])
    if level:
        rule = next(rule for rule in RULES if rule.name == name)
        file = "/etc/sysctl.d/lvsctl.conf"
        assert found[0][1] == f"{name} is {value}: {rule.harm} ({one.name})"
        assert found[0][2].startswith(f"echo '{name} = {rule.good}' >> {file} && sysctl -p {file}")
        assert found[0][2].endswith(" && echo ip_vs > /etc/modules-load.d/lvsctl.conf") is name.startswith(
            "net.ipv4.vs."
        )


def test_a_sysctl_that_cannot_be_read_is_not_judged() -> None:
    assert wrong(host(networking={"sysctls": {}})) == []


def test_an_address_that_is_not_ours() -> None:
    two = replace(WEB, name="two", key=OTHER_VIP)
    networking = {"local": (ip_network("192.0.2.1/32"),), "outward": {ip_address("192.0.2.2"): "bond0"}}
    assert wrong(host([WEB, two], networking=networking)) == [
        (
            "warning",
            "192.0.2.2 is no address of this host: nobody is served there, as is right on standby (two)",
            "ip address add 192.0.2.2/32 dev bond0   # on the active director alone",
        )
    ]
    assert wrong(host([WEB, two], networking={"local": (ip_network("192.0.2.0/24"),)})) == []
    assert wrong(host([WEB, two], networking={"local": None})) == []


def test_an_address_that_the_pair_moves_is_nobody_s_to_add() -> None:
    web = Instance("web", "eth0", 51, Family.INET, (IPv4Interface("192.0.2.1/24"),))
    facts = host(networking={"local": ()})
    facts = replace(facts, configuration=Configuration("/c", replace(spec(WEB), pair=PairSpec(instances=(web,)))))
    found = [(one.level, one.text) for one in judge(facts) if one.subject == "address 192.0.2.1"]
    assert found == [(Level.OK, "192.0.2.1 comes with the active role (web)")]


KEEPALIVED = "grep -nE 'virtual_server|lvs_flush' /k.conf   # remove these, then: systemctl restart keepalived"
RIVALS = [
    (
        Rival("keepalived", 5, True, frozenset({VIP}), file="/k.conf"),
        ("error", "keepalived (pid 5) manages tcp 192.0.2.1:80 too: each undoes what the other does", KEEPALIVED),
    ),
    (
        Rival("keepalived", 5, True, frozenset({OTHER_VIP}), file="/k.conf"),
        (
            "warning",
            "keepalived (pid 5) writes the IPVS table too: no service may be in both configurations",
            KEEPALIVED,
        ),
    ),
    (
        Rival("keepalived", 5, True, flushes=True, file="/k.conf"),
        ("error", "keepalived (pid 5) empties the whole IPVS table when it starts or stops", KEEPALIVED),
    ),
    (
        Rival("kube-proxy", 5, True, sweeps=True, spares=frozenset({ip_network("10.0.0.0/8")})),
        (
            "error",
            "kube-proxy (pid 5) deletes services that it does not know, such as tcp 192.0.2.1:80",
            "kubectl -n kube-system edit configmap kube-proxy   # mode: nftables; or ipvs.excludeCIDRs",
        ),
    ),
    (
        Rival("kube-router", 5, True, sweeps=True, spares=frozenset({ip_network("192.0.2.0/24")})),
        (
            "warning",
            "kube-router (pid 5) writes the IPVS table too: no service may be in both configurations",
            "kubectl -n kube-system edit daemonset kube-router   # --run-service-proxy=false; or --excluded-cidrs",
        ),
    ),
    (
        Rival("ldirectord", 5, None),
        (
            "warning",
            "ldirectord (pid 5) is running; not checked whether it manages virtual servers here",
            "tr '\\0' ' ' < /proc/5/cmdline",
        ),
    ),
]


@pytest.mark.parametrize(("rival", "line"), RIVALS)
def test_other_writers(rival: Rival, line: tuple[str, str, str]) -> None:
    assert wrong(host(rivals=(rival,))) == [line]


def test_a_service_by_mark_has_no_address_that_could_be_spared() -> None:
    rival = Rival("kube-proxy", 5, True, sweeps=True, spares=frozenset({ip_network("0.0.0.0/0")}))
    assert [row[0] for row in wrong(host(rivals=(rival,)))] == ["warning"]
    assert [row[0] for row in wrong(host([forwarding(Forward.ROUTE)], rivals=(rival,)))] == ["error"]


def test_a_keepalived_for_vrrp_alone_is_welcome() -> None:
    lines = judge(host(rivals=(Rival("keepalived", 5, False),)))
    assert "keepalived (pid 5) is running and manages no virtual servers" in [one.text for one in lines]
    assert {one.level for one in lines} == {Level.OK}


def test_services_of_others_are_named() -> None:
    table = {key: Entry(ServiceAttrs("hprio"), {}) for key in (VIP, OTHER_VIP, MarkKey(Family.INET, 9))}
    facts = host(kernel={"table": table}, owned=frozenset({OTHER_VIP}))
    assert [one.text for one in judge(facts) if one.subject == "foreign services"] == [
        "in the table and not lvsctl's, left alone: mark 9"
    ]
    many = {MarkKey(Family.INET, mark): Entry(ServiceAttrs("rr"), {}) for mark in range(1, 8)}
    assert [one.text for one in judge(host(kernel={"table": many})) if one.subject == "foreign services"] == [
        "in the table and not lvsctl's, left alone: mark 1, mark 2, mark 3, mark 4, mark 5 and 2 more"
    ]


MISTAKES = (Problem("/c/a.yaml", 1, 2, "services", "is empty"), Problem("/c/b.yaml", 3, 4, "", "is odd"))
SLOW = Problem("/c/a.yaml", 3, 5, "services.web", "is slow", Severity.WARNING)
PROGRAM = [
    (
        "a configuration with mistakes",
        {"configuration": Configuration("/my conf", None, (SLOW, *MISTAKES))},
        "error",
        "conf.d cannot be used: /c/a.yaml:1:2: services: is empty and 2 more",
        "lvsctl validate -c '/my conf'",
    ),
    (
        "a damaged state",
        {"owned": None, "amnesia": "/s/owned.json is damaged: move it away", "state_file": "/s/owned.json"},
        "error",
        "/s/owned.json is damaged: move it away",
        "mv /s/owned.json /s/owned.json.damaged && systemctl restart lvsctl",
    ),
    (
        "no daemon",
        {"daemon": {"silence": "no daemon answers on /s: is lvsctl running?"}},
        "warning",
        "no daemon answers on /s: is lvsctl running?",
        "systemctl enable --now lvsctl",
    ),
    (
        "a daemon that we may not ask",
        {"daemon": {"silence": "not allowed to talk to the daemon on /s", "denied": True}},
        "warning",
        "not checked: not allowed to talk to the daemon on /s",
        "sudo lvsctl doctor",
    ),
    (
        "a daemon that goes on with an old configuration",
        {"daemon": {"reload_ok": False}},
        "error",
        "the daemon could not take conf.d as it is now: the configuration before it goes on",
        "lvsctl validate -c /etc/lvsctl/conf.d && lvsctl reload --socket /run/lvsctl/lvsctl.sock",
    ),
    (
        "a daemon that cannot work",
        {"daemon": {"trouble": "cannot ask IPVS: not permitted"}},
        "error",
        "the daemon's last round failed: cannot ask IPVS: not permitted",
        "journalctl -u lvsctl -n 50",
    ),
    (
        "after an upgrade of lvsctl",
        {"daemon": {"version": "0.1.0"}},
        "warning",
        "the daemon that runs is lvsctl 0.1.0, installed is 0.2.0",
        "systemctl restart lvsctl",
    ),
    (
        "a daemon that has just started",
        {"daemon": {"ready": False}},
        "warning",
        "the daemon has not finished its first complete round",
        "lvsctl status --socket /run/lvsctl/lvsctl.sock",
    ),
]


@pytest.mark.parametrize(
    ("change", "level", "text", "mend"), [row[1:] for row in PROGRAM], ids=[row[0] for row in PROGRAM]
)
def test_lvsctl_itself(change: dict[str, Any], level: str, text: str, mend: str) -> None:
    assert wrong(host(**change)) == [(level, text, mend)]


def test_what_an_ordinary_user_cannot_read_is_not_checked() -> None:
    facts = host(
        kernel={"info": None, "refusal": "x", "permitted": False}, owned=None, amnesia="cannot read /s/owned.json"
    )
    facts = replace(facts, rivals=(Rival("nanny", 5, None),))
    assert wrong(facts)[1:] == [
        (
            "warning",
            "nanny (pid 5) is running; not checked whether it manages virtual servers here",
            "sudo lvsctl doctor",
        ),
        ("warning", "not checked: cannot read /s/owned.json", "sudo lvsctl doctor"),
    ]


def test_warnings_of_the_configuration_are_counted_and_are_not_the_hosts() -> None:
    facts = host(configuration={"problems": (SLOW,)})
    said = [one.text for one in judge(facts) if one.subject == "configuration"]
    assert said == ["/etc/lvsctl/conf.d: 1 service, 1 warning from `lvsctl validate`"]
    assert wrong(facts) == []


def test_without_a_configuration_only_the_rest_is_said() -> None:
    facts = host(configuration=Configuration("/c", None, MISTAKES))
    assert [one.area for one in judge(facts)] == ["kernel", "kernel", "other writers", "lvsctl", "lvsctl"]


def test_every_mending_command_is_one_that_a_shell_understands() -> None:
    hosts = [host(kernel=row[1]) for row in KERNEL]
    hosts += [host(row[1], kernel=row[2]) for row in TABLES]
    hosts += [host(kernel={"missing": frozenset({"hprio"})}, hprio=row[1]) for row in HPRIO]
    hosts += [host([row[1]], networking={"sysctls": {row[2]: row[3]}}) for row in SYSCTLS]
    hosts += [host(rivals=(rival,)) for rival, _ in RIVALS] + [host(**row[1]) for row in PROGRAM]
    found: list[Finding] = [one for facts in hosts for one in judge(facts)]
    mends = sorted({one.mend for one in found if one.mend})
    assert len(mends) > 20
    script = "\n".join(mends) + "\n"
    shell = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (shell.returncode, shell.stderr) == (0, "")
    assert {one.subject for one in found if one.level is Level.OK and one.mend} == set()


def test_an_empty_spec_is_no_trouble() -> None:
    assert wrong(host(configuration={"spec": Spec({}, {}, {})})) == []
