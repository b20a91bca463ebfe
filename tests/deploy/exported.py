"""What the daemon exports, whatever happens in it, and what the dashboard and an expression ask for."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.model import PairSpec, Peer, Provider, Secret, Syncing
from tests.daemon.site import Site, conf, scrape, service

DEPLOY = Path(__file__).parents[2] / "deploy"

_PARTS = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}


async def names(folder: Path) -> set[str]:
    """The names of all series that a daemon may tell."""
    site = Site(MemoryIpvs(), folder)
    site.write(conf(service("shop", "127.0.0.11", address="192.0.2.20:80", check="none")))
    here, there = ip_address("127.0.0.1"), ip_address("127.0.0.2")
    other = Peer(there, 1, here, 0, (Secret("0123456789abcdef"),))  # nobody is there, and that is exported, too
    async with site.running(pair=PairSpec(Provider.MANUAL, sync=Syncing("lo"), peer=other)) as daemon:
        while (view := daemon.pairing.view()) is None or view.sync is None:
            await asyncio.sleep(0.01)
        found = re.findall(r"^# TYPE (\S+) (\S+)$", scrape(daemon), re.MULTILINE)
    return {name + part for name, kind in found for part in _PARTS[kind]}


def named(expression: str) -> set[str]:
    """The metrics of ours that a PromQL expression names."""
    return set(re.findall(r"\b(?:lvsctl|process)_[a-z_]+", re.sub(r'"[^"]*"', "", expression)))


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana" / "lvsctl.json").read_text())
    return found


def queries(node: Any) -> Iterator[str]:
    """Every expression in a part of the dashboard, and every query of a variable."""
    if isinstance(node, dict):
        yield from (node[key] for key in ("expr", "definition") if isinstance(node.get(key), str))
        yield from (query for value in node.values() for query in queries(value))
    elif isinstance(node, list):
        yield from (query for value in node for query in queries(value))


def expressions() -> Iterator[str]:
    """What Grafana asks Prometheus, with everything chosen."""
    for query in queries(dashboard()):
        if not query.startswith("label_values("):
            yield re.sub(r"\$[a-z]+", ".*", re.sub(r"\$__[a-z_]+", "5m", query))
