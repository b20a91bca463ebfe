"""Network namespaces as hosts: a bridge, a director, real servers and a crowd of clients, in one kernel.

Forwarding is direct routing, as in the seed: every server carries the virtual address on its `lo` and does not
answer ARP for it. The clients' prefix is routed to one namespace, in which every address of it may be a source.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Open sockets and start programs in the namespace `name` (this thread only)."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    target = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _setns(target)
        yield
    finally:
        _setns(before)
        os.close(target)
        os.close(before)


def _setns(handle: int) -> None:
    if _libc.setns(handle, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def ip(*lines: str, netns: str | None = None) -> None:
    """Run lines of `ip` commands in one process; raises with ip's own words."""
    where = ["-n", netns] if netns else []
    command = ["ip", *where, "-batch", "-"]
    done = subprocess.run(command, input="\n".join(lines) + "\n", text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")


@dataclass(frozen=True, slots=True)
class Plan:
    """Who lives where. Addresses without prefix length; `network` is the directors' and servers' /24 (e.g. 192.0.2)."""

    network: str
    vip: str
    servers: Sequence[str]
    clients: str = "198.51.100"

    @property
    def director(self) -> str:
        return f"{self.network}.10"

    @property
    def gateway(self) -> str:
        return f"{self.network}.100"


class Town:
    """The hosts of a plan. `director`, `client` and `server(address)` are names of network namespaces."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.prefix = f"lvs{os.getpid()}"
        self.director = f"{self.prefix}-director"
        self.client = f"{self.prefix}-client"
        self._switch = f"{self.prefix}-switch"
        self._ports: dict[str, str] = {}  # host -> its port at the switch

    def server(self, address: str) -> str:
        return f"{self.prefix}-s{address.rsplit('.', 1)[1]}"

    @contextlib.contextmanager
    def standing(self) -> Iterator[Town]:
        """Build the town; pull it down at the end, whatever happened."""
        names = [self._switch, self.director, self.client, *(self.server(address) for address in self.plan.servers)]
        try:
            ip(*(f"netns add {name}" for name in names))
            self._build(names)
            yield self
        finally:
            for name in names:
                if Path(f"/run/netns/{name}").exists():
                    ip(f"netns del {name}")

    def _build(self, names: Sequence[str]) -> None:
        plan = self.plan
        ip("link add br0 type bridge", "link set br0 up", "link set lo up", netns=self._switch)
        hosts = dict(zip(names[1:], [plan.director, plan.gateway, *plan.servers], strict=True))
        for number, (name, address) in enumerate(hosts.items()):
            ip(
                f"link add port{number} type veth peer name eth0 netns {name}",
                f"link set port{number} master br0 up",
                netns=self._switch,
            )
            self._ports[name] = f"port{number}"
            if name in {self.server(server) for server in plan.servers}:
                self._be_a_real_server(name)
            ip("link set lo up", f"addr add {address}/24 dev eth0", "link set eth0 up", netns=name)
        ip(f"addr add {plan.vip}/32 dev eth0", netns=self.director)
        ip(f"route add local {plan.clients}.0/24 dev lo", netns=self.client)
        for name in names[1:]:
            if name != self.client:
                ip(f"route add {plan.clients}.0/24 via {plan.gateway}", netns=name)
        for address in plan.servers:
            ip(f"addr add {plan.vip}/32 dev lo", netns=self.server(address))

    def pull_cable(self, name: str) -> None:
        """Take the other end of the host's link down: its `eth0` has no carrier."""
        ip(f"link set {self._ports[name]} down", netns=self._switch)

    def plug_cable(self, name: str) -> None:
        ip(f"link set {self._ports[name]} up", netns=self._switch)

    def _be_a_real_server(self, name: str) -> None:
        """Do not tell the network of the virtual address on lo (kernel documentation, ip-sysctl: arp_ignore)."""
        with inside(name):
            for setting, value in {"arp_ignore": 1, "arp_announce": 2}.items():
                Path(f"/proc/sys/net/ipv4/conf/all/{setting}").write_text(f"{value}\n")

    def start(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None, **options: object
    ) -> subprocess.Popen[str]:
        """Start a program on the host `name`."""
        with inside(name):
            return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
                list(command), text=True, env={**os.environ, **(environment or {})}, **options
            )
