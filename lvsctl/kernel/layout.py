"""Where the parts of a dumped server are, in the layout that Linux has had since 5.3 (which brought tunnel types).

What a server is (KEY: ADDRESS and PORT; ATTRS: FORWARD to LOWER; FAMILY, behind the counts) is taken as bytes. The
headers of all else that is taken are taken with it, to be compared with those expected; the rest is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from typing import Final

from lvsctl.errors import KernelError
from lvsctl.kernel import wire
from lvsctl.kernel.numbers import Dest, Stat, Top

_HEAD: Final = "12s 8x 4s"  # length, type, flags, sequence; port, generic header; header of DEST
_HEAD_SIZE: Final = wire.MESSAGE.size + wire.GENERIC.size + wire.ATTRIBUTE.size
_KEY: Final = "28s"
_ATTRS: Final = "56s"
_FAMILY: Final = "8s"
_TABLE: Final = f"={_HEAD} {_KEY} {_ATTRS} 4s4x 4s4x 4s4x {_FAMILY}"  # ACTIVE, INACTIVE, PERSISTENT: headers only
_COUNTED: Final = f"={_HEAD} {_KEY} {_ATTRS} 4sI 4sI 4sI {_FAMILY}"
FIXED: Final = Struct(_TABLE).size
"""Bytes of all but the statistics at the end."""

_COUNTS: Final = tuple(wire.ATTRIBUTE.pack(8, kind) for kind in (Dest.ACTIVE, Dest.INACTIVE, Dest.PERSISTENT))
_WIDE: Final = (Stat.CONNECTIONS, Stat.PACKETS_IN, Stat.PACKETS_OUT, Stat.BYTES_IN, Stat.BYTES_OUT)


@dataclass(frozen=True, slots=True)
class Layout:
    """struct: of one message. headers: what it must have where `struct` takes headers, all but the first 12 bytes."""

    struct: Struct
    headers: tuple[bytes, ...]


def table_layout(length: int) -> Layout:
    """Of messages of `length` bytes (at least FIXED), statistics skipped."""
    return Layout(Struct(f"{_TABLE}{length - FIXED}x"), (_dest_header(length), *_COUNTS))


def counted_layout(message: bytes) -> Layout | None:
    """Of messages like this one, with the 64-bit counters at its end; None where they are not to be found.

    They have a place of their own only by the kernel's architecture: some pad every one of them, some none.
    """
    try:
        dest = wire.spans(message, _HEAD_SIZE)
        wide = wire.spans(message, *dest[Dest.STATS64])
        places = [wide[kind] for kind in _WIDE]
    except (KernelError, KeyError):
        return None
    start = dest[Dest.STATS64][0] - wire.ATTRIBUTE.size
    edges = [start, *(edge for place in places for edge in place)]
    if start < FIXED or any(end - begin != 8 for begin, end in places) or edges != sorted(edges):
        return None
    headers = [message[before:behind] for before, behind in list(pairwise(edges))[::2]]
    parts = " ".join(f"{len(header)}s Q" for header in headers)
    struct = Struct(f"{_COUNTED} {start - FIXED}x {parts} {len(message) - edges[-1]}x")
    return Layout(struct, (_dest_header(len(message)), *_COUNTS, *headers))


def _dest_header(length: int) -> bytes:
    return wire.ATTRIBUTE.pack(length - _HEAD_SIZE + wire.ATTRIBUTE.size, Top.DEST)
