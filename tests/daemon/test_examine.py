"""The facts for `lvsctl doctor`, read from a folder that looks like a host."""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.daemon.examine import host, keepalived
from lvsctl.daemon.examine.gather import gather
from lvsctl.daemon.examine.network import networking
from lvsctl.daemon.examine.paired import Look
from lvsctl.daemon.examine.rivals import rivals
from lvsctl.daemon.state import State
from lvsctl.decide.doctor.facts import Build, Daemon, DkmsSilent, Facts, Hprio, Modules, Network, Paired, Rival, Vrrp
from lvsctl.decide.doctor.judge import judge
from lvsctl.errors import KernelError
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import (
    Entry,
    Family,
    Info,
    Interface,
    MarkKey,
    RealCounters,
    RealKey,
    Seen,
    ServiceAttrs,
    ServiceCounters,
    ServiceKey,
    Traffic,
)
from tests.daemon.site import conf, service, tcp

HERE, NEXT = "6.1.0-56-amd64", "6.12.117+deb12-amd64"
NAMESPACE, OTHER_NAMESPACE = "net:[4026531840]", "net:[4026532000]"


class Host:
    """A tree of files as a kernel and an administrator write them. root: its /."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/sys/kernel/osrelease", f"{HERE}\n")
        self.write("proc/self/status", "Name:\tlvsctl\nCapEff:\t000001ffffffffff\n")
        self.link("proc/self/ns/net", NAMESPACE)

    def write(self, name: str, text: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def link(self, name: str, target: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def process(self, pid: int, *arguments: str, comm: str = "", namespace: str = NAMESPACE) -> Path:
        """Its own root is a folder of its own; the path of that is returned."""
        self.write(f"proc/{pid}/comm", f"{comm or Path(arguments[0]).name[:15]}\n")
        self.write(f"proc/{pid}/cmdline", "".join(f"{argument}\0" for argument in arguments))
        self.link(f"proc/{pid}/ns/net", namespace)
        inner = self.root / f"proc/{pid}/root"
        inner.mkdir()
        return inner

    def kernel(self, release: str, *modules: str, headers: bool = False) -> None:
        self.write(f"lib/modules/{release}/modules.dep", "".join(f"{module}: kernel/x.ko\n" for module in modules))
        for module in ("kernel/x.ko", *modules):
            self.write(f"lib/modules/{release}/{module}", "")
        if headers:
            (self.root / f"lib/modules/{release}/build").mkdir()

    def dkms(self, *lines: str) -> str:
        program = self.root / "dkms"
        self.write("dkms", "#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
        program.chmod(0o755)
        return str(program)


@pytest.fixture
def here(tmp_path: Path) -> Host:
    return Host(tmp_path)


# --- kernel and modules -------------------------------------------------------------------------------------------


def test_permission_is_a_capability(here: Host) -> None:
    assert host.permitted(here.root)
    here.write("proc/self/status", "CapEff:\t0000000000000000\n")
    assert not host.permitted(here.root)
    here.write("proc/self/status", "CapEff:\t0000000000001000\n")
    assert host.permitted(here.root)


def test_what_modprobe_would_find(here: Host) -> None:
    assert host.loadable(here.root, "ip_vs") is None
    here.kernel(HERE, "kernel/net/netfilter/ipvs/ip_vs_rr.ko")
    assert host.loadable(here.root, "ip_vs") is False
    here.kernel(HERE, "kernel/net/netfilter/ipvs/ip_vs.ko.xz")
    assert host.loadable(here.root, "ip_vs") is True
    (here.root / f"lib/modules/{HERE}/kernel/net/netfilter/ipvs/ip_vs.ko.xz").unlink()
    assert host.loadable(here.root, "ip_vs") is False
    here.write(f"lib/modules/{HERE}/modules.dep", "")
    here.write(f"lib/modules/{HERE}/modules.builtin", "kernel/net/netfilter/ipvs/ip_vs.ko\n")
    assert host.loadable(here.root, "ip_vs") is True


def test_in_the_image_or_a_module(here: Host) -> None:
    here.write("proc/modules", "ip_vs_rr 16384 0 - Live 0x0\n")
    assert host.built_in(here.root)
    here.write("proc/modules", "ip_vs_rr 16384 0 - Live 0x0\nip_vs 200704 3 ip_vs_rr, Live 0x0\n")
    assert not host.built_in(here.root)


def test_the_module_of_hprio_and_every_kernel_that_can_be_booted(here: Host) -> None:
    here.kernel(HERE, "updates/dkms/ip_vs_hprio.ko.xz", headers=True)
    here.kernel(NEXT, "kernel/net/netfilter/ipvs/ip_vs.ko.xz")
    here.write("lib/modules/5.10.0-1-amd64/modules.dep", "updates/dkms/ip_vs_hprio.ko: \n")  # its kernel was purged
    here.write("sys/module/ip_vs_hprio/version", "1.0.0\n")
    dkms = here.dkms(
        f"nvidia/525.1, {HERE}, x86_64: installed",
        f"ip-vs-hprio/1.0.0, {HERE}, x86_64: installed (original_module exists)",
        "ip-vs-hprio/1.1.0: added",
    )
    assert host.hprio(here.root, dkms) == Hprio(
        loaded="1.0.0",
        builds=(Build("1.0.0", HERE, "installed"), Build("1.1.0", "", "added")),
        kernels=(Modules(HERE, hprio=True, headers=True), Modules(NEXT, hprio=False, headers=False)),
    )
    assert host.hprio(here.root, None).builds is None


@pytest.mark.parametrize(
    ("script", "builds"),
    [
        ("exit 0", ()),
        ("echo 'ip-vs-hprio/1.0.0: added'; exit 4", (Build("1.0.0", "", "added"),)),
        ("echo 'Error! Could not locate\n dkms.conf.' >&2; exit 4", DkmsSilent("Error! Could not locate dkms.conf.")),
        ("exit 4", DkmsSilent("exit status 4")),
        ('[ "$*" = "status -m ip-vs-hprio" ]', ()),
    ],
)
def test_a_dkms_that_does_not_tell(here: Host, script: str, builds: tuple[Build, ...] | DkmsSilent) -> None:
    program = here.root / "dkms"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert host.hprio(here.root, str(program)).builds == builds


def test_a_dkms_that_is_not_there(here: Host) -> None:
    assert isinstance(host.hprio(here.root, str(here.root / "absent")).builds, DkmsSilent)


async def test_dkms_is_asked_only_where_hprio_is_wanted(here: Host) -> None:
    told = here.dkms(f"ip-vs-hprio/1.0.0, {HERE}, x86_64: installed")
    assert (await facts(here, MemoryIpvs(), dkms=told)).hprio.builds == (Build("1.0.0", HERE, "installed"),)
    other = conf(service("shop", "192.0.2.21", address="192.0.2.20:80", scheduler="rr"))
    assert (await facts(here, MemoryIpvs(), text=other, dkms=told)).hprio == Hprio()


@pytest.mark.parametrize(
    ("line", "build"),
    [
        (f"ip-vs-hprio, 1.0.0, {HERE}, x86_64: built", Build("1.0.0", HERE, "built")),  # dkms 2
        ("ip-vs-hprio, 1.0.0: added", Build("1.0.0", "", "added")),
        (f"ip-vs-hprio/1.0.0, {NEXT}, x86_64: installed", Build("1.0.0", NEXT, "installed")),
        ("ip-vs-hprio-git/1.0.0: added", None),
        ("ip-vs-hprio/1.0.0:", None),
        ("", None),
    ],
)
def test_lines_of_dkms(line: str, build: Build | None) -> None:
    assert host.build_of(line) == build


@pytest.mark.parametrize(
    ("file", "text", "signed_only"),
    [
        ("sys/kernel/security/lockdown", "[none] integrity confidentiality\n", False),
        ("sys/kernel/security/lockdown", "none [integrity] confidentiality\n", True),
        ("sys/module/module/parameters/sig_enforce", "Y\n", True),
        ("sys/module/module/parameters/sig_enforce", "N\n", False),
    ],
)
def test_a_kernel_that_wants_signatures(here: Host, file: str, text: str, signed_only: bool) -> None:
    here.write(file, text)
    assert host.hprio(here.root, None).signed_only is signed_only


# --- network ------------------------------------------------------------------------------------------------------

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.10
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Id 100:
     |-- 198.51.100.0
        /25 host LOCAL tos=16
"""
ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
bond0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
NONE = "0" * 32
IPV6_ROUTE = f"""\
20010db8000000000000000000000000 40 {NONE} 00 {NONE} 00000100 00000001 00000000 00000001     eth1
20010db8000000000000000000000002 80 {NONE} 00 {NONE} 00000000 00000004 00000000 80200001     eth1
{NONE} 00 {NONE} 00 {NONE} ffffffff 00000001 00000000 00200200       lo
"""


