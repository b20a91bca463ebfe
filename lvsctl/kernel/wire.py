"""Netlink on the wire: messages and attributes as bytes, without their meaning.

Layout from include/uapi/linux/netlink.h: everything in native byte order, everything padded to 4 bytes. What the
kernel sends is trusted to be honest but not to be complete: whatever does not add up raises `KernelError`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from lvsctl.errors import KernelError

ERROR: Final = 2  # message types
DONE: Final = 3

REQUEST: Final = 0x1  # message flags
MULTI: Final = 0x2
ACK: Final = 0x4
DUMP_INTERRUPTED: Final = 0x10
DUMP: Final = 0x300
EXCLUSIVE: Final = 0x200
CREATE: Final = 0x400

MESSAGE: Final = Struct("=IHHII")  # length, type, flags, sequence, port
GENERIC: Final = Struct("=BBH")  # command, version, reserved
ATTRIBUTE: Final = Struct("=HH")  # length, type
_REQUEST: Final = Struct("=IHHII BBH")  # both headers
TYPE_MASK: Final = 0x3FFF  # the two top bits say "nested" and "network byte order"
NESTED: Final = 0x8000


@dataclass(frozen=True, slots=True)
class Message:
    """One netlink message. body: what follows the netlink header."""

    type: int
    flags: int
    sequence: int
    body: bytes


def messages(datagram: bytes | memoryview) -> Iterator[Message]:
    """The messages of one datagram."""
    offset, end = 0, len(datagram)
    while offset < end:
        if end - offset < MESSAGE.size:
            raise KernelError(f"netlink message cut short: {end - offset} bytes where a header was due")
        length, kind, flags, sequence, _ = MESSAGE.unpack_from(datagram, offset)
        if length < MESSAGE.size or offset + length > end:
            raise KernelError(f"netlink message cut short: {length} bytes announced, {end - offset} there")
        yield Message(kind, flags, sequence, bytes(datagram[offset + MESSAGE.size : offset + length]))
        offset += _padded(length)


def request(*, family: int, flags: int, sequence: int, command: int, body: bytes = b"") -> bytes:
    """A generic netlink message (version 1, which is the only one IPVS has had) to the kernel."""
    length = _REQUEST.size + len(body)
    return _REQUEST.pack(length, family, REQUEST | flags, sequence, 0, command, 1, 0) + body


def message(kind: int, body: bytes, *, flags: int, sequence: int) -> bytes:
    """A message to the kernel that is not generic."""
    return MESSAGE.pack(MESSAGE.size + len(body), kind, REQUEST | flags, sequence, 0) + body


def error_number(message: Message) -> int:
    """The positive errno in an ERROR or DONE message; 0: all is well."""
    if len(message.body) < 4:
        return 0
    return -int.from_bytes(message.body[:4], sys.byteorder, signed=True)


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded."""
    length = ATTRIBUTE.size + len(payload)
    return ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def u16(kind: int, value: int) -> bytes:
    """Two bytes, native order."""
    return attribute(kind, value.to_bytes(2, sys.byteorder))


def be16(kind: int, value: int) -> bytes:
    """A port: always in network byte order."""
    return attribute(kind, value.to_bytes(2, "big"))


def u32(kind: int, value: int) -> bytes:
    """Four bytes, native order."""
    return attribute(kind, value.to_bytes(4, sys.byteorder))


def text(kind: int, value: str) -> bytes:
    """A string with its final NUL."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, attributes: bytes) -> bytes:
    """Attributes within an attribute."""
    return attribute(kind | NESTED, attributes)


def spans(data: bytes, start: int = 0, end: int | None = None) -> dict[int, tuple[int, int]]:
    """Where in `data` the payload of each attribute begins and ends; they are looked for from `start` to `end`."""
    found: dict[int, tuple[int, int]] = {}
    offset, end = start, len(data) if end is None else end
    while offset < end:
        if end - offset < ATTRIBUTE.size:
            raise KernelError(f"netlink attribute cut short: {end - offset} bytes where a header was due")
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if length < ATTRIBUTE.size or offset + length > end:
            raise KernelError(f"netlink attribute {kind & TYPE_MASK} cut short: {length} bytes announced")
        found[kind & TYPE_MASK] = (offset + ATTRIBUTE.size, offset + length)
        offset += _padded(length)
    return found


class Attributes:
    """The attributes of one message, or of one nested attribute, by number.

    The getters raise `KernelError` where the attribute is missing (unless a default is given) or too short. Numbers
    that nobody asks for are newer than this program, and harmless.
    """

    __slots__ = ("_payloads",)

    def __init__(self, data: bytes) -> None:
        self._payloads = {kind: data[begin:end] for kind, (begin, end) in spans(data).items()}

    def __contains__(self, kind: int) -> bool:
        return kind in self._payloads

    def whole(self, kind: int) -> bytes:
        """All of the attribute; nothing where it is missing."""
        return self._payloads.get(kind, b"")

    def bytes(self, kind: int, size: int) -> bytes:
        """The first `size` bytes of the attribute."""
        payload = self._payloads.get(kind)
        if payload is None:
            raise KernelError(f"netlink attribute {kind} is missing")
        if len(payload) < size:
            raise KernelError(f"netlink attribute {kind} cut short: {len(payload)} bytes, {size} were due")
        return payload[:size]

    def number(self, kind: int, size: int, default: int | None = None) -> int:
        """An unsigned number of `size` bytes in native order."""
        if default is not None and kind not in self._payloads:
            return default
        return int.from_bytes(self.bytes(kind, size), sys.byteorder)

    def be16(self, kind: int, default: int | None = None) -> int:
        if default is not None and kind not in self._payloads:
            return default
        return int.from_bytes(self.bytes(kind, 2), "big")

    def text(self, kind: int, default: str | None = None) -> str:
        """A string, without its final NUL."""
        if default is not None and kind not in self._payloads:
            return default
        return self.bytes(kind, len(self._payloads.get(kind, b""))).partition(b"\0")[0].decode("ascii", "replace")

    def nested(self, kind: int) -> Attributes:
        return Attributes(self.bytes(kind, len(self._payloads.get(kind, b""))))


def _padded(length: int) -> int:
    return (length + 3) & ~3
