"""What we tell the kernel: model -> IPVS attributes, pure (quirks: numbers.py)."""

from __future__ import annotations

import sys
from ipaddress import IPv6Address
from typing import Final

from lvsctl.kernel import wire
from lvsctl.kernel.numbers import (
    CHECKSUM,
    FAMILY,
    FORWARD,
    OPERATOR_FLAGS,
    PERSISTENT,
    PROTOCOL,
    TUNNEL,
    Command,
    Dest,
    Svc,
    Top,
)
from lvsctl.model import (
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
    Timeouts,
    Tunnel,
)

NO_BYTES: Final = (OverflowError, ValueError)
"""For a number that has no bytes, and is therefore out of the kernel's range: negative, or too large."""


def operation(op: Op) -> tuple[Command, bytes]:
    """The command and the attributes that carry out `op`. Raises one of `NO_BYTES` for numbers that do not fit."""
    match op:
        case AddService(service, attrs):
            return Command.NEW_SERVICE, _service(service, attrs)
        case EditService(service, attrs):
            return Command.SET_SERVICE, _service(service, attrs)
        case DeleteService(service):
            return Command.DEL_SERVICE, service_key(service)
        case AddServer(service, server, server_attrs):
            return Command.NEW_DEST, service_key(service) + _dest(_real_key(server) + _real_attrs(server_attrs))
        case EditServer(service, server, server_attrs):
            return Command.SET_DEST, service_key(service) + _dest(_real_key(server) + _real_attrs(server_attrs))
        case DeleteServer(service, server):
            return Command.DEL_DEST, service_key(service) + _dest(_real_key(server))


def service_key(service: ServiceKey) -> bytes:
    """What names a service: enough to list its servers, to delete it, to zero it."""
    return wire.nested(Top.SERVICE, _service_key(service))


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


def _dest(attributes: bytes) -> bytes:
    return wire.nested(Top.DEST, attributes)


def _real_key(server: RealKey) -> bytes:
    family = FAMILY[Family.INET if server.address.version == 4 else Family.INET6]
    return (
        wire.attribute(Dest.ADDRESS, server.address.packed)
        + wire.be16(Dest.PORT, server.port)
        + wire.u16(Dest.FAMILY, family)
    )


def _real_attrs(attrs: RealAttrs) -> bytes:
    tunnel = attrs.tunnel if attrs.forward is Forward.TUNNEL else Tunnel()
    return (
        wire.u32(Dest.FORWARD, FORWARD[attrs.forward])
        + wire.u32(Dest.WEIGHT, attrs.weight)
        + wire.u32(Dest.UPPER, attrs.upper)
        + wire.u32(Dest.LOWER, attrs.lower)
        + wire.u8(Dest.TUNNEL_TYPE, TUNNEL[tunnel.type])
        + wire.be16(Dest.TUNNEL_PORT, tunnel.port)
        + wire.u16(Dest.TUNNEL_FLAGS, CHECKSUM[tunnel.checksum])
    )


def _native(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)