def test_addresses_of_this_host_and_the_ways_out(here: Host) -> None:
    asked = [ip_address(text) for text in ("192.0.2.20", "203.0.113.1", "2001:db8::9", "2001:db8:1::1")]
    assert networking(here.root, [], asked).local is None
    here.write("proc/net/fib_trie", FIB_TRIE)
    here.write("proc/net/route", ROUTE)
    here.write("proc/net/ipv6_route", IPV6_ROUTE)
    found = networking(here.root, [], asked)
    assert found.local == tuple(ip_network(text) for text in ("192.0.2.10/32", "198.51.100.0/25", "2001:db8::2/128"))
    assert found.outward == dict(zip(asked, ["bond0", "eth0", "eth1"], strict=False))


@pytest.mark.parametrize("name", ["fib_trie", "route", "ipv6_route"])
@given(garbage=st.one_of(st.binary(), st.text().map(str.encode)))
def test_whatever_stands_there_is_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, name: str, garbage: bytes
) -> None:
    root = tmp_path_factory.getbasetemp() / "garbage"
    file = root / "proc/net" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    good = {"fib_trie": FIB_TRIE, "route": ROUTE, "ipv6_route": IPV6_ROUTE}[name].encode()
    middle = len(good) // 2
    file.write_bytes(good[:middle] + garbage + b"\n |-- x\n /99 host LOCAL\n" + good[middle:])
    networking(root, [], [ip_address("192.0.2.20"), ip_address("2001:db8::9")])


