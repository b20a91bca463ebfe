"""What a kernel that watches over its memory says: of hprio nothing, of a mutant that keeps deleted servers a lot."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from lvsctl.kernel.netlink import NetlinkIpvs
from tests.kernel.kernel_log import KernelLog
from tests.kernel.shop import Shop
from tests.lab.mutant import PLACE

pytestmark = [pytest.mark.kernel, pytest.mark.kernels("debug"), pytest.mark.timeout(0)]

FORGOTTEN = 1000  # seconds: connections have ended, and what was deleted has left the kernel's trash


async def with_a_deleted_server(shop: Shop) -> None:
    """Three servers have had a connection each, and the one in the middle was deleted long ago."""
    await shop.open()
    await shop.add("abc")
    assert await shop.call(3) == "abc"
    await shop.delete("b")
    await asyncio.sleep(FORGOTTEN)


async def put_in_place_of_hprio(module: Path) -> None:
    """The network namespace of the test before may still be about to go, and its service with it."""
    for _ in range(100):
        if not subprocess.run(["rmmod", "ip_vs_hprio"], check=False).returncode:
            break
        await asyncio.sleep(0.1)
    subprocess.run(["insmod", module], check=True)


async def test_a_deleted_server_is_forgotten(shop: Shop) -> None:
    await with_a_deleted_server(shop)
    assert await shop.call(4) == "acac"


async def test_one_that_is_kept_is_used_after_it_was_freed(netns: None, kernel_log: KernelLog) -> None:
    """The last test of this kernel, which is none the better for it."""
    await put_in_place_of_hprio(PLACE / "ip_vs_hprio.ko")
    ipvs = NetlinkIpvs()
    shop = Shop(ipvs)
    await with_a_deleted_server(shop)
    assert kernel_log.alarms() == []
    shop.rush(3)
    assert [line for line in kernel_log.alarms() if "KASAN: slab-use-after-free in hprio_schedule" in line]
    subprocess.run(["dmesg", "--clear"], check=True)  # the lab holds what is left against the kernel
    shop.leave()
    await ipvs.close()
