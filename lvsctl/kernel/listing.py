"""Readers of listings: what GET_SERVICE and GET_DEST dump -> keys, attributes, counters.

The table is read every round and hardly changes between two, so `ServerMemory` keeps what the bytes of a server meant:
the next time they are looked up instead of parsed. What is returned for bytes seen before are the objects of before,
down to the same `Entry` for a service in which nothing changed, so comparing two rounds is cheap as well. Counters
change all the time, and are numbers at known places. Whatever looks different is parsed message by message.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container
from typing import Generic, TypeAlias, TypeVar

from lvsctl.errors import KernelError
from lvsctl.kernel import decode
from lvsctl.kernel.layout import FIXED, Layout, counted_layout, table_layout
from lvsctl.kernel.wire import Attributes
from lvsctl.model import Entry, RealAttrs, RealCounters, RealKey, ServiceAttrs, ServiceKey, Traffic

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


class ServerMemory:
    """What the bytes of earlier readings meant."""

    def __init__(self) -> None:
        self.keys: dict[bytes, RealKey] = {}
        self.attrs: dict[bytes, RealAttrs] = {}
        self._layouts: dict[int, Layout] = {}  # by length of a message
        self._counted: dict[int, Layout] = {}
        self._entries: dict[ServiceKey, tuple[list[Row], Entry]] = {}

    def _learn(self, key_bytes: bytes, attrs_bytes: bytes) -> Row | None:
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

    def row(self, key_bytes: bytes, attrs_bytes: bytes) -> Row | None:
        """What these bytes meant; None where they are not those expected."""
        try:
            return self.keys[key_bytes], self.attrs[attrs_bytes]
        except KeyError:
            return self._learn(key_bytes, attrs_bytes)

    def layout(self, length: int) -> Layout:
        """Of messages of this length, without their counters."""
        layout = self._layouts.get(length)
        if layout is None:
            layout = self._layouts[length] = table_layout(length)
        return layout

    def counted(self, message: memoryview) -> Layout | None:
        """Of messages like this one, with their counters."""
        layout = self._counted.get(len(message))
        if layout is None and (layout := counted_layout(bytes(message))) is not None:
            self._counted[len(message)] = layout
        return layout

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
        length = _message_length(datagram)
        if not length:
            return False
        layout = self._memory.layout(length)
        headers, row_of, rows = (bytes(datagram[:12]), *layout.headers), self._memory.row, []
        for h0, h1, key, attr, h2, h3, h4, family in layout.struct.iter_unpack(datagram):
            if (h0, h1, h2, h3, h4) != headers or (row := row_of(key + family, attr)) is None:
                return False
            rows.append(row)
        self.rows += rows
        return True

    def one(self, attributes: bytes) -> None:
        """See `genl.Reader`."""
        row = decode.server(attributes)
        if row is not None:
            self.rows.append(row)


class CountingReader:
    """As ServerReader; `counts` has what is counted of each server, in the same order."""

    def __init__(self, memory: ServerMemory) -> None:
        self.rows: list[Row] = []
        self.counts: list[tuple[RealKey, RealCounters]] = []
        self._memory = memory

    def bulk(self, datagram: memoryview) -> bool:
        """See `genl.Reader`."""
        length = _message_length(datagram)
        layout = self._memory.counted(datagram[:length]) if length else None
        if layout is None:
            return False
        headers, row_of, rows, counts = (bytes(datagram[:12]), *layout.headers), self._memory.row, [], []
        for parts in layout.struct.iter_unpack(datagram):
            # fmt: off
            (h0, h1, key, attr, h2, active, h3, inactive, h4, persistent, family,
             h5, connections, h6, packets_in, h7, packets_out, h8, bytes_in, h9, bytes_out) = parts
            # fmt: on
            if (h0, h1, h2, h3, h4, h5, h6, h7, h8, h9) != headers or (row := row_of(key + family, attr)) is None:
                return False
            rows.append(row)
            traffic = Traffic(connections, packets_in, packets_out, bytes_in, bytes_out)
            counts.append((row[0], RealCounters(active, inactive, persistent, traffic)))
        self.rows += rows
        self.counts += counts
        return True

    def one(self, attributes: bytes) -> None:
        """See `genl.Reader`."""
        found = decode.counted_server(attributes)
        if found is not None:
            key, attrs, counters = found
            self.rows.append((key, attrs))
            self.counts.append((key, counters))


def _message_length(datagram: memoryview) -> int:
    """Of the first message; 0 where not all can be as long, or it is too short to be a server's."""
    length = int.from_bytes(datagram[:4], sys.byteorder)
    return length if length >= FIXED and len(datagram) % length == 0 else 0
