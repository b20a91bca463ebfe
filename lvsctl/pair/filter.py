"""Which datagrams of protocol 112 the kernel hands over, by their bytes: classic BPF programs.

Adverts share a socket's queue with whatever else comes, and a flood of forged ones that the queue has no room for
would push them out: the director would believe that nobody is active. So one socket hears what is in every respect as
expected of a neighbour that is configured as we are (`Wanted.EXPECTED`), and another one whatever else is addressed to
one of the virtual routers (`Wanted.REST`): odd adverts, and what is to be counted. Datagrams of other virtual routers
reach neither. All that comes is judged by `packet.Codec`, so what is left out here (long adverts, many peers, seals)
costs nothing but that.

Instructions: include/uapi/linux/{filter,bpf_common}.h. The program of a raw IPv4 socket sees the IP header first, that
of an IPv6 one the payload: the header is at NET then. Checksums: RFC 1071, as the remainder of the sum by 2^16-1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from lvsctl.model import Family, Instance, VrrpVersion
from lvsctl.pair import seal
from lvsctl.pair.datagram import HOPS, PROTOCOL
from lvsctl.pair.packet import GROUPS, Codec
from lvsctl.pair.source import sender

MOST_PEERS: Final = 16
"""Of an instance. With more, any source is expected: jumps reach over 255 instructions at most."""

LONGEST_SUM: Final = 128
"""Bytes of an advert whose checksum is looked at."""

MOST_INSTRUCTIONS: Final = 1000
"""With checksums. What a socket may be given is limited (net.core.optmem_max, 20 KiB before Linux 6.7)."""

LOAD_BYTE: Final = 0x30
LOAD_HALF: Final = 0x28
LOAD_WORD: Final = 0x20
LOAD_BYTE_AT_X: Final = 0x50
LOAD_LENGTH: Final = 0x80
HEADER_TO_X: Final = 0xB1  # X = the length of the IPv4 header at k
SET_X: Final = 0x01
ADD: Final = 0x04
ADD_X: Final = 0x0C
REMAINDER: Final = 0x94
COPY_TO_X: Final = 0x07
IF_EQUAL: Final = 0x15
IF_AT_LEAST: Final = 0x35
GO: Final = 0x05
RETURN: Final = 0x06
NET: Final = 0xFFF00000  # SKF_NET_OFF
WHOLE: Final = 0x40000  # how much of a datagram is handed over

_INSTRUCTION: Final = struct.Struct("=HBBI")
INSTRUCTION_SIZE: Final = _INSTRUCTION.size
_NEXT: Final = ""
_WORD: Final = 4
_HALF: Final = 2
_MODULUS: Final = 0xFFFF
_PLAIN_HEADER: Final = 0x45  # of IPv4: no options
_PLAIN_HEADER_SIZE: Final = 20


class Wanted(Enum):
    """What a socket is for."""

    EXPECTED = True
    REST = False


@dataclass(frozen=True, slots=True)
class _Line:
    """One instruction. yes, no: of a comparison, the label to go on at."""

    code: int
    k: int = 0
    yes: str = _NEXT
    no: str = _NEXT


_Lines: TypeAlias = Iterator[_Line | str]
"""Instructions, and the labels of those that follow them."""


def program(instances: Sequence[Instance], wanted: Wanted) -> bytes:
    """struct sock_filter, one after the other. instances: of one family, each with another VRID."""
    whole = _program(instances, wanted, sums=True)
    return whole if len(whole) <= MOST_INSTRUCTIONS * INSTRUCTION_SIZE else _program(instances, wanted, sums=False)


def _program(instances: Sequence[Instance], wanted: Wanted, *, sums: bool) -> bytes:
    right, wrong = (WHOLE, 0) if wanted is Wanted.EXPECTED else (0, WHOLE)
    parts = [_assembled(tuple(_Judging(me).lines(right, wrong, sums=sums))) for me in instances]
    return b"".join([*parts, _assembled((_Line(RETURN, 0),))])


def _assembled(lines: Sequence[_Line | str]) -> bytes:
    labels: dict[str, int] = {}
    instructions: list[_Line] = []
    for line in lines:
        if isinstance(line, str):
            labels[line] = len(instructions)
        else:
            instructions.append(line)
    assembled = bytearray()
    for at, line in enumerate(instructions, 1):
        yes, no = labels.get(line.yes, at) - at, labels.get(line.no, at) - at
        words = (GO, 0, 0, yes) if line.code == GO else (line.code, yes, no, line.k)
        assembled += _INSTRUCTION.pack(*words)
    return bytes(assembled)


class _Judging:
    """What becomes of a datagram with the VRID of one instance."""

    def __init__(self, me: Instance) -> None:
        self._me = me
        self._four = me.family is Family.INET
        self._own = sender(me).packed
        self._heard_at = self._own if me.peers else GROUPS[me.family].packed
        self._payload = _PLAIN_HEADER_SIZE if self._four else 0
        self._hops, self._source, self._destination = (8, 12, 16) if self._four else (NET + 7, NET + 8, NET + 24)
        self._expected = Codec(me).encode(0)[0]
        self._size = len(self._expected.payload) - (seal.SIZE if me.keys else 0)  # of what is summed up

    def lines(self, right: int, wrong: int, *, sums: bool) -> _Lines:
        yield _Line(HEADER_TO_X) if self._four else _Line(SET_X, 0)
        yield _Line(LOAD_BYTE_AT_X, 1)
        yield _Line(IF_EQUAL, self._me.vrid, yes="ours")
        yield _Line(GO, yes="other")
        yield "ours"
        yield from self._header()
        yield from self._password()
        yield from self._peers()
        yield _Line(GO, yes="sum")
        yield "wrong"
        yield _Line(RETURN, wrong)
        yield "sum"
        if sums and self._size <= LONGEST_SUM:
            yield from self._sum()
        yield "right"
        yield _Line(RETURN, right)
        yield "not right"
        yield _Line(RETURN, wrong)
        yield "other"

    def _header(self) -> _Lines:
        """As `Codec` looks at it; the number of addresses is ours."""
        me, expected = self._me, self._expected.payload
        if self._four:
            yield from _byte(0, _PLAIN_HEADER)
        yield _Line(LOAD_LENGTH)
        yield _Line(IF_EQUAL, self._payload + len(expected), no="wrong")
        yield _Line(LOAD_BYTE, self._hops)
        yield _Line(IF_AT_LEAST, me.least_hops if me.peers else HOPS, no="wrong")
        yield from _byte(self._payload, expected[0])
        yield from _byte(self._payload + 3, expected[3])
        yield from _bytes(self._destination, self._heard_at, no="wrong")
        yield from _bytes(self._source, self._own, no="another", then="wrong")
        yield "another"

    def _password(self) -> _Lines:
        """In version 2, of which it is the end."""
        if self._me.version is VrrpVersion.V2:
            yield from _byte(self._payload + 4, self._expected.payload[4])
            if self._me.password is not None:
                at = self._size - 2 * _WORD
                yield from _bytes(self._payload + at, self._expected.payload[at : self._size], no="wrong")

    def _peers(self) -> _Lines:
        if 0 < len(self._me.peers) <= MOST_PEERS:
            for number, peer in enumerate(self._me.peers):
                yield from _bytes(self._source, peer.packed, no=f"not {number}", then="known")
                yield f"not {number}"
            yield _Line(GO, yes="wrong")
            yield "known"

    def _sum(self) -> _Lines:
        """Over the message, or over its pseudo header as well (see `packet`); X is the sum so far."""
        me = self._me
        yield _Line(SET_X, 0)
        yield from _added(self._payload, self._size)
        if self._four:
            yield _Line(REMAINDER, _MODULUS)
            yield _Line(IF_EQUAL, 0, yes="right", no=_NEXT if me.version is VrrpVersion.V3 else "not right")
        if me.version is VrrpVersion.V3:
            yield from _added(self._source, len(self._own))
            yield _Line(ADD, int.from_bytes(self._heard_at) % _MODULUS + self._size + PROTOCOL)
            yield _Line(REMAINDER, _MODULUS)
            yield _Line(IF_EQUAL, 0, no="not right")


def _byte(at: int, value: int) -> _Lines:
    yield _Line(LOAD_BYTE, at)
    yield _Line(IF_EQUAL, value, no="wrong")


def _bytes(at: int, value: bytes, *, no: str, then: str = _NEXT) -> _Lines:
    starts = range(0, len(value), _WORD)
    for start in starts:
        yield _Line(LOAD_WORD, at + start)
        word = int.from_bytes(value[start : start + _WORD])
        yield _Line(IF_EQUAL, word, yes=then if start == starts[-1] else _NEXT, no=no)


def _added(at: int, size: int) -> _Lines:
    """An even number of bytes to X; A is the same at the end."""
    for start in range(0, size, _HALF):
        yield _Line(LOAD_HALF, at + start)
        yield _Line(ADD_X)
        yield _Line(COPY_TO_X)
