"""Raw sockets for protocol 112 on one interface, for one family: adverts in and out.

SO_BINDTODEVICE ties them to the interface as it is now: one that was deleted and made again needs a new port.
CAP_NET_RAW suffices.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from lvsctl.errors import LvsctlError
from lvsctl.model import Family, Instance
from lvsctl.pair.datagram import HOPS, PROTOCOL, Datagram, from_ipv4
from lvsctl.pair.filter import INSTRUCTION_SIZE, Wanted, program
from lvsctl.pair.frame import INTERNETWORK_CONTROL, frame
from lvsctl.pair.packet import GROUPS
from lvsctl.pair.place import advert_mac

QUEUES: Final = {Wanted.EXPECTED: 131072, Wanted.REST: 32768}
"""Bytes of SO_RCVBUF. The kernel doubles them, and counts 512 for the smallest datagram at least."""

WAITING: Final = {wanted: size * 2 // 512 for wanted, size in QUEUES.items()}
"""The most datagrams that can wait in a queue: who has taken so many has taken all that was there when he began."""

LONGEST: Final = 4608  # bytes; no advert is longer: 255 IPv6 addresses, and a seal

_SO_ATTACH_FILTER: Final = 26
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("=9I")
_DROPS: Final = 8  # in SO_MEMINFO
_IP_PKTINFO: Final = 8
_FIRST: Final = 6  # SO_PRIORITY: the highest that needs no capability
_MEMBERSHIP4: Final = struct.Struct("=4s4si")
_PKTINFO4: Final = struct.Struct("=i4s4s")  # in_pktinfo
_PKTINFO6: Final = struct.Struct("=16si")
_ANCILLARY: Final = socket.CMSG_SPACE(_PKTINFO6.size) + socket.CMSG_SPACE(4)


class Port:
    """What instances of one family on one interface hear and say. index: of the interface; see `Interface`."""

    def __init__(self, interface: str, index: int, instances: Sequence[Instance]) -> None:
        """instances: with their sources. Raises LvsctlError with what to do."""
        self.index = index
        self.instances = tuple(instances)
        self._six = instances[0].family is Family.INET6
        self.queues = {Wanted.EXPECTED: self._open(interface, Wanted.EXPECTED)}
        self._frames: socket.socket | None = None
        try:
            self.queues[Wanted.REST] = self._open(interface, Wanted.REST)
            self._frames = self._open_frames()
        except OSError as error:
            self.close()
            raise LvsctlError(f"cannot speak VRRP on {interface}: {_sentence(interface, error)}") from error
        except BaseException:
            self.close()
            raise
        self._mouth = self.queues[Wanted.EXPECTED]
        self._member = _multicast(self.instances)

    def serve(self, instances: Sequence[Instance]) -> None:
        """From now on these, of the same family; what waits in the queues stays there.

        Raises LvsctlError; then it may be deaf to some, and is to be closed.
        """
        self.instances = tuple(instances)
        try:
            for wanted, queue in self.queues.items():
                _attach(queue, program(self.instances, wanted))
                if _multicast(self.instances) and not self._member:
                    queue.setsockopt(*self._membership())
            self._member |= _multicast(self.instances)
            self._frames = self._frames or self._open_frames()
        except OSError as error:
            raise LvsctlError(f"cannot speak VRRP for other virtual routers: {error.strerror}") from error

    def close(self) -> None:
        for queue in self.queues.values():
            queue.close()
        if self._frames is not None:
            self._frames.close()

    def lost(self, wanted: Wanted) -> int:
        """Datagrams for which this queue had no room, so far (modulo 2^32).

        Since Linux 6.2 (seen: 6.18) also those that came while it was full and that its program would have refused.
        """
        given = self.queues[wanted].getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(given)[_DROPS])

    def take(self, wanted: Wanted, most: int) -> Iterator[Datagram]:
        """What waits in this queue, as far as it is understood; at most so many are looked at."""
        queue = self.queues[wanted]
        for _ in range(most):
            try:
                datagram = self._six_from(queue) if self._six else from_ipv4(queue.recv(LONGEST))
            except OSError:  # BlockingIOError: that was all. Another: what had gone wrong before, told once.
                return
            if datagram is not None:
                yield datagram

    def send(self, datagram: Datagram, mac: bytes | None = None) -> int:
        """0, or the errno of what was not sent. mac: an instance's, from which it goes; None: the interface's."""
        try:
            if mac is not None and self._frames is not None:
                self._frames.send(frame(datagram, mac))
            elif self._six:
                info = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(datagram.source, self.index))
                where = (socket.inet_ntop(socket.AF_INET6, datagram.destination), 0, 0, self._scope(datagram))
                self._mouth.sendmsg((datagram.payload,), (info,), 0, where)
            else:
                four = (socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(self.index, datagram.source, bytes(4)))
                self._mouth.sendmsg((datagram.payload,), (four,), 0, (socket.inet_ntoa(datagram.destination), 0))
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def _scope(self, datagram: Datagram) -> int:
        first, second = datagram.destination[:2]
        return self.index if first == 0xFF or (first == 0xFE and second & 0xC0 == 0x80) else 0

    def _six_from(self, queue: socket.socket) -> Datagram | None:
        payload, ancillary, flags, sender = queue.recvmsg(LONGEST, _ANCILLARY)
        given = {kind: data for level, kind, data in ancillary if level == socket.IPPROTO_IPV6}
        if flags & socket.MSG_TRUNC or not {socket.IPV6_PKTINFO, socket.IPV6_HOPLIMIT} <= given.keys():
            return None
        destination, _ = _PKTINFO6.unpack(given[socket.IPV6_PKTINFO])
        hops = int.from_bytes(given[socket.IPV6_HOPLIMIT], sys.byteorder)
        return Datagram(payload, socket.inet_pton(socket.AF_INET6, sender[0].partition("%")[0]), destination, hops)

    def _open(self, interface: str, wanted: Wanted) -> socket.socket:
        made = None
        try:
            kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
            made = socket.socket(socket.AF_INET6 if self._six else socket.AF_INET, kind, PROTOCOL)
            made.setblocking(False)
            _attach(made, program(self.instances, wanted))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
            _forget(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUES[wanted])
            for level, option, value in self._options():
                made.setsockopt(level, option, value)
        except OSError as error:
            if made is not None:
                made.close()
            raise LvsctlError(f"cannot speak VRRP on {interface}: {_sentence(interface, error)}") from error
        return made

    def _open_frames(self) -> socket.socket | None:
        """For what goes out from virtual MACs; it takes nothing in. None: there is nothing. Raises OSError."""
        if not any(advert_mac(instance) for instance in self.instances):
            return None
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            made.setblocking(False)
            made.bind((socket.if_indextoname(self.index), 0))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _FIRST)
        except BaseException:
            made.close()
            raise
        return made

    def _options(self) -> Iterator[tuple[int, int, int | bytes]]:
        if self._six:
            level = socket.IPPROTO_IPV6
            yield level, socket.IPV6_UNICAST_HOPS, HOPS
            yield level, socket.IPV6_MULTICAST_HOPS, HOPS
            yield level, socket.IPV6_MULTICAST_LOOP, 0
            yield level, socket.IPV6_TCLASS, INTERNETWORK_CONTROL
            yield level, socket.IPV6_RECVPKTINFO, 1
            yield level, socket.IPV6_RECVHOPLIMIT, 1
        else:
            level = socket.IPPROTO_IP
            yield level, socket.IP_TTL, HOPS
            yield level, socket.IP_MULTICAST_TTL, HOPS
            yield level, socket.IP_MULTICAST_LOOP, 0
            yield level, socket.IP_TOS, INTERNETWORK_CONTROL
        if _multicast(self.instances):
            yield self._membership()
        yield socket.SOL_SOCKET, socket.SO_PRIORITY, _FIRST  # IP_TOS has changed it

    def _membership(self) -> tuple[int, int, bytes]:
        if self._six:
            group = GROUPS[Family.INET6].packed
            return socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, _PKTINFO6.pack(group, self.index)
        group = GROUPS[Family.INET].packed
        return socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _MEMBERSHIP4.pack(group, bytes(4), self.index)


def _multicast(instances: Sequence[Instance]) -> bool:
    return not all(instance.peers for instance in instances)


def _attach(made: socket.socket, instructions: bytes) -> None:
    """struct sock_fprog: how many, and where they are."""
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    made.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HP", len(instructions) // INSTRUCTION_SIZE, ctypes.addressof(buffer)),
    )


def _forget(made: socket.socket) -> None:
    """What came from elsewhere before the socket was tied to its interface."""
    with suppress(BlockingIOError):
        for _ in range(WAITING[Wanted.EXPECTED]):
            made.recv(1)


def _sentence(interface: str, error: OSError) -> str:
    match error.errno:
        case errno.EPERM:
            return "not permitted: give lvsctl CAP_NET_RAW in this network namespace"
        case errno.ENODEV | errno.ENXIO:
            return f"there is no interface {interface}"
        case errno.EAFNOSUPPORT | errno.EPROTONOSUPPORT:
            return "the kernel does not speak this address family here"
    return error.strerror or str(error)
