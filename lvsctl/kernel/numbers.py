"""The generic netlink family IPVS: its numbers beside our words for them, from include/uapi/linux/ip_vs.h.

Its quirks, which stay within encode.py and decode.py, each held by a test in tests/kernel:

- every service has the flag `hashed`, which is the kernel's own: it is neither read nor written;
- an address is always dumped as 16 bytes, an IPv4 address in the first 4;
- the netmask of persistence is 4 bytes in network order for IPv4 and a native number, the prefix length, for IPv6,
  where it is mandatory (EINVAL without), persistent or not;
- a service is persistent if its flag says so; the timeout and the netmask say nothing without it;
- a mark service is dumped without address, port and protocol;
- NEW and SET of a server want every attribute; a server of the other family must say its own;
- the port of a gue tunnel is in network byte order, its neighbours are not;
- a sync daemon that is stopped before it ran is stopped without an answer;
- one goes on, and is dumped, when its interface is deleted, and does not take to another of the same name;
- 64-bit counters came with Linux 4.1; before there were only 32-bit ones, which wrap.
"""

from __future__ import annotations

import socket
from enum import IntEnum
from typing import Final

from lvsctl.model import Family, Forward, Protocol, ServiceFlag, SyncRole, TunnelChecksum, TunnelType

FAMILY_NAME: Final = "IPVS"


class Command(IntEnum):
    """What can be asked of the kernel."""

    NEW_SERVICE = 1
    SET_SERVICE = 2
    DEL_SERVICE = 3
    GET_SERVICE = 4
    NEW_DEST = 5
    SET_DEST = 6
    DEL_DEST = 7
    GET_DEST = 8
    NEW_DAEMON = 9
    DEL_DAEMON = 10
    GET_DAEMON = 11
    SET_CONFIG = 12
    GET_CONFIG = 13
    GET_INFO = 15
    ZERO = 16


class Top(IntEnum):
    """Attributes of a message."""

    SERVICE = 1
    DEST = 2
    DAEMON = 3
    TIMEOUT_TCP = 4
    TIMEOUT_TCP_FIN = 5
    TIMEOUT_UDP = 6


class About(IntEnum):
    """Attributes of the answer to GET_INFO."""

    VERSION = 1
    TABLE_SIZE = 2


class Svc(IntEnum):
    """Attributes of a service."""

    FAMILY = 1
    PROTOCOL = 2
    ADDRESS = 3
    PORT = 4
    MARK = 5
    SCHEDULER = 6
    FLAGS = 7
    TIMEOUT = 8
    NETMASK = 9
    STATS = 10
    ENGINE = 11
    STATS64 = 12


class Dest(IntEnum):
    """Attributes of a real server."""

    ADDRESS = 1
    PORT = 2
    FORWARD = 3
    WEIGHT = 4
    UPPER = 5
    LOWER = 6
    ACTIVE = 7
    INACTIVE = 8
    PERSISTENT = 9
    STATS = 10
    FAMILY = 11
    STATS64 = 12
    TUNNEL_TYPE = 13
    TUNNEL_PORT = 14
    TUNNEL_FLAGS = 15


class Daemon(IntEnum):
    """Attributes of a sync daemon; those from MAX_LENGTH on came with Linux 4.3."""

    STATE = 1
    INTERFACE = 2
    SYNC_ID = 3
    MAX_LENGTH = 4
    GROUP = 5
    GROUP6 = 6
    PORT = 7
    TTL = 8


class Stat(IntEnum):
    """Attributes of STATS (32 bits each, 64 for bytes) and STATS64 (all 64)."""

    CONNECTIONS = 1
    PACKETS_IN = 2
    PACKETS_OUT = 3
    BYTES_IN = 4
    BYTES_OUT = 5


PERSISTENT: Final = 0x1
OPERATOR_FLAGS: Final = int(ServiceFlag.ONE_PACKET | ServiceFlag.SCHED_1 | ServiceFlag.SCHED_2 | ServiceFlag.SCHED_3)
FORWARD_MASK: Final = 0x7

FAMILY: Final = {Family.INET: int(socket.AF_INET), Family.INET6: int(socket.AF_INET6)}
PROTOCOL: Final = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}
FORWARD: Final = {Forward.MASQUERADE: 0, Forward.LOCAL: 1, Forward.TUNNEL: 2, Forward.ROUTE: 3}
SYNC_ROLE: Final = {SyncRole.MASTER: 1, SyncRole.BACKUP: 2}
TUNNEL: Final = {TunnelType.IPIP: 0, TunnelType.GUE: 1, TunnelType.GRE: 2}
CHECKSUM: Final = {TunnelChecksum.NONE: 0, TunnelChecksum.CHECKSUM: 1, TunnelChecksum.REMOTE: 2}

# The kernel's closed sets in our words. What has no word here can be written only by tools that are not ipvsadm.
FAMILY_OF: Final = {number: word for word, number in FAMILY.items()}
PROTOCOL_OF: Final = {number: word for word, number in PROTOCOL.items()}
SYNC_ROLE_OF: Final = {number: word for word, number in SYNC_ROLE.items()}
FORWARD_OF: Final = {number: word for word, number in FORWARD.items()}
TUNNEL_OF: Final = {number: word for word, number in TUNNEL.items()}
CHECKSUM_OF: Final = {number: word for word, number in CHECKSUM.items()}
