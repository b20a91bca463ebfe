"""Health decides: the address goes to who reaches the servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.directors.pair import Pair, standing
from tests.directors.stack import Lvsctl, Setup, Stack, waited
from tests.directors.town import Host, Town
from tests.e2e.netns import ip

pytestmark = [pytest.mark.kernel, pytest.mark.kernels("new"), pytest.mark.timeout(600)]

SETUP = Setup(more=("penalties: {down: 60, hold: 5s}",))


@pytest.fixture
def pair(town: Town, tmp_path: Path) -> Iterator[Pair]:
    with standing(town, tmp_path, Lvsctl, SETUP) as made:
        yield made


def blind(town: Town, host: Host, *, begin: bool) -> None:
    """What it sends to the servers gets lost; everybody else reaches them."""
    word = "replace" if begin else "del"
    nobody = " lladdr 02:00:00:00:00:99 nud permanent" if begin else ""
    ip(*(f"neigh {word} {server.address}{nobody} dev eth0" for server in town.servers), netns=host.netns)


def shown(stack: Stack) -> tuple[str, int, list[str]]:
    """Role, priority, and what takes from it."""
    assert isinstance(stack, Lvsctl)
    [web] = json.loads(stack.lvsctl("pair", "status", "-o", "json"))["instances"]
    return web["role"], web["priority"], web["reasons"]


def test_who_sees_no_server_gives_the_address_to_who_does(town: Town, pair: Pair) -> None:
    blind(town, town.a, begin=True)
    try:
        waited("b is active", lambda: town.vips() == [town.b], pair.a, pair.b)
        assert shown(pair.a) == ("standby", 90, ["service shop is down: -60"])
        assert shown(pair.b) == ("active", 100, [])
    finally:
        blind(town, town.a, begin=False)
    waited("a is active again", lambda: town.vips() == [town.a], pair.a, pair.b)
    assert shown(pair.a) == ("active", 150, [])
