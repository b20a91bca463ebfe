"""What the daemon exports, whatever happens in it, and what an expression names."""

from __future__ import annotations

import re
from pathlib import Path

from lvsctl.kernel.memory import MemoryIpvs
from tests.daemon.site import Site, conf, scrape, service

DEPLOY = Path(__file__).parents[2] / "deploy"

_PARTS = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}


async def names(folder: Path) -> set[str]:
    """The names of all series that a daemon may tell."""
    site = Site(MemoryIpvs(), folder)
    site.write(conf(service("shop", "127.0.0.11", address="192.0.2.20:80", check="none")))
    async with site.running() as daemon:
        found = re.findall(r"^# TYPE (\S+) (\S+)$", scrape(daemon), re.MULTILINE)
    return {name + part for name, kind in found for part in _PARTS[kind]}


def named(expression: str) -> set[str]:
    """The metrics of ours that a PromQL expression names."""
    return set(re.findall(r"\b(?:lvsctl|process)_[a-z_]+", re.sub(r'"[^"]*"', "", expression)))
