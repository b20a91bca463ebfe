"""Which datagrams of protocol 112 the kernel hands over, by what their headers say: classic BPF programs.

Adverts share a socket's queue with whatever else comes, and a flood of forged ones that the queue has no room for
would push them out. So one socket hears what looks right for one of the virtual routers (`Wanted.ADVERTS`), and
another one what is addressed to one of them and does not look right (`Wanted.STRAYS`), to be counted. Datagrams of
other virtual routers reach neither. What is refused here `packet.Codec` would refuse as well; checksums, passwords
and seals are left to it.

Instructions: include/uapi/linux/{filter,bpf_common}.h. The program of a raw IPv4 socket sees the IP header first, that
of an IPv6 one the payload: the header is at NET then.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from lvsctl.model import Family, Instance
from lvsctl.pair.datagram import HOPS
from lvsctl.pair.packet import GROUPS, first_byte, fixed_size

MOST_PEERS: Final = 16
"""Of an instance. With more the source is left to `Codec`: jumps reach over 255 instructions at most."""

LOAD_BYTE: Final = 0x30
LOAD_WORD: Final = 0x20
LOAD_BYTE_AT_X: Final = 0x50
LOAD_LENGTH: Final = 0x80
HEADER_TO_X: Final = 0xB1  # X = the length of the IPv4 header at k
SET_X: Final = 0x01
SHIFT_LEFT: Final = 0x64
ADD: Final = 0x04
ADD_X: Final = 0x0C
COPY_TO_X: Final = 0x07
IF_EQUAL: Final = 0x15
IF_EQUAL_X: Final = 0x1D
IF_AT_LEAST: Final = 0x35
GO: Final = 0x05
RETURN: Final = 0x06
NET: Final = 0xFFF00000  # SKF_NET_OFF
WHOLE: Final = 0x40000  # how much of a datagram is handed over

_INSTRUCTION: Final = struct.Struct("=HBBI")
_NEXT: Final = ""
_WORD: Final = 4


class Wanted(Enum):
    """What a socket is for."""

    ADVERTS = True
    STRAYS = False


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
    right, wrong = (WHOLE, 0) if wanted is Wanted.ADVERTS else (0, WHOLE)
    parts = [_assembled((*_instance(instance), "right", _Line(RETURN, right), "wrong", _Line(RETURN, wrong), "other"))
             for instance in instances]  # fmt: skip
    return b"".join([*parts, _assembled((_Line(RETURN, 0),))])


def _assembled(lines: Sequence[_Line | str]) -> bytes:
    labels: dict[str, int] = {}
    instructions: list[_Line] = []
    for line in lines:
        if isinstance(line, str):
            labels[line] = len(instructions)
        else:
            instructions.append(line)
    labels_of = [(labels.get(line.yes, at + 1) - at - 1, labels.get(line.no, at + 1) - at - 1)
                 for at, line in enumerate(instructions)]  # fmt: skip
    return b"".join(
        _INSTRUCTION.pack(line.code, 0, 0, yes) if line.code == GO else _INSTRUCTION.pack(line.code, yes, no, line.k)
        for line, (yes, no) in zip(instructions, labels_of, strict=True)
    )


def _instance(me: Instance) -> _Lines:
    """What becomes of a datagram with this instance's VRID. X is where the payload begins."""
    four = me.family is Family.INET
    hops, source, destination = (8, 12, 16) if four else (NET + 7, NET + 8, NET + 24)
    yield _Line(HEADER_TO_X) if four else _Line(SET_X, 0)
    yield _Line(LOAD_BYTE_AT_X, 1)
    yield _Line(IF_EQUAL, me.vrid, no="other")
    yield _Line(LOAD_BYTE, hops)
    yield _Line(IF_AT_LEAST, me.least_hops if me.peers else HOPS, no="wrong")
    yield _Line(LOAD_BYTE_AT_X, 0)
    yield _Line(IF_EQUAL, first_byte(me), no="wrong")
    yield from _address(destination, (me.source if me.peers else GROUPS[me.family]).packed, no="wrong")
    yield from _address(source, me.source.packed, no="another", then="wrong")
    yield "another"
    if 0 < len(me.peers) <= MOST_PEERS:
        yield from _peers(me, source)
    yield from _length(me)


def _address(at: int, address: bytes, *, no: str, then: str = _NEXT) -> _Lines:
    words = [address[start : start + _WORD] for start in range(0, len(address), _WORD)]
    for number, word in enumerate(words):
        yield _Line(LOAD_WORD, at + number * _WORD)
        yield _Line(IF_EQUAL, int.from_bytes(word), yes=then if number == len(words) - 1 else _NEXT, no=no)


def _peers(me: Instance, source: int) -> _Lines:
    for number, peer in enumerate(me.peers):
        yield from _address(source, peer.packed, no=f"not {number}", then="known")
        yield f"not {number}"
    yield _Line(GO, yes="wrong")
    yield "known"


def _length(me: Instance) -> _Lines:
    """As long as its count of addresses says."""
    yield _Line(LOAD_BYTE_AT_X, 3)
    yield _Line(SHIFT_LEFT, 2 if me.family is Family.INET else 4)
    yield _Line(ADD, fixed_size(me))
    yield _Line(ADD_X)
    yield _Line(COPY_TO_X)
    yield _Line(LOAD_LENGTH)
    yield _Line(IF_EQUAL_X, no="wrong")
