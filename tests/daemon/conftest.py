"""The daemon's tests run twice: over the kernel remembered, and (in the lab) over the real one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lvsctl.daemon import between
from lvsctl.daemon.clock import Clock
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.kernel.netlink import NetlinkIpvs
from tests.daemon.site import Jump, Servers, Site


@pytest.fixture(params=["memory", pytest.param("kernel", marks=pytest.mark.kernel)])
async def ipvs(request: pytest.FixtureRequest) -> AsyncIterator[Ipvs]:
    if request.param == "memory":
        yield MemoryIpvs(schedulers=("rr", "wrr", "wlc", "fo"))
        return
    request.getfixturevalue("netns")
    kernel = NetlinkIpvs()
    yield kernel
    await kernel.close()


@pytest.fixture
async def servers(ipvs: Ipvs) -> AsyncIterator[Servers]:
    """After `ipvs`, because on the kernel that brings the network namespace to listen in."""
    made = Servers()
    yield made
    await made.close()


@pytest.fixture
def site(ipvs: Ipvs, tmp_path: Path) -> Site:
    return Site(ipvs, tmp_path)


@pytest.fixture
async def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Lets seconds pass at once, for the daemon and for all that waits on its loop; the kernel's time goes its way.

    The time of day goes on by as much for daemons that are made after this. A round in which it happened took as long;
    nobody rests from that.
    """
    loop, ahead = asyncio.get_running_loop(), 0.0
    real, rest = loop.time, between._rest

    def jump(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    loop.time = lambda: real() + ahead  # type: ignore[method-assign]
    monkeypatch.setattr(between, "_rest", lambda daemon, seconds: rest(daemon, min(seconds, 1.0)))
    monkeypatch.setattr(Clock.__init__, "__defaults__", (lambda: time.time() + ahead,))
    return jump