def test_a_status_of_the_process_that_is_garbage(here: Host) -> None:
    here.write("proc/self/status", "CapEff:\tzz\n")
    assert not host.permitted(here.root)


def test_sysctls_that_are_there(here: Host) -> None:
    here.write("proc/sys/net/ipv4/vs/conntrack", "1\n")
    assert networking(here.root, ["net.ipv4.vs.conntrack", "net.ipv4.ip_forward"], []).sysctls == {
        "net.ipv4.vs.conntrack": "1"
    }


def test_a_sysctl_of_an_interface_with_a_dot(here: Host) -> None:
    here.write("proc/sys/net/ipv4/conf/eth0.7/arp_ignore", "1\n")
    name = "net.ipv4.conf.eth0/7.arp_ignore"
    assert networking(here.root, [name], []).sysctls == {name: "1"}


# --- other writers ------------------------------------------------------------------------------------------------


def test_writers_are_found_by_name_once_and_only_in_our_network_namespace(here: Host) -> None:
    here.process(1, "/sbin/init")
    here.process(30, "/usr/bin/perl", "-w", "/usr/sbin/ldirectord", "start", comm="perl")
    here.process(31, "/usr/bin/perl", "/usr/sbin/ldirectord", "start", comm="ldirectord")
    here.process(40, "/usr/bin/kube-router", namespace=OTHER_NAMESPACE)
    here.process(50, "vi", "keepalived")
    here.process(60, "python3", comm="python3")
    here.write("proc/70/comm", "nanny\n")  # has ended meanwhile
    assert rivals(here.root) == (Rival("ldirectord", 30, True),)


def test_what_we_may_not_look_at_is_in_doubt(here: Host) -> None:
    here.process(30, "ldirectord")
    (here.root / "proc/30/ns/net").unlink()
    (here.root / "proc/30/ns/net").mkdir()  # readlink fails, with EINVAL in place of EACCES
    assert rivals(here.root) == (Rival("ldirectord", 30, None),)


