"""`Ipvs` remembered: refuses what the kernel refuses, with the same errno, for dry runs and for tests."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from lvsctl.kernel import encode
from lvsctl.kernel.refusals import refusal, service_refusal, timeouts_refusal
from lvsctl.model import (
    MAX_WEIGHT,
    Address,
    AddServer,
    AddService,
    Counters,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Entry,
    Family,
    Forward,
    Info,
    Op,
    RealAttrs,
    RealCounters,
    RealKey,
    Refusal,
    ServiceAttrs,
    ServiceCounters,
    ServiceKey,
    Table,
    Timeouts,
    Traffic,
    Tunnel,
    TunnelType,
)

MAINLINE: Final = frozenset(
    {"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos", "none"}
)
"""The schedulers of Linux 6.1, and `none`, a service without one, which the kernel has known since 4.4."""

ENGINES: Final = frozenset({"sip"})
MAX_TIMEOUT: Final = (2**31 - 1) // 100  # seconds, where the kernel counts 100 ticks in one
BROADCAST: Final = "255.255.255.255"

Refuse: TypeAlias = Callable[[int, Op], int]
"""A hook of tests: number of the operation since the start, from 1, and the operation -> errno, or 0."""


@dataclass(slots=True)
class _Service:
    attrs: ServiceAttrs
    servers: dict[RealKey, RealAttrs] = field(default_factory=dict)


class MemoryIpvs:
    """A table of its own, empty or as given; what is given may hold what the kernel would refuse.

    schedulers: those that this "kernel" has. local: addresses that are its own; a real server with one of them is
    kept as Forward.LOCAL, as kernels before 2.6.37 did (later ones keep the method and look when a packet comes).
    refuse: see `Refuse`.

    written: how many orders were given since the start: operations, zeroing, timeouts. counted: connection entries
    and traffic that `counters` reports, for tests to set; what is not in it is 0.
    """

    def __init__(
        self,
        table: Table | None = None,
        *,
        schedulers: Collection[str] = MAINLINE,
        local: Collection[Address] = (),
        refuse: Refuse | None = None,
    ) -> None:
        self.written = 0
        self.counted: dict[tuple[ServiceKey, RealKey], RealCounters] = {}
        self.refuse = refuse
        self._schedulers = frozenset(schedulers)
        self._local = frozenset(local)
        self._timeouts = Timeouts(900, 120, 300)
        given: Mapping[ServiceKey, Entry] = {} if table is None else table
        self._table = {key: _Service(entry.attrs, dict(entry.servers)) for key, entry in given.items()}

    async def read(self) -> Table:
        """See `Ipvs.read`."""
        return {key: Entry(service.attrs, dict(service.servers)) for key, service in self._table.items()}

    async def apply(self, ops: Sequence[Op]) -> Sequence[Refusal | None]:
        """See `Ipvs.apply`."""
        return [self._answer(op) for op in ops]

    async def counters(self) -> Counters:
        """See `Ipvs.counters`."""
        return {key: self._counters(key, service) for key, service in self._table.items()}

    async def info(self) -> Info:
        """See `Ipvs.info`."""
        return Info("1.2.1", 4096)

    async def timeouts(self) -> Timeouts:
        """See `Ipvs.timeouts`."""
        return self._timeouts

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
        before = (self._timeouts.tcp, self._timeouts.tcp_fin, self._timeouts.udp)
        self._timeouts = Timeouts(*(new or old for new, old in zip(wanted, before, strict=True)))
        return None

    async def zero(self, service: ServiceKey | None = None) -> Refusal | None:
        """See `Ipvs.zero`."""
        self.written += 1
        if service is not None and service not in self._table:
            return service_refusal(service, errno.ESRCH)
        for (key, server), counters in self.counted.items():
            if service is None or key == service:
                self.counted[key, server] = replace(counters, traffic=Traffic())
        return None

    async def has_scheduler(self, name: str) -> bool:
        """See `Ipvs.has_scheduler`."""
        return name in self._schedulers

    async def close(self) -> None:
        """See `Ipvs.close`."""

    def _counters(self, key: ServiceKey, service: _Service) -> ServiceCounters:
        servers = {server: self.counted.get((key, server), RealCounters()) for server in service.servers}
        each = [counters.traffic for counters in servers.values()]
        total = Traffic(
            connections=sum(traffic.connections for traffic in each),
            packets_in=sum(traffic.packets_in for traffic in each),
            packets_out=sum(traffic.packets_out for traffic in each),
            bytes_in=sum(traffic.bytes_in for traffic in each),
            bytes_out=sum(traffic.bytes_out for traffic in each),
        )
        return ServiceCounters(total, servers)

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
                return errno.ESRCH if self._table.pop(key, None) is None else 0
            case AddServer(key, server, server_attrs) | EditServer(key, server, server_attrs):
                return self._put_server(key, server, server_attrs, new=isinstance(op, AddServer))
            case DeleteServer(key, server):
                service = self._table.get(key)
                if service is None:
                    return errno.ESRCH
                return errno.ENOENT if service.servers.pop(server, None) is None else 0

    def _put_service(self, key: ServiceKey, attrs: ServiceAttrs, *, new: bool) -> int:
        """The checks in the kernel's order, which decides the errno where several apply."""
        service = self._table.get(key)
        if new == (service is not None):
            return errno.EEXIST if new else errno.ESRCH
        number = self._judge_service(key, attrs)
        if number:
            return number
        if not attrs.persistence:
            attrs = replace(attrs, persistence_prefix=_full_length(key))
        if service is None:
            self._table[key] = _Service(attrs)
        else:
            service.attrs = attrs
        return 0

    def _judge_service(self, key: ServiceKey, attrs: ServiceAttrs) -> int:
        if len(attrs.scheduler.encode()) > 15 or len(attrs.persistence_engine.encode()) > 16:
            return errno.EINVAL
        if attrs.scheduler not in self._schedulers:
            return errno.ENOENT
        if attrs.persistence_engine and attrs.persistence_engine not in ENGINES:
            return errno.ENOENT
        if key.family is Family.INET6 and attrs.persistence and not 1 <= attrs.persistence_prefix <= 128:
            return errno.EINVAL
        return 0

    def _put_server(self, key: ServiceKey, server: RealKey, attrs: RealAttrs, *, new: bool) -> int:
        service = self._table.get(key)
        if service is None:
            return errno.ESRCH
        number = _judge_server(key, server, attrs)
        if number:
            return number
        if new == (server in service.servers):
            return errno.EEXIST if new else errno.ENOENT
        if new and not _is_unicast(server.address):
            return errno.EINVAL
        forward = Forward.LOCAL if server.address in self._local else attrs.forward
        tunnel = attrs.tunnel if forward is Forward.TUNNEL else Tunnel()
        service.servers[server] = replace(attrs, forward=forward, tunnel=tunnel)
        return 0


def _judge_server(key: ServiceKey, server: RealKey, attrs: RealAttrs) -> int:
    """The kernel's checks of a server by itself, in the kernel's order."""
    family = Family.INET if server.address.version == 4 else Family.INET6
    if family is not key.family and attrs.forward is not Forward.TUNNEL:
        return errno.EINVAL
    if not 0 <= attrs.weight <= MAX_WEIGHT or attrs.lower > attrs.upper:
        return errno.ERANGE
    if attrs.forward is Forward.TUNNEL and attrs.tunnel.type is TunnelType.GUE and attrs.tunnel.port == 0:
        return errno.EINVAL
    return 0


def _is_unicast(address: Address) -> bool:
    if address.version == 6 and (address.is_link_local or address.ipv4_mapped is not None):
        return False
    return not (address.is_multicast or address.is_unspecified or str(address) == BROADCAST)


def _full_length(key: ServiceKey) -> int:
    return 32 if key.family is Family.INET else 128
