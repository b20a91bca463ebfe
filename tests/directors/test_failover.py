"""Handing over by command: who has the addresses when it returns, and what speaks against it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.directors.pair import Pair, Setup, standing
from tests.directors.stack import LVSCTL, Lvsctl, Stack
from tests.directors.town import Town
from tests.e2e.netns import inside, ip

pytestmark = [pytest.mark.kernel, pytest.mark.kernels("new"), pytest.mark.timeout(600)]

KEY = "a key that both directors sign with"
WELL = "10s"


class Asking(Lvsctl):
    """Each asks the other what it sees, by the cable between them."""

    def configure(self) -> None:
        other = self.town.other(self.host)
        peer = f"peer: {{address: {other.sync}, listen: {self.host.sync}, key: {KEY}, interval: 500ms}}"
        self.setup = replace(self.setup, more=(*self.setup.more, peer))
        super().configure()


def waited(what: str, holds: Callable[[], bool], *stacks: Stack) -> None:
    """Until it holds, soon. Looking takes no time where time travels, but it does where the tests run."""
    for _ in range(20):
        if holds():
            return
        time.sleep(0.5)
    raise AssertionError("\n".join([f"in vain: {what}", *(stack.says() for stack in stacks)]))


@pytest.fixture
def pair(town: Town, tmp_path: Path) -> Iterator[Pair]:
    with standing(town, tmp_path, Asking, Setup()) as made:
        waited("they hear each other", lambda: well(made.a) and well(made.b))
        yield made


def run(stack: Stack, *words: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command on this director."""
    with inside(stack.host.netns):
        command = [LVSCTL, *words, "--socket", str(stack.folder / "lvsctl.sock")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


def shows(stack: Stack) -> Any:
    return json.loads(run(stack, "pair", "status", "-o", "json")[1])


def well(stack: Stack) -> bool:
    """What the other one said last may be older than its beginning to take part."""
    told = shows(stack)
    return told["attention"] == told["objections"] == []


def test_it_returns_when_the_other_is_active_and_nobody_else(town: Town, pair: Pair) -> None:
    assert run(pair.a, "role") == (0, "active\n", "")
    shown = run(pair.a, "pair", "status")[1]
    assert shown.startswith("this director is active; provider vrrp\n\nINSTANCE  ROLE    PRIORITY  PEER     PRIORITY")
    assert "\nweb       active  150       standby  100       eth0" in shown
    alone = "\nsync daemon: master on eth1, id 1\n"
    waited("the backup listens no longer", lambda: alone in run(pair.a, "pair", "status")[1], pair.a)
    no = "lvsctl: this director is standby, so there is nothing to hand over: do it on the active one\n"
    assert run(pair.b, "failover", "--force") == (1, "", no)

    status, out, err = run(pair.a, "failover", "--wait", "--timeout", WELL)
    assert (status, err, town.vips()) == (0, "", [town.b])
    assert " is active after " in out
    time.sleep(10)
    assert town.vips() == [town.b], "the stronger one stays behind"
    assert (run(pair.a, "role")[1], run(pair.b, "role")[1]) == ("standby\n", "active\n")

    assert run(pair.b, "failover", "--wait", "--timeout", WELL)[0] == 0
    assert town.vips() == [town.a]


def test_nobody_is_handed_over_to_who_is_not_there(town: Town, pair: Pair) -> None:
    pair.b.kill()
    waited("b is lost", lambda: "the peer cannot be asked" in run(pair.a, "status")[1], pair.a)
    status, out, err = run(pair.a, "failover")
    assert (status, out) == (1, "")
    assert err.startswith("lvsctl: not handed over: nobody is known to take over: the peer is not heard (")
    assert err.endswith("): it needs --force\n")
    status, _, err = run(pair.a, "failover", "--force", "--wait", "--timeout", "2s")
    assert status == 6
    assert "lvsctl: after 2 s nobody is known to be active for web: `lvsctl pair status` shows both directors\n" in err
    waited("a takes it back", lambda: town.vips() == [town.a], pair.a)


def test_nor_to_who_sees_a_service_down_that_is_up_here(town: Town, pair: Pair) -> None:
    for server in town.servers:
        ip(f"neigh replace {server.address} lladdr 02:00:00:00:00:99 dev eth0 nud permanent", netns=town.b.netns)
    try:
        waited("b sees nobody", lambda: shows(pair.a)["peer"]["services"] == {"shop": "down"}, pair.a, pair.b)
        status, _, err = run(pair.a, "failover", "--wait")
        assert status == 1
        assert "not handed over: service shop is up here and down at the peer" in err
        assert town.vips() == [town.a]
    finally:
        for server in town.servers:
            ip(f"neigh del {server.address} dev eth0", netns=town.b.netns)
