"""Virtual MACs on a real cable: what neighbours see of them, and that two with the same one hear each other."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lvsctl.model import Instance
from lvsctl.pair.place import virtual_link
from tests.e2e.netns import inside, ip
from tests.kernel.cable import shown
from tests.pair.making import V3, V6, ip_address, me
from tests.pair.neighbour import neighbour
from tests.pair.stage import BUSY, INTERVAL, director, waited
from tests.pair.wire import ETH_P_ALL, cable, hosts

pytestmark = pytest.mark.kernel

ARP, IPV4, IPV6 = b"\x08\x06", b"\x08\x00", b"\x86\xdd"


def group(number: int, priority: int) -> tuple[Instance, Instance]:
    """IPv4 and IPv6, which move together, on the host with this number."""
    common = {"priority": priority, "interval": INTERVAL, "group": "both", "virtual_mac": True}
    return (
        me(V3, name="web4", source=ip_address(f"192.0.2.{number}"), **common),
        me(V6, name="web6", source=ip_address(f"fe80::{number}"), **common),
    )


STRONG, WEAK = group(1, 150), group(2, 100)
MACS = {instance.name: virtual_link(instance).mac for instance in STRONG}
NAMES = {virtual_link(instance).name for instance in STRONG}


@pytest.fixture
def two() -> Iterator[tuple[str, str]]:
    with cable():
        for name in hosts():
            with inside(name):
                for setting, value in (("all/rp_filter", 0), ("eth0/arp_ignore", 1), ("eth0/arp_announce", 2)):
                    Path(f"/proc/sys/net/ipv4/conf/{setting}").write_text(f"{value}\n")
        yield hosts()


def links(host: str) -> set[str]:
    """The virtual ones."""
    return {link["ifname"] for link in shown("link", netns=host)} & NAMES


def held(host: str) -> set[str]:
    """Addresses on virtual links, and on eth0."""
    found = shown("addr", netns=host)
    return {address["local"] for link in found if link["ifname"] in NAMES for address in link["addr_info"]}


def has_all(host: str) -> None:
    wanted = {str(address.ip) for instance in STRONG for address in instance.addresses}
    waited(lambda: held(host) == wanted, BUSY, lambda: f"{held(host)}, not {wanted}")


def has_none(host: str) -> None:
    waited(lambda: not links(host), BUSY, lambda: f"{links(host)} are there")


@contextmanager
def listening(host: str) -> Iterator[list[bytes]]:
    """The frames that come to this host; all of them, at the end."""
    frames: list[bytes] = []
    with inside(host):
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    ear.bind(("eth0", ETH_P_ALL))
    ear.setblocking(False)
    try:
        yield frames
        while True:
            frame, (_, _, kind, _, _) = ear.recvfrom(2048)
            if kind != socket.PACKET_OUTGOING:
                frames.append(frame)
    except BlockingIOError:
        pass
    finally:
        ear.close()


def macs(frames: list[bytes], kind: bytes, at: int, value: bytes) -> set[bytes]:
    """Sources of frames of this kind, with this at that offset behind the Ethernet header."""
    return {frame[6:12] for frame in frames if frame[12:14] == kind and frame[14 + at :].startswith(value)}


def test_neighbours_see_the_virtual_mac_alone(two: tuple[str, str]) -> None:
    """Adverts and announcements come from it, ARP and neighbour discovery answer with it, and packets get through."""
    first, second = two
    with listening(second) as frames, director(first, *STRONG) as strong:
        strong.until("web6", "active", within=4 * INTERVAL)
        has_all(first)
        for address in ("192.0.2.100", "2001:db8::100"):
            with inside(first):
                server = socket.create_server(
                    (address, 80), family=socket.AF_INET6 if ":" in address else socket.AF_INET
                )
            with server, inside(second), socket.create_connection((address, 80), timeout=10):
                pass
            [neighbour_] = shown("neigh", "show", "to", address, "dev", "eth0", netns=second)
            name = "web4" if "." in address else "web6"
            assert neighbour_["lladdr"] == MACS[name].hex(":")
        told = [line for line in strong.lines if line.split()[1] == "!"]
        assert not told
    vip = ip_address("192.0.2.100").packed
    assert macs(frames, IPV4, 9, bytes((112,))) == {MACS["web4"]}
    assert macs(frames, IPV6, 6, bytes((112,))) == {MACS["web6"]}
    assert macs(frames, ARP, 14, vip) == {MACS["web4"]}
    advertised = [frame for frame in frames if frame[12:14] == IPV6 and frame[14 + 6] == 58 and frame[54] == 136]
    assert {frame[6:12] for frame in advertised if frame[62:78] == ip_address("2001:db8::100").packed} == {MACS["web6"]}


def test_two_that_have_the_same_one_hear_each_other(two: tuple[str, str]) -> None:
    """The weaker one has the link when the stronger one comes, and yields; a killed one's is taken away."""
    first, second = two
    with director(second, *WEAK) as weak:
        weak.until("web6", "active", within=4 * INTERVAL)
        has_all(second)
        with director(first, *STRONG) as strong:
            strong.until("web6", "active", within=4 * INTERVAL)
            weak.until("web6", "standby", within=INTERVAL)
            has_all(first)
            has_none(second)
            killed = strong.signal(signal.SIGKILL)
            took = weak.until("web6", "active", within=3.7 * INTERVAL) - killed
            print(f"killed: takeover after {took / INTERVAL:.2f} intervals")
            has_all(second)
            assert links(first) == NAMES
        calm = [me(instance, preempt=False) for instance in STRONG]
        with director(first, *calm, then=[STRONG]) as strong:
            strong.until("web6", "standby", within=1)
            has_none(first)
            strong.signal(signal.SIGHUP)
            for name in ("web4", "web6"):
                strong.until(name, "active", within=4 * INTERVAL)
            has_all(first)
            has_none(second)
            before = strong.said
            ip("link del eth0-v4-51", netns=first)
            has_all(first)
            assert strong.said == before
            strong.signal(signal.SIGTERM)
            strong.until("web6", "stopped", within=1)
            assert not links(first)
        weak.until("web6", "active", within=INTERVAL)


