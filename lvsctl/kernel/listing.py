"""Readers of listings: what GET_SERVICE and GET_DEST dump -> keys, attributes, counters.

The table is read every round and hardly changes between two, so `ServerMemory` keeps what the bytes of a server meant:
the next time they are looked up instead of parsed. What is returned for bytes seen before are the objects of before,
down to the same `Entry` for a service in which nothing changed, so comparing two rounds is cheap as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container
from struct import Struct
from typing import Final, Generic, TypeAlias, TypeVar

from lvsctl.errors import KernelError
from lvsctl.kernel import decode, wire
from lvsctl.kernel.numbers import Dest, Top
from lvsctl.kernel.wire import Attributes
from lvsctl.model import Entry, RealAttrs, RealKey, ServiceAttrs, ServiceKey

Row: TypeAlias = tuple[RealKey, RealAttrs]
T = TypeVar("T")


class ListReader(Generic[T]):
    """Collects in `found` what `decode` makes of each message, in the kernel's order, whatever the layout."""

    def __init__(self, decode: Callable[[bytes], T | None]) -> None:
        self.found: list[T] = []
        self._decode = decode

    def bulk(self, datagram: memoryview) -> bool:
        """See `genl.Reader`: always message by message."""
        return False

    def one(self, attributes: bytes) -> None:
        """See `genl.Reader`."""
        item = self._decode(attributes)
        if item is not None:
            self.found.append(item)


# The layout in which Linux has dumped a server since 5.3 (which brought tunnel types). What it is (KEY: ADDRESS and
# PORT; ATTRS: FORWARD to LOWER; FAMILY, behind the counts) is kept as bytes; the headers of everything else are
# compared, but for the statistics at the end. Whatever looks different is parsed message by message instead.
_HEAD: Final = "12s 8x 4s"  # length, type, flags, sequence; port, generic header; header of DEST
_KEY: Final = "28s"
_ATTRS: Final = "56s"
_COUNTS: Final = "4s 4x 4s 4x 4s 4x"  # ACTIVE, INACTIVE, PERSISTENT: headers only
_FAMILY: Final = "8s"
_LAYOUT: Final = f"={_HEAD}{_KEY}{_ATTRS}{_COUNTS}{_FAMILY}"
_FIXED: Final = Struct(_LAYOUT).size
_ACTIVE, _INACTIVE, _PERSISTENT = (
    wire.ATTRIBUTE.pack(8, kind) for kind in (Dest.ACTIVE, Dest.INACTIVE, Dest.PERSISTENT)
)


class ServerMemory:
    """What the bytes of earlier readings meant."""

    def __init__(self) -> None:
        self.keys: dict[bytes, RealKey] = {}
        self.attrs: dict[bytes, RealAttrs] = {}
        self.layouts: dict[int, Struct] = {}  # by length of a message
        self._entries: dict[ServiceKey, tuple[list[Row], Entry]] = {}

    def learn(self, key_bytes: bytes, attrs_bytes: bytes) -> Row | None:
        """Parse the attributes of a server that was not seen before; None where they are not those expected."""
        try:
            key = self.keys.get(key_bytes) or decode.key_block(key_bytes)
            attrs = self.attrs.get(attrs_bytes) or decode.real_attrs(Attributes(attrs_bytes))
        except KernelError:
            return None
        if key is None or attrs is None:
            return None
        self.keys[key_bytes], self.attrs[attrs_bytes] = key, attrs
        return key, attrs

    def entry(self, service: ServiceKey, attrs: ServiceAttrs, rows: list[Row]) -> Entry:
        """The service with its servers in the order in which they were added; the last reading's if it is equal."""
        before = self._entries.get(service)
        if before is not None and before[0] == rows and before[1].attrs == attrs:
            return before[1]
        entry = Entry(attrs, dict(reversed(rows)))
        self._entries[service] = (rows, entry)
        return entry

    def forget(self, *, but: Container[ServiceKey]) -> None:
        """Drop all services `but` these, and all bytes once those that nobody sends any more outnumber the rest."""
        self._entries = {service: kept for service, kept in self._entries.items() if service in but}
        servers = sum(len(rows) for rows, _ in self._entries.values())
        if max(len(self.keys), len(self.attrs)) > 2 * servers:
            self.keys.clear()
            self.attrs.clear()


class ServerReader:
    """Collects in `rows` the servers of one service, in the kernel's order: last added first."""

    def __init__(self, memory: ServerMemory) -> None:
        self.rows: list[Row] = []
        self._memory = memory

    def bulk(self, datagram: memoryview) -> bool:
        """See `genl.Reader`."""
        first = bytes(datagram[:12])
        length = int.from_bytes(first[:4], sys.byteorder)
        if length < _FIXED or len(datagram) % length:
            return False
        dest = wire.ATTRIBUTE.pack(length - wire.MESSAGE.size - wire.GENERIC.size, Top.DEST)
        headers = (first, dest, _ACTIVE, _INACTIVE, _PERSISTENT)
        keys, attrs, rows = self._memory.keys, self._memory.attrs, []
        for h0, h1, key, attr, h2, h3, h4, family in self._layout(length).iter_unpack(datagram):
            if (h0, h1, h2, h3, h4) != headers:
                return False
            try:
                rows.append((keys[key + family], attrs[attr]))
            except KeyError:
                row = self._memory.learn(key + family, attr)
                if row is None:
                    return False
                rows.append(row)
        self.rows += rows
        return True

    def one(self, attributes: bytes) -> None:
        """See `genl.Reader`."""
        row = decode.server(attributes)
        if row is not None:
            self.rows.append(row)

    def _layout(self, length: int) -> Struct:
        layout = self._memory.layouts.get(length)
        if layout is None:
            layout = self._memory.layouts[length] = Struct(f"{_LAYOUT}{length - _FIXED}x")
        return layout
