"""A flood of forged, truncated and random adverts on whole directors: counted, told seldom, and nobody moves."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lvsctl.pair.packet import Refused
from lvsctl.pair.tally import QUIET
from tests.directors.pair import Setup, standing
from tests.directors.stack import Lvsctl
from tests.directors.town import Town

pytestmark = [pytest.mark.kernel, pytest.mark.kernels("new"), pytest.mark.timeout(3600)]

LASTS = 2 * QUIET + 10.0
RATE = 1000
"""A second; as fast as it can be it is in tests/pair, where time does not travel."""


def test_it_is_counted_and_told_seldom_and_nobody_moves(town: Town, tmp_path: Path) -> None:
    with standing(town, tmp_path, Lvsctl, Setup(interval=0.1)) as pair:
        both = [stack for stack in (pair.a, pair.b) if isinstance(stack, Lvsctl)]
        time.sleep(5)
        before = [_transitions(stack) for stack in both]
        since = time.monotonic()
        command = [sys.executable, "-m", "tests.pair.flooding", str(LASTS), str(RATE)]
        flood = town.start(town.client, command, stdout=subprocess.PIPE)
        print(flood.communicate()[0])
        assert flood.returncode == 0
        assert town.vips() == [town.a]
        assert [moved for moved in pair.witness.moved if moved.when >= since] == []
        assert [_transitions(stack) for stack in both] == before
        for stack in both:
            [web] = json.loads(stack.lvsctl("pair", "status", "-o", "json"))["instances"]
            lost = web["counts"]["lost_rest"]
            print(f"{stack.host.name}: refused {web['refused']}, {lost} more found no room")
            assert {Refused.HOPS, Refused.LENGTH, Refused.CHECKSUM} <= set(web["refused"])
            assert sum(web["refused"].values()) + lost > LASTS * RATE / 2
            assert web["counts"]["lost"] == 0, "no advert was pushed out"
            told = stack.log.read_text().count("something is wrong with the pair")
            kinds = len(web["refused"]) + 2
            print(f"{told} lines of the log, {kinds} kinds")
            assert 0 < told <= kinds * (1 + LASTS // QUIET)


def _transitions(stack: Lvsctl) -> int:
    text = stack.log.read_text()
    return text.count("web is active") + text.count("web is standby") + text.count("web is fault")
