"""What a director leaves behind where it is killed or stands still in part: the address is never here to stay."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lvsctl.daemon.peer.door import PATIENCE
from tests.directors.pair import Pair, Setup, standing
from tests.directors.stack import Lvsctl, Stack, waited
from tests.directors.town import VIP, Town

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new"),
    pytest.mark.timeout(1800),
]

INTERVAL = 0.2


@pytest.fixture
def pair(town: Town, tmp_path: Path) -> Iterator[Pair]:
    with standing(town, tmp_path, Lvsctl, Setup(interval=INTERVAL)) as pair:
        yield pair


def hears(stack: Lvsctl) -> bool:
    """The other director."""
    peer = json.loads(stack.lvsctl("pair", "status", "-o", "json"))["peer"]
    return peer["heard"] is not None and not peer["lost"]


def speaker(stack: Stack) -> int:
    """0: none just now."""
    *children, _ = stack.processes()
    return next(iter(children), 0)


def test_a_speaker_that_stands_still_loses_the_address(pair: Pair) -> None:
    """The other director has it by then: nobody is told of two for longer than it takes to notice."""
    town, frozen = pair.town, speaker(pair.a)
    os.kill(frozen, signal.SIGSTOP)
    since = time.monotonic()
    waited("b has it as well", lambda: town.b in town.vips(), pair.a, pair.b)
    waited("a has it no more, or again", lambda: len(town.vips()) == 1, pair.a, pair.b)
    took = time.monotonic() - since
    print(f"one again after {took:.1f} s")
    assert took < 20
    pair.active(town.a)
    assert speaker(pair.a) != frozen


def test_a_speaker_that_is_killed_again_and_again_keeps_nothing(pair: Pair) -> None:
    """Another one is not begun at once: the daemon itself takes the address off."""
    town, killed = pair.town, speaker(pair.a)
    os.kill(killed, signal.SIGKILL)
    waited("another one speaks", lambda: speaker(pair.a) not in (0, killed), pair.a)
    waited("b has it", lambda: town.vips() == [town.b], pair.a, pair.b)
    waited("a has it", lambda: town.vips() == [town.a], pair.a, pair.b)
    os.kill(speaker(pair.a), signal.SIGKILL)
    since = time.monotonic()
    waited("b alone has it", lambda: town.vips() == [town.b], pair.a, pair.b)
    assert time.monotonic() - since < 3
    pair.active(town.a)


def test_a_daemon_that_stands_still_makes_way(pair: Pair) -> None:
    """Nobody looks after its servers. A moment is no reason."""
    town, daemon = pair.town, pair.a.process
    assert daemon is not None
    daemon.send_signal(signal.SIGSTOP)
    time.sleep(15)
    assert town.vips() == [town.a]
    waited("b alone has it", lambda: town.vips() == [town.b], pair.b)
    daemon.send_signal(signal.SIGCONT)
    pair.active(town.a)


def test_what_the_other_one_gave_up_while_a_daemon_stood_still_is_no_trouble(town: Town, tmp_path: Path) -> None:
    """It asked once a second, and hung up each time."""
    with standing(town, tmp_path, Lvsctl, Setup(interval=INTERVAL, peers=True)) as pair:
        daemon = pair.a.process
        assert daemon is not None
        assert isinstance(pair.a, Lvsctl) and isinstance(pair.b, Lvsctl)
        waited("they hear one another", lambda: hears(pair.a) and hears(pair.b), pair.a, pair.b)
        daemon.send_signal(signal.SIGSTOP)
        waited("b has lost it", lambda: "the other director cannot be asked" in pair.b.log.read_text(), pair.b)
        time.sleep(10)
        daemon.send_signal(signal.SIGCONT)
        waited("it is told", lambda: "this director stood still" in pair.a.log.read_text(), pair.a)
        waited("b hears it", lambda: "the other director answers again" in pair.b.log.read_text(), pair.b)
        time.sleep(2 * PATIENCE)
        assert "something is wrong with the pair" not in pair.a.log.read_text()


def test_a_second_lvsctl_on_a_director_takes_nothing_from_the_first(pair: Pair, tmp_path: Path) -> None:
    """It takes part when the first one has gone."""
    town, first = pair.town, pair.a.process
    assert first is not None
    second = Lvsctl(town, town.a, tmp_path / "second", pair.setup)
    try:
        began = time.monotonic()
        second.start()
        refused = f"another lvsctl (pid {first.pid}) speaks VRRP in this network namespace"
        waited("it is refused", lambda: refused in second.log.read_text(), second)
        assert town.vips() == [town.a]
        assert pair.witness.went(town.a, began) is None
        pair.a.terminate()
        pair.a.wait()
        waited("it is its turn", lambda: "web is active" in second.log.read_text(), second)
        waited("it has the address", lambda: town.vips() == [town.a], second, pair.b)
    finally:
        second.clear()


def another_address(text: str) -> str:
    return text.replace(f'addresses: ["{VIP}/32"]', 'addresses: ["192.0.2.25/32"]')


def no_pair(text: str) -> str:
    return text.partition("pair:\n")[0]


def another_provider(text: str) -> str:
    return no_pair(text) + "pair: {provider: manual}\n"


@pytest.mark.parametrize("changed", [another_address, no_pair, another_provider])
def test_what_left_conf_d_while_nobody_ran_is_not_kept(pair: Pair, changed: Callable[[str], str]) -> None:
    town, config = pair.town, pair.a.folder / "conf.d" / "shop.yaml"
    pair.a.kill()
    waited("both have it", lambda: town.vips() == [town.a, town.b], pair.b)
    config.write_text(changed(config.read_text()))
    pair.a.start()
    waited("b alone has it", lambda: town.vips() == [town.b], pair.a, pair.b)
