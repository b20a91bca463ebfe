"""`Ipvs` remembered: refuses what the kernel refuses and schedules as the kernel does, for dry runs and for tests."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from lvsctl.kernel import encode
from lvsctl.kernel.connections import Connection, Connections, End
from lvsctl.kernel.director import Director, Virtual
from lvsctl.kernel.judging import is_unicast, judge_server, judge_service, mixes_families
from lvsctl.kernel.refusals import refusal, service_refusal, timeouts_refusal
from lvsctl.kernel.remembered_sync import ETHERNET, SyncMemory
from lvsctl.model import (
    Address,
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Entry,
    Family,
    Forward,
    Generation,
    Info,
    Op,
    Protocol,
    RealAttrs,
    RealCounters,
    RealKey,
    Refusal,
    Seen,
    ServiceAttrs,
    ServiceCounters,
    ServiceKey,
    Table,
    Timeouts,
    Traffic,
    Tunnel,
)

MAINLINE: Final = frozenset(
    {"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos", "none"}
)
"""The schedulers of Linux 6.1, and `none`, a service without one, which the kernel has known since 4.4."""

MAX_TIMEOUT: Final = (2**31 - 1) // 100  # seconds, where the kernel counts 100 ticks in one

Refuse: TypeAlias = Callable[[int, Op], int]
"""A hook of tests: number of the operation since the start, from 1, and the operation -> errno, or 0."""


class MemoryIpvs(SyncMemory):
    """A table of its own, empty or as given; what is given may hold what the kernel would refuse.

    schedulers: those that this "kernel" has; set anew as modules come and go. local: addresses that are its own; a real
    server with one of them is kept as Forward.LOCAL, as kernels before 2.6.37 did (later ones keep the method and look
    when a packet comes). refuse: see `Refuse`. generation: see `Generation`. expire_quiescent: the sysctl
    expire_quiescent_template. interfaces: see `SyncMemory`.

    written: how many orders were given since the start: operations, zeroing, timeouts.

    `connect`, `send` and `end` are what clients do, at `now` in seconds of any clock that begins at 0 or later; the
    counters tell it. Of the traffic only connections are counted. LvsctlError: for a scheduler or a protocol that is
    not modelled.
    """

    def __init__(
        self,
        table: Table | None = None,
        *,
        schedulers: Collection[str] = MAINLINE,
        local: Collection[Address] = (),
        refuse: Refuse | None = None,
        generation: Generation = Generation.NEW,
        expire_quiescent: bool = False,
        interfaces: Mapping[str, int] = ETHERNET,
    ) -> None:
        super().__init__(interfaces)
        self.refuse = refuse
        self.schedulers = frozenset(schedulers)
        self._local = frozenset(local)
        self._generation = generation
        self._director = Director(generation, expire_quiescent=expire_quiescent)
        given: Mapping[ServiceKey, Entry] = {} if table is None else table
        for key, entry in given.items():
            self._director.add_service(key, entry.attrs)
            for server, attrs in entry.servers.items():
                self._director.add_server(key, server, attrs)

    async def read(self) -> Table:
        """See `Ipvs.read`."""
        return {key: _entry(service) for key, service in self._director.services.items()}

    async def apply(self, ops: Sequence[Op]) -> Sequence[Refusal | None]:
        """See `Ipvs.apply`."""
        return [self._answer(op) for op in ops]

    async def look(self) -> Seen:
        """See `Ipvs.look`."""
        services = self._director.services.items()
        counters = {key: _counters(service) for key, service in services}
        return Seen(await self.read(), counters, Traffic(connections=self._director.scheduled))

    async def info(self) -> Info:
        """See `Ipvs.info`."""
        return Info("1.2.1", 4096)

    async def timeouts(self) -> Timeouts:
        """See `Ipvs.timeouts`."""
        return self._director.timeouts

    async def set_timeouts(self, timeouts: Timeouts) -> Refusal | None:
        """See `Ipvs.set_timeouts`."""
        try:
            encode.timeouts(timeouts)
        except encode.NO_BYTES:
            return timeouts_refusal(errno.ERANGE)
        self.written += 1
        wanted = (timeouts.tcp, timeouts.tcp_fin, timeouts.udp)
        if max(wanted) > MAX_TIMEOUT:
            return timeouts_refusal(errno.EINVAL)
        old = self._director.timeouts
        before = (old.tcp, old.tcp_fin, old.udp)
        self._director.timeouts = Timeouts(*(new or kept for new, kept in zip(wanted, before, strict=True)))
        return None

    async def zero(self, service: ServiceKey | None = None) -> Refusal | None:
        """See `Ipvs.zero`."""
        self.written += 1
        if service is not None and service not in self._director.services:
            return service_refusal(service, errno.ESRCH)
        self._director.zero(service)
        return None

    async def has_scheduler(self, name: str) -> bool:
        """See `Ipvs.has_scheduler`."""
        return name in self.schedulers

    def scheduler_signs(self, names: Collection[str]) -> Hashable | None:
        """See `Ipvs.scheduler_signs`."""
        return self.schedulers.intersection(names)

    async def close(self) -> None:
        """See `Ipvs.close`."""

    def connect(
        self, service: ServiceKey, client: Address, port: int, *, now: float, protocol: Protocol = Protocol.TCP
    ) -> RealKey | None:
        """See `Director.connect`. protocol: of what comes to a service by firewall mark."""
        return self._director.connect(Connection.to(service, client, port, protocol), now)

    def send(
        self, service: ServiceKey, client: Address, port: int, *, now: float, protocol: Protocol = Protocol.TCP
    ) -> bool:
        """See `Director.send`."""
        return self._director.send(Connection.to(service, client, port, protocol), now)

    def end(self, service: ServiceKey, client: Address, port: int, how: End = End.FIN, *, now: float) -> bool:
        """See `Director.end`."""
        return self._director.end(Connection.to(service, client, port, Protocol.TCP), how, now)

    def pass_time(self, now: float) -> None:
        """Let it be `now`: entries and templates whose time is over are gone."""
        self._director.pass_time(now)

    def overloaded(self, service: ServiceKey) -> frozenset[RealKey]:
        """The servers that have the flag OVERLOAD, of which the kernel says nothing."""
        return frozenset(key for key, server in self._director.services[service].servers.items() if server.overloaded)

    @property
    def connections(self) -> Connections:
        """The connection table, to look at."""
        return self._director.connections

    def _mixes_families(self) -> bool:
        services = self._director.services.items()
        return any(mixes_families(key, server) for key, service in services for server in service.servers)

    def _answer(self, op: Op) -> Refusal | None:
        try:
            encode.operation(op)  # what has no bytes does not reach the kernel either
        except encode.NO_BYTES:
            return refusal(op, errno.ERANGE)
        self.written += 1
        number = self.refuse(self.written, op) if self.refuse is not None else 0
        number = number or self._carry_out(op)
        return refusal(op, number) if number else None

    def _carry_out(self, op: Op) -> int:
        match op:
            case AddService(key, attrs) | EditService(key, attrs):
                return self._put_service(key, attrs, new=isinstance(op, AddService))
            case DeleteService(key):
                if key not in self._director.services:
                    return errno.ESRCH
                self._director.delete_service(key)
            case AddServer(key, server, server_attrs) | EditServer(key, server, server_attrs):
                return self._put_server(key, server, server_attrs, new=isinstance(op, AddServer))
            case DeleteServer(key, server):
                service = self._director.services.get(key)
                if service is None:
                    return errno.ESRCH
                if server not in service.servers:
                    return errno.ENOENT
                self._director.delete_server(key, server)
        return 0

    def _put_service(self, key: ServiceKey, attrs: ServiceAttrs, *, new: bool) -> int:
        if new == (key in self._director.services):
            return errno.EEXIST if new else errno.ESRCH
        number = judge_service(key, attrs, self.schedulers)
        if number:
            return number
        if not attrs.persistence:
            attrs = replace(attrs, persistence_prefix=_full_length(key))
        put = self._director.add_service if new else self._director.edit_service
        put(key, attrs)
        return 0

    def _put_server(self, key: ServiceKey, server: RealKey, attrs: RealAttrs, *, new: bool) -> int:
        service = self._director.services.get(key)
        if service is None:
            return errno.ESRCH
        number = judge_server(key, server, attrs, self._generation)
        if number:
            return number
        if self._syncs and mixes_families(key, server):
            return errno.EINVAL
        if new == (server in service.servers):
            return errno.EEXIST if new else errno.ENOENT
        if new and not is_unicast(server.address):
            return errno.EINVAL
        forward = Forward.LOCAL if server.address in self._local else attrs.forward
        tunnel = attrs.tunnel if forward is Forward.TUNNEL else Tunnel()
        put = self._director.add_server if new else self._director.edit_server
        put(key, server, replace(attrs, forward=forward, tunnel=tunnel))
        return 0


def _entry(service: Virtual) -> Entry:
    return Entry(service.attrs, {key: server.attrs for key, server in service.servers.items()})


def _counters(service: Virtual) -> ServiceCounters:
    servers = {
        key: RealCounters(server.active, server.inactive, server.persistent, Traffic(connections=server.scheduled))
        for key, server in service.servers.items()
    }
    return ServiceCounters(Traffic(connections=service.scheduled), servers)


def _full_length(key: ServiceKey) -> int:
    return 32 if key.family is Family.INET else 128
