"""What a director leaves behind where it is killed or stands still in part: the address is never here to stay."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