@pytest.mark.parametrize(
    ("options", "config", "writes"),
    [
        (["--proxy-mode=ipvs"], "", True),
        (["--proxy-mode=nftables"], "", False),
        ([], "", False),
        (["--config=/var/lib/kube-proxy/config.conf"], 'kind: X\nmode: "ipvs"\n', True),
        (["--config=/var/lib/kube-proxy/config.conf"], "mode: iptables\n", False),
        (["--config=/var/lib/kube-proxy/config.conf"], 'mode: ""\n', False),
        (["--config=/var/lib/kube-proxy/config.conf"], "kind: X\n", False),
        (["--config", "/var/lib/kube-proxy/config.conf"], "mode: ipvs\n", True),
        (["--proxy-mode", "ipvs"], "", True),
        (["--config=/elsewhere"], "", None),
        (["--config=/elsewhere", "--proxy-mode=ipvs"], "", None),
    ],
)
def test_kube_proxy_by_its_mode(here: Host, options: list[str], config: str, writes: bool | None) -> None:
    inner = here.process(5, "/usr/local/bin/kube-proxy", *options)
    Host.write(here, f"{inner.relative_to(here.root)}/var/lib/kube-proxy/config.conf", config)
    assert rivals(here.root) == (Rival("kube-proxy", 5, writes, sweeps=writes is True),)


