"""rtnetlink's messages about links and addresses: model <-> bytes, pure.

Numbers from include/uapi/linux/{rtnetlink,if_link,if_addr,if}.h. A virtual address is written in a way of its own:

- IPv4 as /32, so that it makes no route of its own and is nobody's secondary: deleting another address cannot take it
  along, and deleting it takes none;
- IPv6 as /128 without duplicate address detection, which would leave it dead for a second or more (and dead for good
  while the other director still has it), and with a preferred lifetime of 0: nothing chooses it as its own source.

Both with OURS as their protocol, by which they are known again in another life (`ip address show proto 112`).
"""

from __future__ import annotations

import sys
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from struct import Struct
from typing import Final

from lvsctl.errors import KernelError
from lvsctl.kernel import wire
from lvsctl.kernel.numbers import FAMILY
from lvsctl.kernel.wire import Attributes, Message
from lvsctl.model import Family, Interface, Vip


class Rtm(IntEnum):
    """Types of messages."""

    NEW_LINK = 16
    DELETE_LINK = 17
    GET_LINK = 18
    SET_LINK = 19
    NEW_ADDRESS = 20
    DELETE_ADDRESS = 21
    GET_ADDRESS = 22


class Ifla(IntEnum):
    """Attributes of a link."""

    MAC = 1
    NAME = 3
    PARENT = 5
    INFO = 18
    FAMILIES = 26
    ASKED = 29


class Info(IntEnum):
    """Attributes of what kind of link it is."""

    KIND = 1
    DATA = 2


class Ifa(IntEnum):
    """Attributes of an address. LOCAL is missing in dumped IPv6 addresses; ADDRESS may be that of a peer."""

    ADDRESS = 1
    LOCAL = 2
    LABEL = 3
    LIFETIMES = 6
    FLAGS = 8
    PROTOCOL = 11


LINK: Final = Struct("=BxHiII")  # family, hardware type, index, flags, mask of flags
ADDRESS: Final = Struct("=BBBBI")  # family, prefix length, flags, scope, index
_LIFETIMES: Final = Struct("=IIII")  # preferred, valid, two that only the kernel fills in
MAX_NAME: Final = 15  # bytes
FOR_EVER: Final = 0xFFFFFFFF
NO_STATISTICS: Final = 0x8  # in ASKED

IFF_UP: Final = 0x1
IFF_RUNNING: Final = 0x40  # the state of the link, as RFC 2863 has it, is up or unknown
IFF_LOWER_UP: Final = 0x10000  # it has a carrier

OURS: Final = 112
"""VRRP's number among the protocols: nobody else's among those who put addresses on (rt_addrprotos of iproute2).

Kernels before Linux 5.18 ignore it, and do not tell of it.
"""

NODAD: Final = 0x02
DAD_FAILED: Final = 0x08
TENTATIVE: Final = 0x40

INET6: Final = FAMILY[Family.INET6]
INET6_CONF: Final = 2  # attribute of a link in FAMILIES: the sysctls net.ipv6.conf.NAME.*, of which forwarding is first


# --- what we tell the kernel --------------------------------------------------------------------------------------


def find_link(name: str) -> bytes:
    """Body of GET_LINK: the link with this name."""
    return LINK.pack(0, 0, 0, 0, 0) + wire.text(Ifla.NAME, name) + wire.u32(Ifla.ASKED, NO_STATISTICS)


def find_links() -> bytes:
    """Body of GET_LINK: all links."""
    return LINK.pack(0, 0, 0, 0, 0) + wire.u32(Ifla.ASKED, NO_STATISTICS)


def find_addresses(index: int) -> bytes:
    """Body of GET_ADDRESS: the addresses of one link, 0 for all; kernels before 4.20 list those of all."""
    return ADDRESS.pack(0, 0, 0, 0, index)


