"""Two hosts on one cable: keepalived on one of them, and on the other sockets that hear it and speak to it."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvsctl.model import Family, Instance
from lvsctl.pair.datagram import PROTOCOL, Datagram, from_ipv4
from lvsctl.pair.packet import Codec
from tests.e2e.netns import inside, ip
from tests.pair.configured import configuration

ETH_P_ALL = 3
_IPV6_HEADER = 40


def hosts() -> tuple[str, str]:
    """Names of the namespaces: keepalived's and ours."""
    return f"vrrp{os.getpid()}-theirs", f"vrrp{os.getpid()}-ours"


@contextlib.contextmanager
def cable() -> Iterator[None]:
    """The last byte of every address is 1 for theirs and 2 for ours."""
    theirs, ours = hosts()
    try:
        ip(f"netns add {theirs}", f"netns add {ours}")
        ip(f"link add eth0 netns {theirs} type veth peer name eth0 netns {ours}")
        for number, name in enumerate((theirs, ours), 1):
            with inside(name):
                Path("/proc/sys/net/ipv6/conf/eth0/addr_gen_mode").write_text("1\n")  # fe80::number and no other
            ip(
                "link set lo up",
                "link set eth0 up",
                f"addr add 192.0.2.{number}/24 dev eth0",
                f"addr add 2001:db8::{number}/64 dev eth0 nodad",
                f"addr add fe80::{number}/64 dev eth0 nodad",
                netns=name,
            )
        yield
    finally:
        for name in (theirs, ours):
            if Path(f"/run/netns/{name}").exists():
                ip(f"netns del {name}")


@contextlib.contextmanager
def keepalived(folder: Path, instance: Instance) -> Iterator[None]:
    """A keepalived configured as this instance, which is its peer.

    It has its process ids in `folder`/pid and vrrp.pid, and tells its transitions by `folder`/notify.
    """
    peers = (instance.source,) if instance.peers else ()
    source = instance.peers[0] if instance.peers else instance.source
    theirs = replace(instance, name="V", priority=150, source=source, peers=peers)
    file, log = folder / "keepalived.conf", folder / "keepalived.log"
    file.write_text(configuration([theirs], notify=folder / "notify"))
    command = ["keepalived", "--vrrp", "--dont-fork", "--log-console", "--no-syslog", "--use-file", str(file)]
    command += ["--pid", str(folder / "pid"), "--vrrp_pid", str(folder / "vrrp.pid")]
    with inside(hosts()[0]), log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


class Wire:
    """Our end: everything that comes, and adverts that go out from the instance's source."""

    def __init__(self, instance: Instance) -> None:
        self._codec = Codec(instance)
        six = instance.family is Family.INET6
        with inside(hosts()[1]):
            self._in = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            self._out = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, PROTOCOL)
            index = socket.if_nametoindex("eth0")
        self._in.bind(("eth0", ETH_P_ALL))
        self._scope = index if six else 0
        if six:
            for option in (socket.IPV6_UNICAST_HOPS, socket.IPV6_MULTICAST_HOPS):
                self._out.setsockopt(socket.IPPROTO_IPV6, option, 255)
            self._out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            self._out.bind((str(instance.source), 0, 0, index if instance.source.is_link_local else 0))
        else:
            for option in (socket.IP_TTL, socket.IP_MULTICAST_TTL):
                self._out.setsockopt(socket.IPPROTO_IP, option, 255)
            self._out.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", bytes(4), bytes(4), index)
            )
            self._out.bind((str(instance.source), 0))

    def close(self) -> None:
        self._in.close()
        self._out.close()

    def send(self, priority: int) -> None:
        for datagram in self._codec.encode(priority):
            if len(datagram.destination) == 16:
                where = (socket.inet_ntop(socket.AF_INET6, datagram.destination), 0, 0, self._scope)
                self._out.sendto(datagram.payload, where if datagram.destination[0] == 0xFF else where[:2])
            else:
                self._out.sendto(datagram.payload, (socket.inet_ntop(socket.AF_INET, datagram.destination), 0))

    def heard(self, within: float) -> Datagram | None:
        """The next VRRP datagram of the other host, if one comes in this many seconds."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            self._in.settimeout(left)
            with contextlib.suppress(TimeoutError):
                packet, (_, _, kind, _, _) = self._in.recvfrom(2048)
                found = datagram_in(packet) if kind != socket.PACKET_OUTGOING else None
                if found is not None:
                    return found
        return None


def datagram_in(packet: bytes) -> Datagram | None:
    """Of VRRP, in a packet from its IP header on; None: it is something else."""
    if packet[0] >> 4 != 6:
        return from_ipv4(packet)
    if packet[6] != PROTOCOL:
        return None
    return Datagram(packet[_IPV6_HEADER:], packet[8:24], packet[24:40], packet[7])
