"""What conf.d's `pair` names, as it is on this host: interfaces, hooks, and what the daemon may do."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from lvsctl.daemon.examine import host
from lvsctl.decide.doctor.facts import Paired
from lvsctl.decide.doctor.pair_host import interfaces_of, programs_of
from lvsctl.errors import KernelError
from lvsctl.model import Interface, PairSpec

Look: TypeAlias = Callable[[str], Awaitable[Interface | None]]
"""An interface by its name, with its addresses. May raise KernelError."""


async def paired(root: Path, pair: PairSpec, look: Look, daemon: int) -> Paired:
    """daemon: its process id, 0 if it does not run or that is unknown."""
    interfaces = {}
    try:
        for name in interfaces_of(pair):
            interfaces[name] = await look(name)
    except KernelError:  # what IPVS says, over the same kind of socket, is told
        interfaces = {}
    programs = {program: _trouble(program) for program in programs_of(pair.hooks)}
    return Paired(interfaces, programs, _raw(root, daemon) if daemon else None)


def _trouble(program: str) -> str:
    """Why it cannot be run, "" if it can."""
    file = Path(program)
    try:
        if not file.exists():
            return "does not exist"
        if not file.is_file():
            return "is not a program"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    return "" if os.access(file, os.X_OK) else "is not executable"


def _raw(root: Path, daemon: int) -> bool | None:
    """Of another process of that number, where the daemon is in a container, nothing is told."""
    name = host.text_of(root / "proc" / str(daemon) / "comm").strip()
    return host.has(root, str(daemon), host.CAP_NET_RAW) if name == "lvsctl" else None
