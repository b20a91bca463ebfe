"""What Linux dumps for what it was given: the kernel's side of the wire, as far as tests need it."""

from __future__ import annotations

import struct

from lvsctl.kernel import wire
from lvsctl.kernel.wire import Attributes
from tests.kernel.golden import FAMILY

HASHED = 0x2
NO_STATS = b"".join(wire.attribute(kind, bytes(8 if kind in (4, 5) else 4)) for kind in range(1, 11))
NO_STATS64 = b"".join(wire.attribute(kind, bytes(8)) for kind in range(1, 11))


def dumped_service(request: bytes) -> bytes:
    """Attributes of NEW_SERVICE -> attributes in the dump."""
    svc = Attributes(request).nested(1)
    (family,) = struct.unpack("=H", svc.bytes(1, 2))
    if 5 in svc:
        key = wire.attribute(5, svc.bytes(5, 4))
    else:
        address = svc.bytes(3, 4 if family == 2 else 16).ljust(16, b"\0")
        key = wire.attribute(2, svc.bytes(2, 2)) + wire.attribute(3, address) + wire.attribute(4, svc.bytes(4, 2))
    flags, mask = struct.unpack("=II", svc.bytes(7, 8))
    return wire.attribute(
        1,
        wire.u16(1, family)
        + key
        + wire.text(6, svc.text(6))
        + (wire.text(11, svc.text(11)) if 11 in svc else b"")
        + wire.attribute(7, struct.pack("=II", flags & mask | HASHED, 0xFFFFFFFF))
        + wire.attribute(8, svc.bytes(8, 4))
        + wire.attribute(9, svc.bytes(9, 4))
        + wire.attribute(10, NO_STATS)
        + wire.attribute(12, NO_STATS64),
    )


def dumped_server(request: bytes, counts: tuple[int, int, int] = (0, 0, 0)) -> bytes:
    """Attributes of NEW_DEST -> attributes in the dump, in the kernel's order."""
    dest = Attributes(request).nested(2)
    (family,) = struct.unpack("=H", dest.bytes(11, 2))
    address = dest.bytes(1, 4 if family == 2 else 16).ljust(16, b"\0")
    sizes = {2: 2, 3: 4, 4: 4, 13: 1, 14: 2, 15: 2, 5: 4, 6: 4}
    return wire.attribute(
        2,
        wire.attribute(1, address)
        + b"".join(wire.attribute(kind, dest.bytes(kind, size)) for kind, size in sizes.items())
        + b"".join(wire.u32(kind, count) for kind, count in zip((7, 8, 9), counts, strict=True))
        + wire.u16(11, family)
        + wire.attribute(10, NO_STATS)
        + wire.attribute(12, NO_STATS64),
    )


def message(attributes: bytes, *, sequence: int, command: int = 5, flags: int = wire.MULTI) -> bytes:
    """One message of a dump."""
    length = wire.MESSAGE.size + wire.GENERIC.size + len(attributes)
    return wire.MESSAGE.pack(length, FAMILY, flags, sequence, 1) + wire.GENERIC.pack(command, 1, 0) + attributes


def done(sequence: int) -> bytes:
    """The end of a dump."""
    return wire.MESSAGE.pack(20, wire.DONE, wire.MULTI, sequence, 1) + bytes(4)


def answer(sequence: int, errno: int) -> bytes:
    """What the kernel says of an order: 0 or an errno."""
    return wire.MESSAGE.pack(36, wire.ERROR, 0, sequence, 1) + struct.pack("=i16x", -errno)
