"""The table of virtual services and real servers: one type for wanted and for found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address


class Family(StrEnum):
    """Address family of a firewall-mark service; address services have the family of their address."""

    INET = "inet"
    INET6 = "inet6"


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class Forward(StrEnum):
    """How packets reach a real server. LOCAL is never wanted: the kernel makes it of a server with a local address."""

    MASQUERADE = "masquerade"
    ROUTE = "route"
    TUNNEL = "tunnel"
    LOCAL = "local"


class TunnelType(StrEnum):
    IPIP = "ipip"
    GUE = "gue"
    GRE = "gre"


class TunnelChecksum(StrEnum):
    NONE = "none"
    CHECKSUM = "checksum"
    REMOTE = "remote"


class ServiceFlag(IntFlag):
    """Flags of a service that an operator chooses. Persistence is a timeout here, and `hashed` is the kernel's own."""

    ONE_PACKET = 0x4
    SCHED_1 = 0x8  # sh-fallback, mh-fallback
    SCHED_2 = 0x10  # sh-port, mh-port
    SCHED_3 = 0x20


NO_FLAGS = ServiceFlag(0)


@dataclass(frozen=True, slots=True)
class AddressKey:
    """A virtual service reached by address, port (0: every port, persistent only) and protocol."""

    address: Address
    port: int
    protocol: Protocol

    @property
    def family(self) -> Family:
        return Family.INET if self.address.version == 4 else Family.INET6

    def __str__(self) -> str:
        return f"{self.protocol} {endpoint(self.address, self.port)}"


@dataclass(frozen=True, slots=True)
class MarkKey:
    """A virtual service reached by the firewall mark on its packets (1 to 2^32-1)."""

    family: Family
    mark: int

    def __str__(self) -> str:
        return f"mark {self.mark}" + (" ipv6" if self.family is Family.INET6 else "")


ServiceKey: TypeAlias = AddressKey | MarkKey


@dataclass(frozen=True, slots=True)
class RealKey:
    """A real server within a service. The port is 0 only in firewall-mark services and services for every port.

    A round looks thousands of these up, and hashing an address is slow Python: the hash is computed once.
    """

    address: Address
    port: int
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.address, self.port)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


def endpoint(address: Address, port: int) -> str:
    """`192.0.2.1:80` or `[2001:db8::1]:80`."""
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


@dataclass(frozen=True, slots=True)
class ServiceAttrs:
    """Attributes of a virtual service.

    persistence: seconds; 0 means not persistent. persistence_prefix: length of the client prefix that shares a
    template (32 or 128: each client alone); meaningless, and kept at the full length, without persistence.
    persistence_engine: "" or "sip".
    """

    scheduler: str
    flags: ServiceFlag = NO_FLAGS
    persistence: int = 0
    persistence_prefix: int = 32
    persistence_engine: str = ""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Encapsulation of a tunnel server. port: UDP port, for gue only, else 0."""

    type: TunnelType = TunnelType.IPIP
    port: int = 0
    checksum: TunnelChecksum = TunnelChecksum.NONE


@dataclass(frozen=True, slots=True)
class RealAttrs:
    """Attributes of a real server. upper/lower: connection thresholds, 0 is none. tunnel: only with Forward.TUNNEL."""

    forward: Forward
    weight: int
    upper: int = 0
    lower: int = 0
    tunnel: Tunnel = Tunnel()


MAX_WEIGHT = 2**31 - 1  # the kernel keeps it in an int: ERANGE above
MAX_THRESHOLD = 2**31 - 1  # newer kernels refuse more


@dataclass(frozen=True, slots=True)
class Entry:
    """A service and its real servers, in the order in which they were, or are to be, added."""

    attrs: ServiceAttrs
    servers: Mapping[RealKey, RealAttrs]


Table: TypeAlias = Mapping[ServiceKey, Entry]
