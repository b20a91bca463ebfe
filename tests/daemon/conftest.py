"""The daemon's tests run twice: over the kernel remembered, and (in the lab) over the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lvsctl.kernel.ipvs import Ipvs
from lvsctl.kernel.memory import MemoryIpvs
from lvsctl.kernel.netlink import NetlinkIpvs
from tests.daemon.site import Servers, Site


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
