"""lvsctl and Debian's keepalived, both ways round: who is active after how long, and for how long there are two.

What the protocol allows: the Active_Down_Interval (three intervals and the skew) after a death, the skew after a
farewell. Never two that live, but while adverts are lost and until the next one gets through, and for an interval when
a frozen one goes on. A kernel whose director is killed or frozen keeps the addresses; that is told, not judged: no
program can take them off there. (Where time travels, computing takes none: what that adds is seen in tests/pair.)
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from lvsctl.model import Secret
from tests.directors.play import Kind, on, played
from tests.directors.scenes import SCENES, begin
from tests.pair.making import OURS6, THEIRS, THEIRS6, V2, V3, V6, me

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new"),  # what is measured is the protocol, not how busy the machine is
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]

FORMS = {
    "version 2": V2,
    "version 2, unicast": me(V2, peers=(THEIRS,)),
    "version 2, password": me(V2, password=Secret("s3cret")),
    "version 3": V3,
    "version 3, unicast": me(V3, peers=(THEIRS,)),
    "version 3, 0.1 s": me(V3, interval=0.1),
    "IPv6": V6,
    "IPv6, unicast": me(V6, source=OURS6, peers=(THEIRS6,)),
}
BOTH = {kind: [kind, *(other for other in Kind if other is not kind)] for kind in Kind}


SELDOM = ("version 2, password", "version 3, 0.1 s")
"""Forms that differ in nothing but what only some of the scenes need."""


def cases() -> Iterator[tuple[str, Kind, str]]:
    for form, active, scene in product(FORMS, Kind, SCENES):
        seldom = form in SELDOM and scene not in ("stopped", "killed", "frozen", "cut off")
        impossible = scene == "released" and active is Kind.KEEPALIVED
        if not (seldom or impossible):
            yield form, active, scene


@pytest.mark.parametrize("form, active, scene", [*cases()])
def test_pair(form: str, active: Kind, scene: str, tmp_path: Path, record_property: Callable[[str, str], None]) -> None:
    strong, weak = on(1, FORMS[form], priority=200), on(2, FORMS[form], priority=100)
    first, second = BOTH[active]
    with played(tmp_path, [(first, [strong]), (second, [weak])]) as play:
        begin(play)
        SCENES[scene](play)
        play.judge()
        record_property("figures", f"{form:<19} {active:<10} {scene:<24} {play.text()}")