def test_what_the_host_is_set_to_is_told(two: tuple[str, str]) -> None:
    first, _ = two
    with inside(first):
        Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("1\n")
    with director(first, STRONG[0]) as strong:
        strong.until("web4", "active", within=4 * INTERVAL)
        [told] = [line.partition(" ! ")[2] for line in strong.lines if line.split()[1] == "!"]
        assert told.startswith("web4 1 net.ipv4.conf.all.rp_filter is 1: packets to a virtual MAC are dropped")


@pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed")
@pytest.mark.parametrize("form", ["IPv4", "IPv6"])
def test_beside_keepalived_with_use_vmac(two: tuple[str, str], form: str, tmp_path: Path) -> None:
    _, ours_at = two
    base = {"IPv4": me(V3), "IPv6": me(V6, source=ip_address("fe80::2"))}[form]
    ours = me(base, interval=INTERVAL, priority=100, virtual_mac=True)
    with director(ours_at, ours) as we, neighbour(tmp_path, ours) as theirs:
        theirs.until("MASTER", within=4 * INTERVAL)
        we.until("web", "standby", within=2)
        has_none(ours_at)
        frozen = theirs.signal(signal.SIGSTOP)
        took = we.until("web", "active", within=4 * INTERVAL) - frozen
        print(f"{form}: takeover after {took / INTERVAL:.2f} intervals")
        waited(lambda: links(ours_at) == {virtual_link(ours).name}, BUSY, lambda: str(links(ours_at)))
        theirs.signal(signal.SIGCONT)
        we.until("web", "standby", within=INTERVAL)
        has_none(ours_at)
    weaker = tmp_path / "weaker"
    weaker.mkdir()
    with neighbour(weaker, ours) as theirs:
        theirs.until("MASTER", within=4 * INTERVAL)
        with director(ours_at, me(ours, priority=200)) as we:
            we.until("web", "active", within=4 * INTERVAL)
            theirs.until("BACKUP", within=INTERVAL)
            we.signal(signal.SIGUSR1)
            theirs.until("MASTER", within=INTERVAL)
            assert we.role("web") == "standby"
            has_none(ours_at)