def new_address(vip: Vip, index: int) -> bytes:
    """Body of NEW_ADDRESS."""
    ours = wire.attribute(Ifa.PROTOCOL, bytes((OURS,)))
    if vip.address.version == 4:
        return _address(vip, index) + (wire.text(Ifa.LABEL, vip.label) if vip.label else b"") + ours
    return _address(vip, index, NODAD) + wire.attribute(Ifa.LIFETIMES, _LIFETIMES.pack(0, FOR_EVER, 0, 0)) + ours


def old_address(vip: Vip, index: int) -> bytes:
    """Body of DELETE_ADDRESS: that of `new_address`, whatever its label, and none with another prefix length."""
    return _address(vip, index)


def _address(vip: Vip, index: int, flags: int = 0) -> bytes:
    address = vip.address
    family = FAMILY[Family.INET] if address.version == 4 else INET6
    header = ADDRESS.pack(family, address.max_prefixlen, flags, 0, index)
    return header + wire.attribute(Ifa.LOCAL, address.packed) + wire.attribute(Ifa.ADDRESS, address.packed)


# --- what the kernel tells us -------------------------------------------------------------------------------------


def index_of(message: Message) -> int:
    """Of the link that the message is about, whatever it says of it."""
    layout = LINK if message.type in (Rtm.NEW_LINK, Rtm.DELETE_LINK) else ADDRESS
    return int(_unpack(layout, message.body)[2 if layout is LINK else 4])


def attributes_of_link(message: Message) -> Attributes:
    """Of NEW_LINK and DELETE_LINK."""
    return Attributes(message.body[LINK.size :])


def name_of_link(message: Message) -> str:
    """Of NEW_LINK and DELETE_LINK."""
    return attributes_of_link(message).text(Ifla.NAME)


def interface(message: Message) -> Interface:
    """Of NEW_LINK; it says nothing of addresses."""
    _, _, index, flags, _ = _unpack(LINK, message.body)
    link = attributes_of_link(message)
    wanted = IFF_UP | IFF_RUNNING | IFF_LOWER_UP
    return Interface(
        link.text(Ifla.NAME),
        index,
        link.whole(Ifla.MAC),
        up=bool(flags & IFF_UP),
        carrier=flags & wanted == wanted,
        forwards_v6=_forwards_v6(link),
    )


def address(message: Message) -> IPv4Interface | IPv6Interface | None:
    """Of NEW_ADDRESS and DELETE_ADDRESS; None for one that cannot be used, or is of another family."""
    family, prefix, flags, _, _ = _unpack(ADDRESS, message.body)
    attributes = Attributes(message.body[ADDRESS.size :])
    own = Ifa.LOCAL if Ifa.LOCAL in attributes else Ifa.ADDRESS
    if attributes.number(Ifa.FLAGS, 4, flags) & (TENTATIVE | DAD_FAILED):
        return None
    if family == FAMILY[Family.INET]:
        return IPv4Interface((IPv4Address(attributes.bytes(own, 4)), prefix))
    if family == INET6:
        return IPv6Interface((IPv6Address(attributes.bytes(own, 16)), prefix))
    return None


def is_ours(message: Message) -> bool:
    """Whether an address of NEW_ADDRESS is one of `new_address`."""
    return Attributes(message.body[ADDRESS.size :]).number(Ifa.PROTOCOL, 1, 0) == OURS


def _forwards_v6(link: Attributes) -> bool:
    """False on a host without IPv6."""
    families = link.nested(Ifla.FAMILIES) if Ifla.FAMILIES in link else None
    if families is None or INET6 not in families or INET6_CONF not in (six := families.nested(INET6)):
        return False
    return int.from_bytes(six.bytes(INET6_CONF, 4), sys.byteorder) > 0


def _unpack(layout: Struct, body: bytes) -> tuple[int, ...]:
    if len(body) < layout.size:
        raise KernelError(f"netlink message cut short: {len(body)} bytes where {layout.size} were due")
    return layout.unpack_from(body)
