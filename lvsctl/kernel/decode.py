"""What the kernel tells us: IPVS attributes -> model, pure (quirks: numbers.py).

Attributes that are missing or cut short raise `KernelError`; those that nobody knows are skipped. None: the model
has no words for it, so it was written with a tool that is not ipvsadm; it is left out of the table.
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Final

from lvsctl.kernel import wire
from lvsctl.kernel.numbers import (
    CHECKSUM_OF,
    FAMILY_OF,
    FORWARD_MASK,
    FORWARD_OF,
    OPERATOR_FLAGS,
    PERSISTENT,
    PROTOCOL_OF,
    SYNC_ROLE_OF,
    TUNNEL_OF,
    About,
    Daemon,
    Dest,
    Stat,
    Svc,
    Top,
)
from lvsctl.kernel.wire import Attributes
from lvsctl.model import (
    SYNC_GROUP,
    SYNC_PORT,
    Address,
    AddressKey,
    Family,
    Forward,
    Info,
    MarkKey,
    RealAttrs,
    RealCounters,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    SyncDaemon,
    Timeouts,
    Traffic,
    Tunnel,
)

_KEY_BLOCK: Final = Struct("=4s 16s 4s 2s 2x 4s H 2x")
_KEY_HEADERS: Final = tuple(
    wire.ATTRIBUTE.pack(size + wire.ATTRIBUTE.size, kind)
    for kind, size in ((Dest.ADDRESS, 16), (Dest.PORT, 2), (Dest.FAMILY, 2))
)


def service(attributes: bytes) -> tuple[ServiceKey, ServiceAttrs] | None:
    """A service as GET_SERVICE dumps it; None for one that the model has no words for (a protocol that we lack)."""
    return _read_service(Attributes(attributes).nested(Top.SERVICE))


def _read_service(svc: Attributes) -> tuple[ServiceKey, ServiceAttrs] | None:
    key = _read_service_key(svc)
    if key is None:
        return None
    flags = svc.number(Svc.FLAGS, 4)
    persistence = svc.number(Svc.TIMEOUT, 4) if flags & PERSISTENT else 0
    prefix = _read_prefix(key.family, svc.bytes(Svc.NETMASK, 4), persistent=persistence > 0)
    scheduler, engine = svc.text(Svc.SCHEDULER), svc.text(Svc.ENGINE, "")
    return key, ServiceAttrs(scheduler, ServiceFlag(flags & OPERATOR_FLAGS), persistence, prefix, engine)


def counted_service(attributes: bytes) -> tuple[ServiceKey, ServiceAttrs, Traffic] | None:
    """The same with its counters."""
    svc = Attributes(attributes).nested(Top.SERVICE)
    found = _read_service(svc)
    return None if found is None else (*found, _read_traffic(svc, wide=Svc.STATS64, narrow=Svc.STATS))


def server(attributes: bytes) -> tuple[RealKey, RealAttrs] | None:
    """A real server as GET_DEST dumps it; None for one that the model has no words for.

    Such a one is not hidden for long where it matters: adding it is refused with EEXIST, and the refusal is reported.
    """
    return _read_server(Attributes(attributes).nested(Top.DEST))


def _read_server(dest: Attributes) -> tuple[RealKey, RealAttrs] | None:
    key, attrs = _read_real_key(dest), real_attrs(dest)
    return None if key is None or attrs is None else (key, attrs)


def real_attrs(dest: Attributes) -> RealAttrs | None:
    """From the attributes of the server itself."""
    forward = FORWARD_OF.get(dest.number(Dest.FORWARD, 4) & FORWARD_MASK)
    tunnel = _read_tunnel(dest) if forward is Forward.TUNNEL else Tunnel()
    if forward is None or tunnel is None:
        return None
    weight, upper, lower = (dest.number(kind, 4) for kind in (Dest.WEIGHT, Dest.UPPER, Dest.LOWER))
    return RealAttrs(forward, weight, upper, lower, tunnel)


def key_block(block: bytes) -> RealKey | None:
    """The key from the attributes ADDRESS, PORT and FAMILY in this order, at a fifth of the general parser's cost."""
    address_header, address, port_header, port, family_header, family = _KEY_BLOCK.unpack(block)
    if (address_header, port_header, family_header) != _KEY_HEADERS:
        return None
    found = _read_address(family, address)
    return None if found is None else RealKey(found, int.from_bytes(port, "big"))


