"""What the service proxies of Kubernetes do to the IPVS table, by their arguments and their configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from lvsctl.daemon.examine.host import text_of
from lvsctl.decide.doctor.facts import Network, Rival

NO = frozenset({"false", "False", "FALSE", "f", "F", "0"})
MODE = re.compile(r"^[ \t]*mode:[ \t]*[\"']?(\w*)", re.MULTILINE)
EXCLUDED = re.compile(r"^[ \t]*excludeCIDRs:(.*(?:\n[ \t]*-.*)*)", re.MULTILINE)


def kube_proxy(pid: int, arguments: list[str], its_root: Path) -> Rival:
    """Only mode ipvs writes; a file given with --config decides before --proxy-mode, and the default is iptables."""
    config = _option(arguments, "config")
    text = text_of(its_root / config.lstrip("/")) if config else ""
    if config and not text:
        return Rival("kube-proxy", pid, writes=None)
    mode, excluded = _option(arguments, "proxy-mode"), _option(arguments, "ipvs-exclude-cidrs")
    if config:
        mode, excluded = _first(MODE, text), _first(EXCLUDED, text)
    return _sweeper("kube-proxy", pid, excluded, writes=mode == "ipvs")


def kube_router(pid: int, arguments: list[str]) -> Rival:
    """It may be there for routes and policies alone."""
    writes = _option(arguments, "run-service-proxy") not in NO
    return _sweeper("kube-router", pid, _option(arguments, "excluded-cidrs"), writes=writes)


def _sweeper(name: str, pid: int, excluded: str, *, writes: bool) -> Rival:
    """Both delete every service that is not theirs, again and again, unless its address is excluded."""
    return Rival(
        name, pid, writes=writes, sweeps=writes, spares=frozenset(_networks(excluded)) if writes else frozenset()
    )


def _option(arguments: list[str], name: str) -> str:
    """Of --name=value or --name value; the last one counts, "" for none."""
    value = ""
    for word, after in zip(arguments[1:], [*arguments[2:], ""], strict=False):
        if word == f"--{name}":
            value = after
        elif word.startswith(f"--{name}="):
            value = word.partition("=")[2]
    return value


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _networks(text: str) -> Iterator[Network]:
    """Of `10.0.0.0/8,2001:db8::/32`, of a list in YAML, or of nothing."""
    for word in re.split(r"[\s,\[\]\"']+", text):
        try:
            yield ip_network(word, strict=False)
        except ValueError:
            continue
