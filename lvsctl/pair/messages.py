"""What the daemon and the process that speaks VRRP for it say to one another, and how that goes over their socket.

Each message is one pickled value behind its length in four bytes, network order. Both ends are lvsctl of one version,
and the socket has no name: nobody else can say anything on it.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lvsctl.model import Announcing, Instance
from lvsctl.pair.speaker import Report

_LENGTH: Final = struct.Struct("!I")


# --- to the speaker ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """The first message. numbers: where those of sealed adverts are written down, None where none are sealed."""

    instances: tuple[Instance, ...]
    announcing: Announcing
    numbers: Path | None


@dataclass(frozen=True, slots=True)
class Take:
    """See Speaker.take."""

    instances: tuple[Instance, ...]
    announcing: Announcing


@dataclass(frozen=True, slots=True)
class Priority:
    """See RoleProvider.set_priority."""

    instance: str
    priority: int


@dataclass(frozen=True, slots=True)
class Release:
    """See RoleProvider.release."""


@dataclass(frozen=True, slots=True)
class Alive:
    """The daemon has nothing to say, and does not stand still."""


# --- from the speaker, beside Transition and Trouble ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reports:
    """As things are now, by the name of the instance."""

    reports: Mapping[str, Report]


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be: the text of an LvsctlError."""

    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """It has handed over: nothing comes after this."""


def packed(message: object) -> bytes:
    """As it goes over the socket."""
    whole = pickle.dumps(message)
    return _LENGTH.pack(len(whole)) + whole


async def unpacked(reader: asyncio.StreamReader) -> object:
    """The next message; None when the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 - from nobody but our other half
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
