"""A pair's network in namespaces: directors, a client and real servers on one switch, a cable between the directors.

    with Town().standing() as town:
        town.start(town.a, ["ipvsadm", "-L", "-n"])      # a program on a host
        with inside(town.b.netns): ...                   # sockets opened there, by this thread
        town.unplug(town.a); town.plug(town.a)           # carrier of its eth0
        town.switch_off(town.a); town.switch_on(town.a)  # the machine, whose programs somebody else has killed
        town.part(); town.join()                         # the directors do not hear each other, all else hears both
        town.deafen(town.b); town.hear(town.b)           # b hears no adverts, its own are heard
        town.vips()                                      # the hosts that have the virtual address now

Everybody's eth0 is on the switch, in 192.0.2.0/24; eth1 joins the directors alone, in 198.18.0.0/30, for what they
sync. Forwarding is direct routing: the servers have the virtual address on `lo` and answer no ARP for it, and there is
no conntrack. The client is on the switch too, so that it depends on what is announced to it. The directors' kernels
copy a connection with every packet of it (`sync_threshold` 0 1), so which ones had to be copied is known: those that
were open for more than SYNC_FLUSH seconds. What a director runs is in tests.directors.stack, traffic in .client, and
all of it together in .pair.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.netns import inside, ip
from tests.kernel.cable import shown

VIP: Final = "192.0.2.20"
PORT: Final = 80
SYNC_FLUSH: Final = 2.0
"""Seconds for which the kernel may keep what it has to tell the other director (net/netfilter/ipvs/ip_vs_sync.c)."""


@dataclass(frozen=True, slots=True)
class Host:
    """netns: the name of its namespace. address: of its eth0. sync: of a director's eth1. port: of the switch."""

    name: str
    netns: str
    address: str
    port: str
    sync: str = ""


