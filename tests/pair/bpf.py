"""Classic BPF run by hand: for IPv6, whose header only a packet of the real kernel has where a program looks for it.

Beside the kernel, on the same IPv4 packets, in test_filter.
"""

from __future__ import annotations

import struct

from lvsctl.pair.filter import NET

INSTRUCTION = struct.Struct("=HBBI")


class Short(Exception):
    """A load from behind the end: nothing of the packet is handed over."""


def run(program: bytes, data: bytes, header: bytes = b"") -> int:
    """What the program returns. data: what it sees; header: what is at NET."""
    instructions = list(INSTRUCTION.iter_unpack(program))
    a = x = at = 0

    def load(where: int, size: int) -> int:
        held, where = (header, where - NET) if where >= NET else (data, where)
        if where + size > len(held):
            raise Short
        return int.from_bytes(held[where : where + size])

    try:
        while True:
            code, yes, no, k = instructions[at]
            at += 1
            match code:
                case 0x30 | 0x28 | 0x20:
                    a = load(k, {0x30: 1, 0x28: 2, 0x20: 4}[code])
                case 0x50:
                    a = load(x + k, 1)
                case 0x80:
                    a = len(data)
                case 0xB1:
                    x = (load(k, 1) & 15) * 4
                case 0x01:
                    x = k
                case 0x04:
                    a = (a + k) % 2**32
                case 0x0C:
                    a = (a + x) % 2**32
                case 0x94:
                    a %= k
                case 0x07:
                    x = a
                case 0x15:
                    at += yes if a == k else no
                case 0x35:
                    at += yes if a >= k else no
                case 0x05:
                    at += k
                case 0x06:
                    return k
                case _:
                    raise AssertionError(f"instruction {code:#x}")
    except Short:
        return 0