def counted_server(attributes: bytes) -> tuple[RealKey, RealAttrs, RealCounters] | None:
    """The same with its counters."""
    dest = Attributes(attributes).nested(Top.DEST)
    found = _read_server(dest)
    if found is None:
        return None
    active, inactive, persistent = (dest.number(kind, 4) for kind in (Dest.ACTIVE, Dest.INACTIVE, Dest.PERSISTENT))
    traffic = _read_traffic(dest, wide=Dest.STATS64, narrow=Dest.STATS)
    return (*found, RealCounters(active, inactive, persistent, traffic))


def info(attributes: bytes) -> Info:
    """The answer to GET_INFO."""
    answer = Attributes(attributes)
    version = answer.number(About.VERSION, 4)
    return Info(f"{version >> 16}.{version >> 8 & 0xFF}.{version & 0xFF}", answer.number(About.TABLE_SIZE, 4))


def timeouts(attributes: bytes) -> Timeouts:
    """The answer to GET_CONFIG."""
    answer = Attributes(attributes)
    kinds = (Top.TIMEOUT_TCP, Top.TIMEOUT_TCP_FIN, Top.TIMEOUT_UDP)
    return Timeouts(*(answer.number(kind, 4) for kind in kinds))


def sync_daemon(attributes: bytes) -> SyncDaemon | None:
    """A sync daemon as GET_DAEMON dumps it; None for one in a role of which we know nothing."""
    daemon = Attributes(attributes).nested(Top.DAEMON)
    role = SYNC_ROLE_OF.get(daemon.number(Daemon.STATE, 4))
    if role is None:
        return None
    return SyncDaemon(
        role,
        daemon.text(Daemon.INTERFACE),
        daemon.number(Daemon.SYNC_ID, 4),
        daemon.number(Daemon.MAX_LENGTH, 2, 0),
        _read_group(daemon),
        daemon.number(Daemon.PORT, 2, SYNC_PORT),
        daemon.number(Daemon.TTL, 1, 1),
    )


def _read_group(daemon: Attributes) -> Address:
    if Daemon.GROUP6 in daemon:
        return IPv6Address(daemon.bytes(Daemon.GROUP6, 16))
    return IPv4Address(daemon.bytes(Daemon.GROUP, 4)) if Daemon.GROUP in daemon else SYNC_GROUP


def _read_service_key(svc: Attributes) -> ServiceKey | None:
    family = svc.number(Svc.FAMILY, 2)
    if Svc.MARK in svc:
        word = FAMILY_OF.get(family)
        return None if word is None else MarkKey(word, svc.number(Svc.MARK, 4))
    protocol = PROTOCOL_OF.get(svc.number(Svc.PROTOCOL, 2))
    address = _read_address(family, svc.bytes(Svc.ADDRESS, 16))
    if protocol is None or address is None:
        return None
    return AddressKey(address, svc.be16(Svc.PORT), protocol)


def _read_real_key(dest: Attributes) -> RealKey | None:
    address = _read_address(dest.number(Dest.FAMILY, 2), dest.bytes(Dest.ADDRESS, 16))
    return None if address is None else RealKey(address, dest.be16(Dest.PORT))


def _read_address(family: int, raw: bytes) -> Address | None:
    match FAMILY_OF.get(family):
        case Family.INET:
            return IPv4Address(raw[:4])
        case Family.INET6:
            return IPv6Address(raw)
        case None:
            return None


def _read_prefix(family: Family, raw: bytes, *, persistent: bool) -> int:
    if not persistent:
        return 32 if family is Family.INET else 128
    if family is Family.INET6:
        return int.from_bytes(raw, sys.byteorder)
    mask = int.from_bytes(raw, "big")
    prefix = mask.bit_count()
    contiguous = mask == 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF
    return prefix if contiguous else 0  # 255.0.255.0 is no prefix, and must not look like one that is wanted


def _read_tunnel(dest: Attributes) -> Tunnel | None:
    type_ = TUNNEL_OF.get(dest.number(Dest.TUNNEL_TYPE, 1, 0))
    checksum = CHECKSUM_OF.get(dest.number(Dest.TUNNEL_FLAGS, 2, 0))
    if type_ is None or checksum is None:
        return None
    return Tunnel(type_, dest.be16(Dest.TUNNEL_PORT, 0), checksum)


def _read_traffic(parent: Attributes, *, wide: int, narrow: int) -> Traffic:
    is_wide = wide in parent
    stats = parent.nested(wide if is_wide else narrow)
    packets = 8 if is_wide else 4
    return Traffic(
        connections=stats.number(Stat.CONNECTIONS, packets),
        packets_in=stats.number(Stat.PACKETS_IN, packets),
        packets_out=stats.number(Stat.PACKETS_OUT, packets),
        bytes_in=stats.number(Stat.BYTES_IN, 8),
        bytes_out=stats.number(Stat.BYTES_OUT, 8),
    )
