"""What tests of the kernel room share: a kernel that answers by a script, a shop on the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias

import pytest

from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import Family, Protocol
from tests.kernel.cable import Cable
from tests.kernel.kernel_log import KernelLog
from tests.kernel.scripted import Answer, ScriptedKernel
from tests.kernel.shop import PORT, Shop, furnish

Shops: TypeAlias = Callable[..., Shop]


@pytest.fixture
async def kernel() -> AsyncIterator[Callable[..., ScriptedKernel]]:
    """Makes kernels that answer as they are told."""
    made: list[ScriptedKernel] = []

    def make(*answers: list[Answer]) -> ScriptedKernel:
        made.append(ScriptedKernel(*answers))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="package")
def hosts() -> Iterator[Cable]:
    """Made once: that takes longer than most of what is done with them."""
    with Cable().hosts() as made:
        yield made


@pytest.fixture
def cable(hosts: Cable) -> Iterator[Cable]:
    """Plugged in; the test is inside `near`."""
    with hosts.plugged():
        yield hosts


@pytest.fixture
def kernel_log() -> Iterator[KernelLog]:
    """The kernel's log from the start of the test on."""
    log = KernelLog()
    yield log
    log.close()


@pytest.fixture
async def shops(netns: None, kernel_log: KernelLog) -> AsyncIterator[Shops]:
    """Makes shops that want hprio, all in one fresh network namespace; the kernel has nothing to complain about."""
    ipvs = NetlinkIpvs()
    if not await ipvs.has_scheduler("hprio"):
        pytest.skip("this kernel has no hprio: `make kernel` builds it for the lab; deploy/ip-vs-hprio for others")
    made: list[Shop] = []

    def make(
        protocol: Protocol = Protocol.UDP, *, family: Family = Family.INET, port: int = PORT, mark: int = 0
    ) -> Shop:
        if family is Family.INET6:
            furnish()
        made.append(Shop(ipvs, protocol, family=family, port=port, mark=mark))
        return made[-1]

    yield make
    for shop in made:
        shop.leave()
    await ipvs.close()
    assert kernel_log.alarms() == []


@pytest.fixture
def shop(shops: Shops) -> Shop:
    """One for datagrams, not open yet."""
    return shops()
