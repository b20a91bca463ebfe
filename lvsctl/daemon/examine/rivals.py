"""Other programs of this network namespace that write the IPVS table, found among the processes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from lvsctl.daemon.examine import keepalived
from lvsctl.daemon.examine.host import text_of
from lvsctl.decide.doctor.facts import Rival

KNOWN = frozenset(
    {"keepalived", "kube-proxy", "kube-router", "ldirectord", "nanny", "seesaw_ncc", "gorb", "merlin", "surealived"}
)
INTERPRETERS = re.compile(r"perl|python|ruby|sh$|bash$|dash$")
MODE = re.compile(r"^\s*mode:\s*[\"']?(\w*)", re.MULTILINE)


def rivals(root: Path) -> tuple[Rival, ...]:
    """One of each name: a program and its children are one writer."""
    found: dict[str, Rival] = {}
    for process in sorted(_processes(root), key=lambda process: int(process.name)):
        name = _name(process)
        if name not in KNOWN or name in found:
            continue
        here = _is_here(root, process)
        if here is None:
            found[name] = Rival(name, int(process.name), None)
        elif here:
            found[name] = _rival(name, process)
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
    except FileNotFoundError:  # it has ended
        return False
    except OSError:
        return None


def _rival(name: str, process: Path) -> Rival:
    pid = int(process.name)
    match name:
        case "keepalived":
            return keepalived.rival(pid, _arguments(process), process / "root")
        case "kube-proxy":
            return Rival(name, pid, writes=_kube_proxy_writes(_arguments(process), process / "root"))
    return Rival(name, pid, writes=True)


def _kube_proxy_writes(arguments: list[str], its_root: Path) -> bool:
    """Only in mode ipvs; a file given with --config decides before --proxy-mode, and the default is iptables."""
    options = dict(word.lstrip("-").partition("=")[::2] for word in arguments[1:])
    config = options.get("config", "")
    if config:
        mode = MODE.search(text_of(its_root / config.lstrip("/")))
        return mode is None or mode[1] == "ipvs"
    return options.get("proxy-mode", "") == "ipvs"
