"""One virtual service of this network namespace, callers whose connections stay, and who was picked for each."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import (
    Address,
    AddressKey,
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Family,
    Forward,
    MarkKey,
    Op,
    Protocol,
    RealAttrs,
    RealCounters,
    RealKey,
    ServiceAttrs,
    ServiceKey,
    Timeouts,
)

PORT = 80
# IPv4 has them all on `lo` anyway, IPv6 after `furnish`.
VIPS: dict[Family, Address] = {Family.INET: IPv4Address("127.0.1.1"), Family.INET6: IPv6Address("2001:db8::1")}
SERVERS: dict[Family, Address] = {Family.INET: IPv4Address("127.77.0.0"), Family.INET6: IPv6Address("2001:db8:77::")}
CLIENTS: dict[Family, Address] = {Family.INET: IPv4Address("127.0.2.1"), Family.INET6: IPv6Address("2001:db8:100::1")}
FAMILY = {Family.INET: socket.AF_INET, Family.INET6: socket.AF_INET6}
FIRST_PORT = 10000  # of callers
STAY, GO = 300, 1  # seconds that the entry of a datagram lives: until the end of the test; as short as can be
REFUSED = "-"


def furnish() -> None:
    """Give this network namespace the IPv6 addresses of services, servers and clients."""
    subprocess.run(["ip", "route", "add", "local", "2001:db8::/32", "dev", "lo"], check=True)
    Path("/proc/sys/net/ipv6/ip_nonlocal_bind").write_text("1")


class Shop:
    """A service whose real servers have names of one character, and the callers who came.

    Servers are addresses of this host (the kernel calls that LOCALNODE), so that one socket on the virtual address
    answers for them all; it is the kernel's own count of connections that says which server a connection was given to.
    mark: reach the service by firewall mark, set by the callers on their sockets.
    """

    def __init__(
        self,
        ipvs: NetlinkIpvs,
        protocol: Protocol = Protocol.UDP,
        *,
        family: Family = Family.INET,
        port: int = PORT,
        mark: int = 0,
    ) -> None:
        self.ipvs = ipvs
        self.place = AddressKey(VIPS[family], port, protocol)
        self.key: ServiceKey = MarkKey(family, mark) if mark else self.place
        self.mark = mark
        self.attrs = ServiceAttrs("hprio")
        self.servers: dict[str, RealAttrs] = {}
        self.callers: list[tuple[socket.socket, str]] = []
        self._ports = FIRST_PORT
        self._door = self._socket()
        self._door.bind((str(self.place.address), port))
        if protocol is Protocol.TCP:
            self._door.listen(128)

    def leave(self) -> None:
        """Close every socket."""
        for caller, _ in self.callers:
            caller.close()
        self._door.close()

    # --- the table ----------------------------------------------------------------------------------------------

    async def open(self, **attrs: object) -> None:
        self.attrs = replace(self.attrs, **attrs)  # type: ignore[arg-type]
        await self.do(AddService(self.key, self.attrs))

    async def close(self) -> None:
        self.servers.clear()
        await self.do(DeleteService(self.key))

    async def switch(self, scheduler: str) -> None:
        self.attrs = replace(self.attrs, scheduler=scheduler)
        await self.do(EditService(self.key, self.attrs))

    async def add(self, names: str, *, weight: int = 5, upper: int = 0, lower: int = 0) -> None:
        """Add servers, one after the other."""
        attrs = RealAttrs(Forward.ROUTE, weight, upper, lower)
        self.servers.update(dict.fromkeys(names, attrs))
        await self.do(*(AddServer(self.key, self.server(name), attrs) for name in names))

    async def edit(self, names: str, **attrs: int) -> None:
        """Change some of weight, upper and lower of servers."""
        for name in names:
            self.servers[name] = replace(self.servers[name], **attrs)  # type: ignore[arg-type]
        await self.do(*(EditServer(self.key, self.server(name), self.servers[name]) for name in names))

    async def delete(self, names: str) -> None:
        for name in names:
            del self.servers[name]
        await self.do(*(DeleteServer(self.key, self.server(name)) for name in names))

    async def do(self, *ops: Op) -> None:
        assert set(await self.ipvs.apply(ops)) <= {None}

    def server(self, name: str) -> RealKey:
        return RealKey(SERVERS[self.key.family] + ord(name), 0 if self.mark else self.place.port)

    # --- connections --------------------------------------------------------------------------------------------

    async def call(self, times: int = 1, *, client: int = 0) -> str:
        """`times` connections, one after the other: the names of the servers picked, `-` for a refusal.

        client: which address they come from.
        """
        return "".join([await self._one(client) for _ in range(times)])

    async def _one(self, client: int) -> str:
        before = await self.held()
        caller = self.dial(client)
        after = await self.held()
        grown = [name for name in after if after[name] > before[name]]
        if caller is None:
            assert not grown
            return REFUSED
        (name,) = grown
        self.callers.append((caller, name))
        return name

    def dial(self, client: int = 0) -> socket.socket | None:
        """A new connection from a port of its own; None: refused."""
        caller = self._socket()
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # callers of another service may have the port
        try:
            self._ports += 1  # the kernel would choose at random, and sooner or later one of whom IPVS has an entry
            caller.bind((str(CLIENTS[self.key.family] + client), self._ports))
            caller.connect((str(self.place.address), self.place.port))
            if self.place.protocol is Protocol.UDP:
                caller.send(b"x")
        except (ConnectionRefusedError, PermissionError) as error:
            caller.close()
            # The kernel drops the packet and tells the sender: a datagram's is told both at once.
            assert isinstance(error, ConnectionRefusedError) or self.place.protocol is Protocol.UDP
            return None
        return caller

    def rush(self, times: int) -> None:
        """Connections one after the other, none refused, without a look at who was picked; nobody stays."""
        for _ in range(times):
            caller = self.dial()
            assert caller is not None
            caller.close()

    def _socket(self) -> socket.socket:
        kind = socket.SOCK_DGRAM if self.place.protocol is Protocol.UDP else socket.SOCK_STREAM
        made = socket.socket(FAMILY[self.place.family], kind)
        made.settimeout(10)
        if self.mark:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.mark)
        return made

    async def counters(self) -> dict[str, RealCounters]:
        rows = (await self.ipvs.look()).counters[self.key].servers
        return {name: rows[self.server(name)] for name in self.servers}

    async def held(self) -> dict[str, int]:
        """Server -> connection entries in any state, templates not counted: what thresholds are compared with."""
        return {name: row.active + row.inactive for name, row in (await self.counters()).items()}

    async def hang_up(self, **counts: int) -> None:
        """Server -> how many of its connections the kernel is to forget; back when it has."""
        await self.start_to_hang_up(**counts)
        await self.until_held(**{name: count - counts.get(name, 0) for name, count in (await self.held()).items()})

    async def until_held(self, **counts: int) -> None:
        """Wait until every server has so many connections."""
        deadline = time.monotonic() + 10
        while (held := await self.held()) != counts:
            assert time.monotonic() < deadline, f"{held} never became {counts}"
            await asyncio.sleep(0.02)

    async def start_to_hang_up(self, **counts: int) -> None:
        """One more datagram, under a short timeout, is what is left of such a connection's life."""
        assert self.place.protocol is Protocol.UDP
        await self.ipvs.set_timeouts(Timeouts(0, 0, GO))
        for name, count in counts.items():
            mine = [row for row in self.callers if row[1] == name][:count]
            assert len(mine) == count
            for row in mine:
                row[0].send(b"x")
                self.callers.remove(row)
                row[0].close()
        await self.ipvs.set_timeouts(Timeouts(0, 0, STAY))