IPVS = "ipvs:\n  excludeCIDRs:"
SPARED = frozenset({ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")})


@pytest.mark.parametrize(
    ("config", "spares"),
    [
        (f"mode: ipvs\n{IPVS} null\n  strictARP: true\n", frozenset()),
        (f"mode: ipvs\n{IPVS}\n", frozenset()),
        (f"mode: ipvs\n{IPVS} [192.0.2.0/24, '2001:db8::/32']\n", SPARED),
        (f'mode: ipvs\n{IPVS}\n  - "192.0.2.0/24"\n  - 2001:db8::/32\nclusterCIDR: 10.0.0.0/8\n', SPARED),
    ],
)
def test_what_kube_proxy_leaves_alone(here: Host, config: str, spares: frozenset[Network]) -> None:
    inner = here.process(5, "kube-proxy", "--config=/k.conf")
    here.write(f"{inner.relative_to(here.root)}/k.conf", config)
    assert rivals(here.root) == (Rival("kube-proxy", 5, True, sweeps=True, spares=spares),)


@pytest.mark.parametrize(
    ("options", "rival"),
    [
        ([], Rival("kube-router", 5, True, sweeps=True)),
        (["--run-service-proxy=false", "--excluded-cidrs=192.0.2.0/24"], Rival("kube-router", 5, False)),
        (
            ["--run-service-proxy=true", "--excluded-cidrs", "192.0.2.0/24,2001:db8::/32"],
            Rival("kube-router", 5, True, sweeps=True, spares=SPARED),
        ),
    ],
)
def test_kube_router_by_its_arguments(here: Host, options: list[str], rival: Rival) -> None:
    here.process(5, "/usr/local/bin/kube-router", *options)
    assert rivals(here.root) == (rival,)


def test_two_of_one_name_with_other_arguments_are_two(here: Host) -> None:
    """One for VRRP alone, one for virtual servers."""
    here.process(10, "keepalived", "-P")
    here.process(11, "keepalived", "-P")
    here.process(20, "keepalived", "-C", "-f", "/lvs.conf")
    here.write("proc/20/root/lvs.conf", "virtual_server fwmark 1 {\n}\n")
    assert [(one.pid, one.writes) for one in rivals(here.root)] == [(10, False), (20, True)]


CONF = """\
! virtual_server 203.0.113.1 80 {
global_defs {
  # lvs_flush
}
vrrp_instance one { virtual_ipaddress { 192.0.2.20 } }
include conf.d/*.conf
virtual_server_group many { 192.0.2.30 80 }
virtual_server 192.0.2.20 80 {
  lb_kind DR
  protocol TCP
  real_server 192.0.2.21 80 { weight 1 }
}
virtual_server fwmark 7 {
  ip_family inet6
}
virtual_server group many { }
"""
INCLUDED = "virtual_server 2001:db8::1 53 {\n  protocol UDP\n}\ninclude /etc/keepalived/keepalived.conf\n"


def keys(*found: ServiceKey) -> frozenset[ServiceKey]:
    return frozenset(found)


def test_what_keepalived_manages(tmp_path: Path) -> None:
    folder = tmp_path / "etc/keepalived"
    (folder / "conf.d").mkdir(parents=True)
    file = folder / "keepalived.conf"
    file.write_text(CONF)
    (folder / "conf.d/dns.conf").write_text(INCLUDED)
    found = keepalived.rival(5, ["/usr/sbin/keepalived", "--dont-fork"], tmp_path)
    dns = tcp("2001:db8::1", 53)
    claims = keys(tcp("192.0.2.20", 80), MarkKey(Family.INET6, 7), type(dns)(dns.address, 53, type(dns.protocol).UDP))
    vrrp = Vrrp(instances=frozenset({"one"}))
    assert found == Rival("keepalived", 5, True, claims, file="/etc/keepalived/keepalived.conf", vrrp=vrrp)


@pytest.mark.parametrize(
    ("arguments", "text", "writes", "flushes"),
    [
        (["-f", "/k.conf"], "vrrp_instance one {\n}\n", False, False),
        (["-nlf", "/k.conf"], "virtual_server 192.0.2.1 80 {\n}\n", True, False),
        (["-nlf", "/elsewhere"], None, None, False),
        (["--use-file", "/k.conf"], "vrrp_instance one {\n}\n", False, False),
        (["-iProd", "-f", "/k.conf"], CONF, True, False),
        (["-tP", "-f", "/k.conf"], CONF, True, False),
        (["-f", "/k.conf"], "@^backup virtual_server 192.0.2.1 80 {\n}\n", True, False),
        (["-f", "/k.conf"], "global_defs {\n  lvs_flush_on_stop VS\n}\n", False, False),
        (["-f", "/k.conf"], "global_defs {\n  lvs_flush_on_stop\n}\n", True, True),
        (["-f", "/dev/zero"], None, None, False),
        (["-f", "/k.conf"], "\n" * 1_000_000, False, False),
        (["--use-file=/k.conf"], "global_defs {\n  lvs_flush\n}\n", True, True),
        (["-f/k.conf"], "global_defs {\n  lvs_flush_on_stop # all\n}\n", True, True),
        (["-f", "/k.conf", "--vrrp"], CONF, False, False),
        (["-nP", "-f", "/k.conf"], CONF, False, False),
        (["-p", "/run/keepalived.pid", "-f", "/k.conf"], "virtual_server oops {\n}\n", True, False),
    ],
)
def test_keepalived_by_arguments_and_file(
    tmp_path: Path, arguments: list[str], text: str | None, writes: bool | None, flushes: bool
) -> None:
    if text is not None:
        (tmp_path / "k.conf").write_text(text)
    found = keepalived.rival(5, ["keepalived", *arguments], tmp_path)
    assert (found.writes, found.flushes) == (writes, flushes)


@pytest.mark.parametrize("pattern", ["/", "a**b", "**", "x\0y", "[", "../../../..", "/k.conf", '"k.conf"', "k\udcff"])
def test_an_include_of_anything(tmp_path: Path, pattern: str) -> None:
    text = f"include {pattern}\nvirtual_server 192.0.2.20 80 {{\n}}\n"
    (tmp_path / "k.conf").write_bytes(text.encode(errors="surrogateescape"))
    assert keepalived.rival(5, ["keepalived", "-f", "/k.conf"], tmp_path).claims == {tcp("192.0.2.20", 80)}


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "k.conf")
    assert keepalived.rival(5, ["keepalived", "-f", "/k.conf"], tmp_path).writes is None
    assert host.text_of(Path("/dev/zero")) == ""


def test_a_file_of_any_size_is_no_trouble(tmp_path: Path) -> None:
    with (tmp_path / "k.conf").open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert keepalived.rival(5, ["keepalived", "-f", "/k.conf"], tmp_path).writes is None


def test_what_the_kernel_makes_up_has_no_size() -> None:
    for name in ("kernel/osrelease", "net/ipv4/ip_forward"):
        assert host.text_of(Path("/proc/sys") / name) != ""


# --- all together -------------------------------------------------------------------------------------------------


PAIRED = """\
global_defs {
    vrrp_notify_fifo "/run/lvsctl/keepalived"   ! for lvsctl
    lvs_sync_daemon eth1 VI_1
}
vrrp_sync_group VG_1 { group { VI_1 } }
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
}
vrrp_instance "VI_2" {
    interface eth1
    # virtual_router_id 9
    virtual_router_id 52
}
vrrp_instance half {
}
virtual_server 192.0.2.20 80 {
    virtual_router_id 99
}
"""


@pytest.mark.parametrize("option", ["--dont-fork", "-P", "--vrrp"])
def test_what_keepalived_does_besides_ipvs(tmp_path: Path, option: str) -> None:
    (tmp_path / "k.conf").write_text(PAIRED)
    assert keepalived.rival(5, ["keepalived", option, "-f", "/k.conf"], tmp_path).vrrp == Vrrp(
        frozenset({("eth0", 51), ("eth1", 52)}),
        frozenset({"VI_1", "VI_2", "half"}),
        frozenset({"VG_1"}),
        frozenset({"/run/lvsctl/keepalived"}),
        syncs=True,
    )


@pytest.mark.parametrize("option", ["-C", "--check"])
def test_a_keepalived_without_vrrp(tmp_path: Path, option: str) -> None:
    (tmp_path / "k.conf").write_text(PAIRED)
    assert keepalived.rival(5, ["keepalived", option, "-f", "/k.conf"], tmp_path).vrrp is None
    (tmp_path / "k.conf").write_text("vrrp_sync_group alone {\n}\n")
    assert keepalived.rival(5, ["keepalived", "-f", "/k.conf"], tmp_path).vrrp is None
    (tmp_path / "k.conf").unlink()
    assert keepalived.rival(5, ["keepalived", "-P", "-f", "/k.conf"], tmp_path).vrrp is None


async def facts(here: Host, ipvs: MemoryIpvs, *, text: str | None = None, **options: str | None) -> Facts:
    file = here.root / "site.yaml"
    file.write_text(text or conf(service("shop", "192.0.2.21", address="192.0.2.20:80", scheduler="hprio")))
    daemon = Daemon("/s", version="x", pid=7)
    state = State(here.root / "state")
    return await gather(
        file, ipvs, links_of(here), state=state, daemon=daemon, dkms=options.get("dkms"), root=here.root
    )


def links_of(here: Host) -> Look:
    """Interfaces are folders below `links`."""

    async def look(name: str) -> Interface | None:
        if (here.root / "links/silent").exists():
            raise KernelError("netlink: no answer")
        there = (here.root / "links" / name).exists()
        return Interface(name, 2, bytes(6), up=True, carrier=True) if there else None

    return look


def lines(found: Facts) -> dict[str, str]:
    return {one.subject: f"{one.level}: {one.text}" for one in judge(found)}


async def test_the_kernel_is_asked_and_not_written(here: Host) -> None:
    foreign, key = tcp("192.0.2.99", 80), tcp("192.0.2.20", 80)
    ipvs = MemoryIpvs({foreign: Entry(ServiceAttrs("rr"), {})}, schedulers={"fo", "rr"})
    here.write("proc/sys/net/ipv4/ip_forward", "0\n")
    here.write("proc/net/fib_trie", FIB_TRIE)
    said = lines(await facts(here, ipvs))
    assert said["ip_vs"] == f"ok: ip_vs 1.2.1 on Linux {HERE}"
    assert said["scheduler hprio"] == "warning: hprio is missing: fo is used in its place by shop"
    assert said["net.ipv4.ip_forward"].startswith("error: net.ipv4.ip_forward is 0: ")
    assert said[f"address {key.address}"].startswith("warning: 192.0.2.20 is no address of this host")
    assert said["foreign services"] == "ok: in the table and not lvsctl's, left alone: tcp 192.0.2.99:80"
    assert said["configuration"].startswith(f"ok: {here.root}/site.yaml: 1 service, ")
    assert ipvs.written == 0
    assert not (here.root / "state").exists()


class Busy(MemoryIpvs):
    async def look(self) -> Seen:
        servers = {
            RealKey(ip_address("192.0.2.21"), 80): RealCounters(active=1000, inactive=200, persistent=30),
            RealKey(ip_address("192.0.2.22"), 80): RealCounters(active=4),
        }
        return Seen(await self.read(), {tcp("192.0.2.20", 80): ServiceCounters(Traffic(), servers)})


async def test_connection_entries_are_counted(here: Host) -> None:
    assert (await facts(here, Busy())).kernel.entries == 1234


async def test_the_generation_of_a_debian_kernel_stands_in_its_version(here: Host) -> None:
    assert (await facts(here, MemoryIpvs())).kernel.generation is None
    here.write("proc/version", f"Linux version {HERE} (x) #1 SMP Debian 6.1.192-1 (2026-11-01)\n")
    assert (await facts(here, MemoryIpvs())).kernel.generation == "new"


async def test_a_table_that_the_kernel_sizes(here: Host) -> None:
    assert not (await facts(here, MemoryIpvs())).kernel.resizes
    here.write("proc/sys/net/ipv4/vs/conn_lfactor", "-4\n")
    assert (await facts(here, MemoryIpvs())).kernel.resizes


class Silent(MemoryIpvs):
    async def info(self) -> Info:
        raise KernelError("netlink: no answer")


async def test_a_host_without_ip_vs(here: Host) -> None:
    here.kernel(HERE, "kernel/net/netfilter/ipvs/ip_vs.ko")
    found = await facts(here, Silent())
    assert lines(found)["ip_vs"] == f"error: no ip_vs in Linux {HERE}: it is not loaded"
    assert "scheduler hprio" not in lines(found)
    here.write("proc/net/ip_vs", "IP Virtual Server version 1.2.1 (size=4096)\n")
    assert lines(await facts(here, Silent()))["ip_vs"] == "error: netlink: no answer"
    here.write("proc/self/status", "CapEff:\t0000000000000000\n")
    assert lines(await facts(here, Silent()))["ip_vs"].startswith("error: IPVS not checked: ")


async def test_a_broken_configuration_is_one_line_among_the_others(here: Host) -> None:
    said = lines(await facts(here, MemoryIpvs(), text="services: [\n"))
    assert said["configuration"].startswith(f"error: conf.d cannot be used: {here.root}/site.yaml:")
    assert said["ip_vs"].startswith("ok: ")


async def test_a_damaged_memory_is_told(here: Host) -> None:
    here.write("state/owned.json", "{")
    said = lines(await facts(here, MemoryIpvs()))
    assert said["state"].startswith(f"error: {here.root}/state/owned.json is damaged")
    assert "foreign services" not in said


async def test_a_host_with_nothing_in_proc(tmp_path: Path) -> None:
    bare = Host(tmp_path)
    for name in ("proc/sys/kernel/osrelease", "proc/self/status", "proc/self/ns/net"):
        os.unlink(tmp_path / name)
    assert lines(await facts(bare, MemoryIpvs()))["writers"].startswith("ok: ")


# --- a pair -------------------------------------------------------------------------------------------------------

PAIR = """
services:
  shop: {{address: 192.0.2.20:80, servers: [192.0.2.21], check: {{tcp: {{}}}}}}
pair:
  instances:
    web: {{interface: eth0, vrid: 51, addresses: [192.0.2.20], track: [eth1]}}
  sync: {{interface: eth1}}
  hooks: {{on_active: [{0}/good, x], on_standby: [{0}/good], on_fault: [{0}/plain], on_stop: [{0}/absent]}}
"""


async def test_what_a_pair_names_is_looked_at(here: Host) -> None:
    here.write("links/eth0", "")
    here.write("good", "#!/bin/sh\n")
    (here.root / "good").chmod(0o755)
    here.write("plain", "")
    here.write("proc/sys/net/ipv4/vs/sloppy_tcp", "1\n")
    found = await facts(here, MemoryIpvs(), text=PAIR.format(here.root))
    assert {name: one is not None for name, one in found.paired.interfaces.items()} == {"eth0": True, "eth1": False}
    assert {Path(program).name: trouble for program, trouble in found.paired.programs.items()} == {
        "good": "",
        "plain": "is not executable",
        "absent": "does not exist",
    }
    assert found.networking.sysctls == {"net.ipv4.vs.sloppy_tcp": "1"}
    here.write("links/silent", "")
    assert (await facts(here, MemoryIpvs(), text=PAIR.format(here.root))).paired.interfaces == {}


@pytest.mark.parametrize(
    ("comm", "capabilities", "raw"),
    [
        ("lvsctl", "0000000000001000", False),  # CAP_NET_ADMIN alone, as the unit had it once
        ("lvsctl", "0000000000003000", True),
        ("sshd", "0000000000000000", None),  # the daemon is in a container, and counts its processes by itself
        ("lvsctl", "?", None),
    ],
)
async def test_whether_the_daemon_may_speak_vrrp(here: Host, comm: str, capabilities: str, raw: bool | None) -> None:
    here.write("proc/7/comm", f"{comm}\n")
    here.write("proc/7/status", f"Name:\t{comm}\nCapEff:\t{capabilities}\n")
    assert (await facts(here, MemoryIpvs(), text=PAIR.format(here.root))).paired.raw is raw


async def test_without_a_pair_nothing_is_looked_at(here: Host) -> None:
    assert (await facts(here, MemoryIpvs())).paired == Paired()
