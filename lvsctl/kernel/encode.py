"""What we tell the kernel: model -> IPVS attributes, pure (quirks: numbers.py)."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from ipaddress import IPv6Address
from struct import Struct
from typing import Final

from lvsctl.kernel import wire
from lvsctl.kernel.numbers import (
    CHECKSUM,
    FAMILY,
    FORWARD,
    OPERATOR_FLAGS,
    PERSISTENT,
    PROTOCOL,
    SYNC_ROLE,
    TUNNEL,
    Command,
    Daemon,
    Dest,
    Svc,
    Top,
)
from lvsctl.model import (
    MAX_SYNC_ID,
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
    RealKey,
    ServiceAttrs,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
)

NO_BYTES: Final = (OverflowError, ValueError, struct.error)
"""For a number that has no bytes, and is therefore out of the kernel's range: negative, or too large."""


def service_key(service: ServiceKey) -> bytes:
    """What names a service: enough to list its servers, to delete it, to zero it."""
    return wire.nested(Top.SERVICE, _service_key(service))


class LastKey:
    """`service_key` that remembers the last one, since the operations of a plan come service by service."""

    def __init__(self) -> None:
        self._service: ServiceKey | None = None
        self._bytes = b""

    def __call__(self, service: ServiceKey) -> bytes:
        if service is not self._service:
            self._service, self._bytes = service, service_key(service)
        return self._bytes


def operation(op: Op, key: Callable[[ServiceKey], bytes] = service_key) -> tuple[Command, bytes]:
    """The command and the attributes that carry out `op`. Raises one of `NO_BYTES` for numbers that do not fit."""
    match op:
        case AddServer(service, server, server_attrs):
            return Command.NEW_DEST, key(service) + _real(server, server_attrs)
        case EditServer(service, server, server_attrs):
            return Command.SET_DEST, key(service) + _real(server, server_attrs)
        case DeleteServer(service, server):
            return Command.DEL_DEST, key(service) + wire.nested(Top.DEST, _real_key(server))
        case AddService(service, attrs):
            return Command.NEW_SERVICE, _service(service, attrs)
        case EditService(service, attrs):
            return Command.SET_SERVICE, _service(service, attrs)
        case DeleteService(service):
            return Command.DEL_SERVICE, key(service)


def _service(service: ServiceKey, attrs: ServiceAttrs) -> bytes:
    """A service with every attribute that an operator chooses; the mask clears those flags that are not wanted."""
    flags = int(attrs.flags) | (PERSISTENT if attrs.persistence else 0)
    mask = OPERATOR_FLAGS | PERSISTENT
    engine = wire.text(Svc.ENGINE, attrs.persistence_engine) if attrs.persistence_engine else b""
    return wire.nested(
        Top.SERVICE,
        _service_key(service)
        + wire.text(Svc.SCHEDULER, attrs.scheduler)
        + engine
        + wire.attribute(Svc.FLAGS, _native(flags) + _native(mask))
        + wire.u32(Svc.TIMEOUT, attrs.persistence)
        + wire.attribute(Svc.NETMASK, _netmask(service.family, attrs)),
    )


def scheduler_probe(scheduler: str) -> bytes:
    """A service that the kernel refuses whatever it is, but only after it has looked for the scheduler.

    An IPv6 service whose prefix length is 0 is invalid (EINVAL). The scheduler is looked up, and its module loaded,
    before that is found out, so a missing one is answered with ENOENT. Nothing is ever created.
    """
    key = AddressKey(IPv6Address(0), 0, Protocol.TCP)
    return _service(key, ServiceAttrs(scheduler, persistence=1, persistence_prefix=0))


def timeouts(seconds: Timeouts) -> bytes:
    """All three; the kernel leaves one that is 0 as it is."""
    return (
        wire.u32(Top.TIMEOUT_TCP, seconds.tcp)
        + wire.u32(Top.TIMEOUT_TCP_FIN, seconds.tcp_fin)
        + wire.u32(Top.TIMEOUT_UDP, seconds.udp)
    )


