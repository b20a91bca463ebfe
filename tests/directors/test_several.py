"""Three directors, and several virtual routers on a pair, in sync groups: of lvsctl and of keepalived, mixed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from lvsctl.model import Instance
from tests.directors.play import Kind, Play, on, patience, played, skew
from tests.directors.test_interop import BOTH, FORMS
from tests.pair.making import V3, V6, me

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new"),
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]

HOSTS = (1, 2, 3)
PRIORITIES = {1: 200, 2: 150, 3: 100}


@pytest.mark.parametrize("odd", [1, 2, 3], ids="{} is another".format)
@pytest.mark.parametrize("most", Kind)
@pytest.mark.parametrize("form", ["version 2", "version 3", "version 3, unicast", "IPv6", "IPv6, unicast"])
def test_three(form: str, most: Kind, odd: int, tmp_path: Path, record_property: Callable[[str, str], None]) -> None:
    """One after the other dies, the strongest first; they come back, the weaker one first."""
    [_, other] = BOTH[most]
    kinds = [other if host == odd else most for host in HOSTS]
    instances = [on(host, FORMS[form], HOSTS, priority=PRIORITIES[host]) for host in HOSTS]
    with played(tmp_path, [(kind, [instance]) for kind, instance in zip(kinds, instances, strict=True)]) as play:
        play.start(3, 2, 1)
        play.passes(6)
        play.active(1)
        for dies, next_one in ((1, 2), (2, 3)):
            at = play.spoken(dies)
            play.kill(dies)
            play.passes(6)
            play.takes(next_one, at, patience(play.me(next_one)))
        for comes, goes in ((2, 3), (1, 2)):
            at = play.start(comes)
            play.passes(6)
            play.takes(comes, at, patience(play.me(comes)))
            play.gives(goes, at, patience(play.me(comes)))
        at = play.stop(1)
        play.passes(3)
        play.takes(2, at, skew(play.me(2)))
        play.never(3, at)
        play.judge()
        record_property("figures", f"{form:<19} {' > '.join(kinds)}: {play.text()}")


MAIN, OTHER = ("web4", "web6", "inner"), ("other4", "other6")
VIRTUAL = (
    me(V3, name="web4", group="main"),
    me(V6, name="web6", group="main"),
    me(
        V3,
        name="inner",
        group="main",
        interface="eth1",
        vrid=52,
        addresses=(ip_interface("198.51.100.100/24"),),
        source=ip_address("198.51.100.2"),
    ),
    me(V3, name="other4", group="other", vrid=61, addresses=(ip_interface("192.0.2.200/24"),)),
    me(V6, name="other6", group="other", vrid=61, addresses=(ip_interface("fe80::200/64"),)),
)


def groups(host: int) -> list[Instance]:
    """Host 1 is the stronger one for the group main, host 2 for the group other."""
    priorities = {"main": {1: 200, 2: 100}, "other": {1: 100, 2: 200}}
    return [on(host, instance, priority=priorities[instance.group][host]) for instance in VIRTUAL]


def take(play: Play, names: tuple[str, ...], host: int, since: float, most: float) -> None:
    for name in names:
        play.takes(host, since, most, name=name)


def a_link_is_lost(play: Play) -> None:
    """Of three virtual routers one has no carrier: all three move, and no other one."""
    at = play.spoken(1)
    play.switch.pull(1, 1)
    play.passes(6)
    for name in MAIN:
        play.gives(1, at, 0.0, name=name)
    take(play, MAIN, 2, at, patience(play.me(2, "inner")))
    play.switch.plug(1, 1)
    plugged = play.passes(0)
    play.passes(6)
    take(play, MAIN, 1, plugged, patience(play.me(1, "inner")))
    for name in OTHER:
        play.keeps(2, at, name)


def half_is_unheard(play: Play) -> None:
    """The standby hears two of three routers: it does not take over."""
    at = play.spoken(1)
    play.switch.deafen(2, 1)
    play.passes(8)
    for name in MAIN:
        play.keeps(1, at, name)
        play.never(2, name=name)
    play.switch.deafen(2, 1, deaf=False)
    play.passes(2)


def one_is_killed(play: Play) -> None:
    """Its group moves; the other one's stays."""
    at = play.spoken(2)
    play.kill(2)
    play.passes(6)
    take(play, OTHER, 1, at, patience(play.me(1, "other4")))
    started = play.start(2)
    play.passes(6)
    take(play, OTHER, 2, started, patience(play.me(2, "other4")))
    for name in MAIN:
        play.keeps(1, at, name)


GROUPS = {"a link is lost": a_link_is_lost, "half is unheard": half_is_unheard, "one is killed": one_is_killed}


@pytest.mark.parametrize("scene", GROUPS)
@pytest.mark.parametrize("active", Kind)
def test_groups(active: Kind, scene: str, tmp_path: Path, record_property: Callable[[str, str], None]) -> None:
    first, second = BOTH[active]
    with played(tmp_path, [(first, groups(1)), (second, groups(2))]) as play:
        play.start(1, 2)
        play.passes(6)
        for host, names in ((1, MAIN), (2, OTHER)):
            for name in names:
                play.active(host, name)
                play.never(3 - host, name=name)
        GROUPS[scene](play)
        for name in (*MAIN, *OTHER):
            play.judge(name)
        record_property("figures", f"groups, {active:<10} {scene:<24} {play.text()}")
