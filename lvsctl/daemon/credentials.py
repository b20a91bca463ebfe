"""Who is at the other end of a unix socket."""

from __future__ import annotations

import socket
import struct
from typing import Final, NamedTuple

_SHAPE: Final = struct.Struct("iII")  # struct ucred of unix(7)


class Credentials(NamedTuple):
    """Numbers of a process, its user and its group. pid: 0 for one of another pid namespace."""

    pid: int
    uid: int
    gid: int


def credentials(connection: socket.socket) -> Credentials:
    """As the kernel says (SO_PEERCRED): of who connected, or listened, whatever is said on the connection."""
    return Credentials(*_SHAPE.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _SHAPE.size)))