def sync_daemon(daemon: SyncDaemon) -> bytes:
    """All that NEW_DAEMON can be told. Raises one of `NO_BYTES` for numbers that do not fit.

    The kernel takes any sync id, but sends a byte of it.
    """
    if daemon.sync_id > MAX_SYNC_ID:
        raise ValueError(daemon.sync_id)
    group = Daemon.GROUP if daemon.group.version == 4 else Daemon.GROUP6
    return wire.nested(
        Top.DAEMON,
        wire.u32(Daemon.STATE, SYNC_ROLE[daemon.role])
        + wire.text(Daemon.INTERFACE, daemon.interface)
        + wire.u32(Daemon.SYNC_ID, daemon.sync_id)
        + wire.u16(Daemon.MAX_LENGTH, daemon.max_length)
        + wire.attribute(group, daemon.group.packed)
        + wire.u16(Daemon.PORT, daemon.port)
        + wire.attribute(Daemon.TTL, daemon.ttl.to_bytes(1, sys.byteorder)),
    )


def sync_role(role: SyncRole) -> bytes:
    """What DEL_DAEMON has to know."""
    return wire.nested(Top.DAEMON, wire.u32(Daemon.STATE, SYNC_ROLE[role]))


def _service_key(service: ServiceKey) -> bytes:
    family = wire.u16(Svc.FAMILY, FAMILY[service.family])
    match service:
        case AddressKey(address, port, protocol):
            return (
                family
                + wire.u16(Svc.PROTOCOL, PROTOCOL[protocol])
                + wire.attribute(Svc.ADDRESS, address.packed)
                + wire.be16(Svc.PORT, port)
            )
        case MarkKey(_, mark):
            return family + wire.u32(Svc.MARK, mark)


def _netmask(family: Family, attrs: ServiceAttrs) -> bytes:
    if family is Family.INET6:
        return _native(attrs.persistence_prefix if attrs.persistence else 128)
    prefix = attrs.persistence_prefix if attrs.persistence else 32
    return (0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF).to_bytes(4, "big")


def _real(server: RealKey, attrs: RealAttrs) -> bytes:
    return wire.nested(Top.DEST, _real_key(server) + _real_attrs(attrs))


def _header(kind: Dest, size: int) -> bytes:
    return wire.ATTRIBUTE.pack(wire.ATTRIBUTE.size + size, kind)


# Servers are what a large plan is made of, so their attributes are packed at once, each behind its constant header.
_ADDRESS: Final = {4: _header(Dest.ADDRESS, 4), 6: _header(Dest.ADDRESS, 16)}
_PORT_AND_FAMILY: Final = Struct("=4s 2s 2x 4s H 2x")
_PORT, _FAMILY = _header(Dest.PORT, 2), _header(Dest.FAMILY, 2)
_FAMILIES: Final = {4: FAMILY[Family.INET], 6: FAMILY[Family.INET6]}

_ATTRS: Final = Struct("=4s I 4s I 4s I 4s I 4s B 3x 4s 2s 2x 4s H 2x")
_FORWARD, _WEIGHT, _UPPER, _LOWER = (_header(kind, 4) for kind in (Dest.FORWARD, Dest.WEIGHT, Dest.UPPER, Dest.LOWER))
_TYPE, _TUNNEL_PORT, _FLAGS = _header(Dest.TUNNEL_TYPE, 1), _header(Dest.TUNNEL_PORT, 2), _header(Dest.TUNNEL_FLAGS, 2)
_NO_TUNNEL: Final = Tunnel()


def _real_key(server: RealKey) -> bytes:
    version = server.address.version
    port = server.port.to_bytes(2, "big")
    rest = _PORT_AND_FAMILY.pack(_PORT, port, _FAMILY, _FAMILIES[version])
    return _ADDRESS[version] + server.address.packed + rest


def _real_attrs(attrs: RealAttrs) -> bytes:
    tunnel = attrs.tunnel if attrs.forward is Forward.TUNNEL else _NO_TUNNEL
    return _ATTRS.pack(
        *(_FORWARD, FORWARD[attrs.forward]),
        *(_WEIGHT, attrs.weight),
        *(_UPPER, attrs.upper),
        *(_LOWER, attrs.lower),
        *(_TYPE, TUNNEL[tunnel.type]),
        *(_TUNNEL_PORT, tunnel.port.to_bytes(2, "big")),
        *(_FLAGS, CHECKSUM[tunnel.checksum]),
    )


def _native(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)
