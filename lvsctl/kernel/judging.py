"""Which operations the kernel refuses by what they say, each with the errno that the kernel's order of checks gives."""

from __future__ import annotations

import errno
from collections.abc import Collection
from typing import Final

from lvsctl.model import (
    MAX_THRESHOLD,
    MAX_WEIGHT,
    Address,
    Family,
    Forward,
    Generation,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceKey,
    TunnelType,
)

ENGINES: Final = frozenset({"sip"})
BROADCAST: Final = "255.255.255.255"


def judge_service(key: ServiceKey, attrs: ServiceAttrs, schedulers: Collection[str]) -> int:
    """errno, or 0."""
    if len(attrs.scheduler.encode()) > 15 or len(attrs.persistence_engine.encode()) > 16:
        return errno.EINVAL
    if attrs.scheduler not in schedulers:
        return errno.ENOENT
    if attrs.persistence_engine and attrs.persistence_engine not in ENGINES:
        return errno.ENOENT
    if key.family is Family.INET6 and attrs.persistence and not 1 <= attrs.persistence_prefix <= 128:
        return errno.EINVAL
    return 0


def judge_server(key: ServiceKey, server: RealKey, attrs: RealAttrs, generation: Generation) -> int:
    """errno, or 0. What is judged of a new server alone: `is_unicast`."""
    if mixes_families(key, server) and attrs.forward is not Forward.TUNNEL:
        return errno.EINVAL
    if not 0 <= attrs.weight <= MAX_WEIGHT or attrs.lower > attrs.upper:
        return errno.ERANGE
    if generation is Generation.NEW and attrs.upper > MAX_THRESHOLD:
        return errno.EINVAL
    if attrs.forward is Forward.TUNNEL and attrs.tunnel.type is TunnelType.GUE and attrs.tunnel.port == 0:
        return errno.EINVAL
    return 0


def mixes_families(service: ServiceKey, server: RealKey) -> bool:
    """Whether the server is of another family than the service; only a tunnel leads to it, and it is not synced."""
    return server.address.version != (4 if service.family is Family.INET else 6)


def is_unicast(address: Address) -> bool:
    """Whether a real server may have this address."""
    if address.version == 6 and (address.is_link_local or address.ipv4_mapped is not None):
        return False
    return not (address.is_multicast or address.is_unspecified or str(address) == BROADCAST)
