"""Two whole directors that talk: what an operator orders of one holds on both, whatever happens to either."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.directors.pair import Pair, standing
from tests.directors.stack import Lvsctl, Setup, waited
from tests.directors.town import PORT, Host, Town
from tests.e2e.netns import ip

pytestmark = [pytest.mark.kernel, pytest.mark.kernels("new")]

KEY = "the directors' own thirty-two characters"
PENALTY = 60
"""More than is between their priorities."""


class Talking(Lvsctl):
    """Asks the other director over eth0."""

    name = "talking"

    def configure(self) -> None:
        peer = f"address: {self.town.other(self.host).address}, listen: {self.host.address}"
        more = f'peer: {{{peer}, key: "{KEY}", interval: 500ms, penalty: {PENALTY}}}'
        self.setup = replace(self.setup, more=(*self.setup.more, more))
        super().configure()

    def peer(self) -> Any:
        """What `pair status` shows of the other."""
        return json.loads(self.lvsctl("pair", "status", "-o", "json"))["peer"]


def stacks(pair: Pair) -> tuple[Talking, Talking]:
    assert isinstance(pair.a, Talking)
    assert isinstance(pair.b, Talking)
    return pair.a, pair.b


def weights(town: Town, host: Host) -> dict[str, int]:
    """By name of the server."""
    names = {f"{server.address}:{PORT}": server.name for server in town.servers}
    rows = (row.split() for row in town.table(host) if row.startswith("-a "))
    return {names[row[4]]: int(row[row.index("-w") + 1]) for row in rows}


def both_have(pair: Pair, wanted: dict[str, int]) -> None:
    for host in pair.town.directors:
        waited(f"{host.name} has {wanted}", lambda host=host: weights(pair.town, host) == wanted, pair.a, pair.b)


def hears(one: Talking) -> bool:
    """Whether it hears the other; not while it starts."""
    try:
        peer = one.peer()
    except AssertionError:
        return False
    return peer["heard"] is not None and not peer["lost"]


def both_hear(pair: Pair) -> None:
    for one in stacks(pair):
        waited(f"{one.host.name} hears the other", lambda one=one: hears(one), pair.a, pair.b)


def test_orders_hold_on_both_over_kills_a_frozen_director_and_a_partition(town: Town, tmp_path: Path) -> None:
    with standing(town, tmp_path, Talking, Setup()) as pair:
        a, b = stacks(pair)
        one, two, three = (server.address for server in town.servers)
        a.lvsctl("drain", one, "--reason", "new memory")
        both_have(pair, {"s1": 0, "s2": 1, "s3": 1})

        a.kill()  # and what is ordered meanwhile it learns when it is back
        b.lvsctl("weight", two, "7")
        a.start()
        both_have(pair, {"s1": 0, "s2": 7, "s3": 1})
        for stack in (a, b):
            stack.kill()
        for stack in (a, b):
            stack.start()
        both_hear(pair)
        both_have(pair, {"s1": 0, "s2": 7, "s3": 1})

        a.signal(signal.SIGSTOP)
        b.lvsctl("enable", two)
        a.signal(signal.SIGCONT)
        both_have(pair, {"s1": 0, "s2": 1, "s3": 1})

        town.part()
        b.lvsctl("enable", one)
        a.lvsctl("drain", three)
        waited("both are alone", lambda: not (hears(a) or hears(b)), a, b)
        assert weights(town, town.a) == {"s1": 0, "s2": 1, "s3": 0}
        town.join()
        both_have(pair, {"s1": 1, "s2": 1, "s3": 0})
        a.lvsctl("enable", three)
        both_have(pair, {"s1": 1, "s2": 1, "s3": 1})


def test_a_director_that_sees_less_makes_way_until_it_sees_as_much(town: Town, tmp_path: Path) -> None:
    """One server does not answer it; the other director it does."""
    with standing(town, tmp_path, Talking, Setup()) as pair:
        a, b = stacks(pair)
        both_hear(pair)
        server = town.servers[0]
        ip(f"route add blackhole {town.a.address}", netns=server.netns)
        try:
            waited("A makes way", lambda: town.vips() == [town.b], a, b)
            peer = a.peer()
            assert peer["lowering"] == {
                "penalty": PENALTY,
                "why": "this director sees 2 of 3 servers up, its peer 3",
            }
            assert b.peer()["lowering"]["penalty"] == 0
        finally:
            ip(f"route del blackhole {town.a.address}", netns=server.netns)
        waited("A is active again", lambda: town.vips() == [town.a], a, b)
        pair.settled()