class Town:
    """The hosts; `a` is the one that is to be active while both are well."""

    def __init__(self) -> None:
        self.a = self._host("a", "192.0.2.11", "198.18.0.1")
        self.b = self._host("b", "192.0.2.12", "198.18.0.2")
        self.client = self._host("client", "192.0.2.100")
        self.servers = [self._host(f"s{number}", f"192.0.2.{30 + number}") for number in (1, 2, 3)]
        self.directors = (self.a, self.b)
        self.switch = f"pair{os.getpid()}-switch"

    @staticmethod
    def _host(name: str, address: str, sync: str = "") -> Host:
        return Host(name, f"pair{os.getpid()}-{name}", address, f"to-{name}", sync)

    def other(self, director: Host) -> Host:
        return self.b if director is self.a else self.a

    @contextlib.contextmanager
    def standing(self) -> Iterator[Town]:
        """Build the town; pull it down at the end, whatever happened."""
        hosts = [*self.directors, self.client, *self.servers]
        names = [self.switch, *(host.netns for host in hosts)]
        try:
            ip(*(f"netns add {name}" for name in names))
            ip("link add br0 type bridge", "link set br0 up", netns=self.switch)
            for host in hosts:
                self._connect(host)
            self._join_directors()
            for server in self.servers:
                ip(f"addr add {VIP}/32 dev lo", netns=server.netns)
            yield self
        finally:
            self.forget()
            for name in names:
                if Path(f"/run/netns/{name}").exists():
                    ip(f"netns del {name}")

    def _connect(self, host: Host) -> None:
        port = f"link add {host.port} type veth peer name eth0 netns {host.netns}"
        ip(port, f"link set {host.port} master br0 up", netns=self.switch)
        if host in self.servers:
            setting(host, "conf/all/arp_ignore", "1")  # says nothing of the address on lo
            setting(host, "conf/all/arp_announce", "2")
        ip("link set lo up", f"addr add {host.address}/24 dev eth0", "link set eth0 up", netns=host.netns)

    def _join_directors(self) -> None:
        ip(f"link add eth1 netns {self.a.netns} type veth peer name eth1 netns {self.b.netns}")
        for host in self.directors:
            ip(f"addr add {host.sync}/30 dev eth1", "link set eth1 up", netns=host.netns)
            setting(host, "vs/sync_threshold", "0 1")

    # --- what happens to cables -----------------------------------------------------------------------------------

    def unplug(self, host: Host) -> None:
        """Its eth0 has no carrier."""
        ip(f"link set {host.port} down", netns=self.switch)

    def plug(self, host: Host) -> None:
        ip(f"link set {host.port} up", netns=self.switch)

    def switch_off(self, host: Host) -> None:
        """Nothing of it is on a cable any more; who kills its programs at once has a dead machine."""
        self.unplug(host)
        ip("link set eth1 down", netns=host.netns)

    def switch_on(self, host: Host) -> None:
        """Its kernel knows nothing of its former life."""
        self._empty(host)
        ip("link set eth1 up", netns=host.netns)
        self.plug(host)

    def part(self) -> None:
        """The switch carries nothing between the directors; both reach everybody else. Carriers stay."""
        self._isolate("on")

    def join(self) -> None:
        self._isolate("off")

    def deafen(self, host: Host) -> None:
        """It hears no multicast, so no adverts; what it says is heard, and all else reaches it."""
        self._port(host, "mcast_flood off")

    def hear(self, host: Host) -> None:
        self._port(host, "mcast_flood on")

    def _isolate(self, value: str) -> None:
        for host in self.directors:
            self._port(host, f"isolated {value}")

    def _port(self, host: Host, words: str) -> None:
        ip(f"link set {host.port} type bridge_slave {words}", netns=self.switch)

    # --- what hosts do --------------------------------------------------------------------------------------------

    def start(
        self, host: Host, command: Sequence[str], *, environment: Mapping[str, str] | None = None, **options: object
    ) -> subprocess.Popen[str]:
        """Start a program there, in a session of its own, so that it can be killed with all its children."""
        with inside(host.netns):
            return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
                list(command),
                text=True,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                **options,
            )

    def ask(self, host: Host, *command: str) -> str:
        """What a program prints there. Raises, with what it says, if it fails."""
        with inside(host.netns):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def vips(self) -> list[Host]:
        """The directors that have the virtual address."""
        return [host for host in self.directors if VIP in addresses(host)]

    def table(self, host: Host) -> list[str]:
        """Its services and servers, as ipvsadm saves them, sorted."""
        return sorted(self.ask(host, "ipvsadm", "-S", "-n").splitlines())

    def connections(self, host: Host) -> set[int]:
        """The client's ports whose established connections this director knows."""
        rows = (row.split() for row in self.ask(host, "ipvsadm", "-L", "-n", "-c").splitlines()[2:])
        return {int(row[3].rpartition(":")[2]) for row in rows if row[2] == "ESTABLISHED"}

    def sync_roles(self, host: Host) -> set[str]:
        """Of the sync daemons that run there: `master`, `backup`."""
        return {line.split()[0] for line in self.ask(host, "ipvsadm", "-L", "--daemon").splitlines() if line}

    def forget(self) -> None:
        """The directors' kernels have no service, no sync daemon and no virtual address any more."""
        for host in self.directors:
            if Path(f"/run/netns/{host.netns}").exists():
                self._empty(host)

    @staticmethod
    def _empty(host: Host) -> None:
        commands = ["ipvsadm --clear", "ipvsadm --stop-daemon master", "ipvsadm --stop-daemon backup"]
        with inside(host.netns):
            for command in [*commands, f"ip addr del {VIP}/32 dev eth0"]:
                subprocess.run(command.split(), check=False, capture_output=True)


def setting(host: Host, name: str, value: str) -> None:
    """Of net.ipv4 there."""
    with inside(host.netns):
        Path("/proc/sys/net/ipv4", name).write_text(f"{value}\n")


def addresses(host: Host) -> set[str]:
    """Of its eth0."""
    [link] = shown("addr", "show", "dev", "eth0", netns=host.netns)
    return {address["local"] for address in link["addr_info"] if address["family"] == "inet"}
