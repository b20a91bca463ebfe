"""What an earlier life left is taken off beside a keepalived, and nothing that is its own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest

from lvsctl.daemon.ground import KernelGround
from lvsctl.model import Instance, Vip
from lvsctl.pair.clearing import emptied
from tests.e2e.netns import inside
from tests.pair.making import V3, V6, me
from tests.pair.neighbour import neighbour
from tests.pair.wire import cable, hosts

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]

FORMS = {"IPv4": me(V3, interval=0.2), "IPv6": me(V6, interval=0.2)}


@pytest.fixture
async def ground() -> AsyncIterator[KernelGround]:
    """Where the keepalived is."""
    with cable(), inside(hosts()[0]):
        made = KernelGround()
        yield made
        await made.close()


async def addresses(ground: KernelGround) -> set[IPv4Interface | IPv6Interface]:
    found = await ground.look("eth0")
    assert found is not None
    return set(found.addresses)


async def until(ground: KernelGround, what: str, holds: Callable[[set[object]], bool]) -> None:
    try:
        async with asyncio.timeout(60):
            while not holds(set(await addresses(ground))):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited in vain for: {what}; there are {await addresses(ground)}") from None


def has(instance: Instance) -> Callable[[set[object]], bool]:
    return lambda found: {one.ip for one in instance.addresses} <= {one.ip for one in found}  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", FORMS)
async def test_what_keepalived_has_put_there_is_left_alone(form: str, ground: KernelGround, tmp_path: Path) -> None:
    instance = FORMS[form]
    with neighbour(tmp_path, instance):
        await until(ground, "keepalived has them", has(instance))
        before = await addresses(ground)
        assert list(await emptied(ground)) == []
        assert await addresses(ground) == before


@pytest.mark.parametrize("form", FORMS)
async def test_what_keepalived_found_there_it_puts_there_itself(
    form: str, ground: KernelGround, tmp_path: Path
) -> None:
    """Ours have prefixes of their own (/32, /128)."""
    instance = FORMS[form]
    await ground.add([Vip(one.ip, "eth0") for one in instance.addresses])
    left = await addresses(ground)
    with neighbour(tmp_path, instance) as theirs:
        theirs.until("MASTER", within=5)
        assert await emptied(ground)
        await until(ground, "keepalived's own are there", has(instance))
        assert list(await ground.added()) == []
        ours = {one for one in left if one.ip in {each.ip for each in instance.addresses}}
        assert ours.isdisjoint(await addresses(ground))
