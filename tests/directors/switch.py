"""Hosts on a switch, whose ports can be pulled, or made deaf: what the host says is heard, and it hears nothing."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.netns import inside, ip


class Switch:
    """Host N, from 1 on, is a network namespace with 192.0.2.N, 2001:db8::N and fe80::N on its eth0.

    Its eth1 is on another switch, and has 198.51.100.N and fe80::N.
    """

    def __init__(self, hosts: int) -> None:
        self.name = f"vrrp{os.getpid()}-switch"
        self.hosts = tuple(range(1, hosts + 1))

    def host(self, number: int) -> str:
        """The name of its namespace."""
        return f"vrrp{os.getpid()}-{number}"

    @contextlib.contextmanager
    def standing(self) -> Iterator[Switch]:
        names = [self.name, *(self.host(number) for number in self.hosts)]
        try:
            ip(*(f"netns add {name}" for name in names))
            for bridge in ("br0", "br1"):
                ip(f"link add {bridge} type bridge forward_delay 0", f"link set {bridge} up", netns=self.name)
            for number in self.hosts:
                self._connect(number)
            yield self
        finally:
            for name in names:
                if Path(f"/run/netns/{name}").exists():
                    ip(f"netns del {name}")

    def _connect(self, number: int) -> None:
        host = self.host(number)
        for at, network in enumerate(("192.0.2", "198.51.100")):
            port = f"port{at}.{number}"
            ip(
                f"link add {port} type veth peer name eth{at} netns {host}",
                f"link set {port} addrgenmode none",
                f"link set {port} master br{at} up",
                netns=self.name,
            )
            with inside(host):
                Path(f"/proc/sys/net/ipv6/conf/eth{at}/addr_gen_mode").write_text("1\n")  # fe80::N and no other
            ip(
                f"addr add {network}.{number}/24 dev eth{at}",
                f"addr add fe80::{number}/64 dev eth{at} nodad",
                f"link set eth{at} up",
                netns=host,
            )
        ip("link set lo up", f"addr add 2001:db8::{number}/64 dev eth0 nodad", netns=host)

    def pull(self, number: int, interface: int = 0) -> None:
        """Its cable: the host has no carrier there."""
        ip(f"link set port{interface}.{number} down", netns=self.name)

    def plug(self, number: int, interface: int = 0) -> None:
        ip(f"link set port{interface}.{number} up", netns=self.name)

    def deafen(self, number: int, interface: int = 0, *, deaf: bool = True) -> None:
        """The switch forwards nothing to the host: it floods nothing there, and has not learnt who is there."""
        port, hears = f"port{interface}.{number}", "off" if deaf else "on"
        flags = " ".join(f"{flag} {hears}" for flag in ("learning", "flood", "mcast_flood", "bcast_flood"))
        command = ["bridge", "-n", self.name, "link", "set", "dev", port, *flags.split()]
        subprocess.run(command, check=True)
        ip(f"link set {port} type bridge_slave fdb_flush", netns=self.name)
