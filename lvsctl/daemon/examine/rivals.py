"""Other programs of this network namespace that write the IPVS table, found among the processes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lvsctl.daemon.examine import keepalived, kubernetes
from lvsctl.daemon.examine.host import text_of
from lvsctl.decide.doctor.facts import Rival

KNOWN = frozenset(
    {"keepalived", "kube-proxy", "kube-router", "ldirectord", "nanny", "seesaw_ncc", "gorb", "merlin", "surealived"}
)
INTERPRETERS = re.compile(r"perl|python|ruby|sh$|bash$|dash$")


def rivals(root: Path) -> tuple[Rival, ...]:
    """A program and its children, which differ in nothing but the pid, are one writer: the first of them."""
    found: dict[Rival, Rival] = {}
    for process in sorted(_processes(root), key=lambda process: int(process.name)):
        name = _name(process)
        here = _is_here(root, process) if name in KNOWN else False
        if here is not False:
            rival = _rival(name, process) if here else Rival(name, int(process.name), None)
            found.setdefault(replace(rival, pid=0), rival)
    return tuple(found.values())


def _processes(root: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (entry for entry in (root / "proc").iterdir() if entry.name.isdecimal())


def _name(process: Path) -> str:
    """The program's; that of the script where an interpreter runs one (ldirectord is Perl)."""
    name = text_of(process / "comm").strip()
    if not INTERPRETERS.match(name):
        return name
    return next((Path(word).name for word in _arguments(process)[1:] if not word.startswith("-")), name)


def _arguments(process: Path) -> list[str]:
    return text_of(process / "cmdline").rstrip("\0").split("\0")


def _is_here(root: Path, process: Path) -> bool | None:
    """Whether it is in our network namespace; None if we may not know."""
    try:
        return (process / "ns/net").readlink() == (root / "proc/self/ns/net").readlink()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return False
    except OSError:
        return None


def _rival(name: str, process: Path) -> Rival:
    pid = int(process.name)
    match name:
        case "keepalived":
            return keepalived.rival(pid, _arguments(process), process / "root")
        case "kube-proxy":
            return kubernetes.kube_proxy(pid, _arguments(process), process / "root")
        case "kube-router":
            return kubernetes.kube_router(pid, _arguments(process))
    return Rival(name, pid, writes=True)
