"""Two hosts and a cable between them: network namespaces with an interface eth0 each."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.netns import inside, ip

NEAR_MAC = bytes.fromhex("02000000000a")
ETH0 = Path("/proc/sys/net/ipv6/conf/eth0")
FAR_MAC = bytes.fromhex("020000000014")


class Cable:
    """near: 192.0.2.10 and 2001:db8::10. far: the same with 20. Both are names of network namespaces.

    worn: a test left something behind; the next one gets a new cable. (Not every one, for that takes longer than most
    of what is done with it: starting a program is slow in the lab.)
    """

    def __init__(self) -> None:
        self.near = f"lvs{os.getpid()}-near"
        self.far = f"lvs{os.getpid()}-far"
        self.worn = True

    @contextlib.contextmanager
    def hosts(self) -> Iterator[Cable]:
        """Both are there."""
        names = (self.near, self.far)
        try:
            ip(*(f"netns add {name}" for name in names))
            for name in names:
                ip("link set lo up", netns=name)
            yield self
        finally:
            for name in names:
                if Path(f"/run/netns/{name}").exists():
                    ip(f"netns del {name}")

    @contextlib.contextmanager
    def plugged(self) -> Iterator[Cable]:
        """Connected, with the caller inside `near`."""
        with inside(self.near):
            if self.worn:
                self._connect()
            yield self

    def _connect(self) -> None:
        for name in (self.near, self.far):
            with inside(name):
                if ETH0.exists():
                    ip("link del eth0")
        far = f"peer name eth0 netns {self.far} address {FAR_MAC.hex(':')}"
        ip(f"link add eth0 address {NEAR_MAC.hex(':')} type veth {far}")
        for name, host in ((self.near, 10), (self.far, 20)):
            with inside(name):
                (ETH0 / "accept_dad").write_text("0")  # takes a second or more
                addresses = (f"192.0.2.{host}/24", f"2001:db8::{host}/64")
                ip(*(f"addr add {address} dev eth0" for address in addresses), "link set eth0 up")
        self.worn = False

    def wait_for_ipv6(self) -> None:
        """A host takes no multicast before its interface has its link-local address, up to a second after it is up."""
        deadline = time.monotonic() + 10
        for name in (self.near, self.far):
            with inside(name):
                while "\nfe80" not in "\n" + Path("/proc/thread-self/net/if_inet6").read_text():
                    assert time.monotonic() < deadline, f"{name} has no link-local address"
                    time.sleep(0.02)

    def pull(self) -> None:
        """At the other end: here, there is no carrier."""
        ip("link set eth0 down", netns=self.far)

    def plug(self) -> None:
        ip("link set eth0 up", netns=self.far)

    def addresses(self) -> dict[str, dict[str, Any]]:
        """The addresses on eth0 of `near` as `ip` has them, by address."""
        (link,) = shown("addr", "show", "dev", "eth0", netns=self.near)
        return {address["local"]: address for address in link["addr_info"]}

    def neighbour(self, address: str) -> str:
        """The MAC under which `far` knows an address, "" if it does not."""
        rows = shown("neigh", "show", address, netns=self.far)
        return str(rows[0].get("lladdr", "")) if rows else ""


def shown(*words: str, netns: str) -> list[dict[str, Any]]:
    """What an `ip` command shows, as JSON."""
    done = subprocess.run(["ip", "-n", netns, "-j", *words], capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found
