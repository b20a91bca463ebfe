"""A pair of lvsctl and Debian's keepalived, both ways round: who is active after what, in the time that VRRP allows.

The most important cases; all of them are in tests/directors.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lvsctl.model import Instance, VrrpVersion
from tests.e2e.netns import ip
from tests.pair.making import OURS6, THEIRS6, V2, V3, V6, me
from tests.pair.neighbour import neighbour
from tests.pair.stage import BUSY, INTERVAL, director, ear, has, lacks, waited
from tests.pair.wire import cable, hosts

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]

THEIR_PRIORITY = 150
FORMS = {
    "version 2": me(V2),
    "version 3": me(V3, interval=INTERVAL),
    "version 3, IPv6, unicast": me(V6, interval=INTERVAL, source=OURS6, peers=(THEIRS6,)),
}


def skew(instance: Instance, priority: int) -> float:
    return (256 - priority) / 256 * (1.0 if instance.version is VrrpVersion.V2 else instance.interval)


@pytest.fixture(autouse=True)
def two() -> Iterator[None]:
    with cable():
        yield


@pytest.mark.parametrize("form", FORMS)
def test_beside_a_stronger_keepalived(form: str, tmp_path: Path) -> None:
    ours = me(FORMS[form], priority=100)
    bound = 3 * ours.interval + skew(ours, 100)
    with director(hosts()[1], ours) as we, ear(hosts()[1]) as heard:
        with neighbour(tmp_path, ours) as theirs:
            theirs.until("MASTER", within=2 * bound + 2)
            we.until("web", "standby", within=2)
            frozen = theirs.signal(signal.SIGSTOP)
            took = we.until("web", "active", within=bound)
            taken, allowed = (took - frozen) / ours.interval, bound / ours.interval
            print(f"{form}: frozen, takeover after {taken:.2f} intervals, of {allowed:.2f} allowed")
            assert took - frozen < bound + BUSY
            assert took - heard.last(ours.family) >= bound
            has(hosts()[1], ours)
            theirs.signal(signal.SIGCONT)
            we.until("web", "standby", within=ours.interval)
            lacks(hosts()[1], ours)
        we.until("web", "active", within=skew(ours, 100))
        has(hosts()[1], ours)
        assert we.roles("web")[-3:] == ["active", "standby", "active"]


@pytest.mark.parametrize("form", ["version 3", "version 3, IPv6, unicast"])
def test_beside_a_weaker_keepalived(form: str, tmp_path: Path) -> None:
    ours = me(FORMS[form], priority=200)
    bound = 3 * ours.interval + skew(ours, THEIR_PRIORITY)
    with neighbour(tmp_path, ours) as theirs:
        theirs.until("MASTER", within=2 * bound + 2)
        with director(hosts()[1], ours) as we:
            we.until("web", "active", within=2 * bound)
            theirs.until("BACKUP", within=ours.interval)
            we.signal(signal.SIGUSR1)
            theirs.until("MASTER", within=skew(ours, THEIR_PRIORITY))
            assert we.role("web") == "standby"
            lacks(hosts()[1], ours)
        with director(hosts()[1], ours) as we:
            we.until("web", "active", within=2 * bound)
            theirs.until("BACKUP", within=ours.interval)
            killed = we.signal(signal.SIGKILL)
            took = theirs.until("MASTER", within=bound) - killed
            print(f"{form}: killed, it takes over after {took / ours.interval:.2f} intervals")


def test_the_cable_is_pulled_between_equal_priorities(tmp_path: Path) -> None:
    """Both give up, and who is active afterwards is a matter of luck: but one of them, and only one."""
    ours = me(V3, interval=INTERVAL, priority=THEIR_PRIORITY)
    bound = 3 * ours.interval + skew(ours, THEIR_PRIORITY)
    with neighbour(tmp_path, ours) as theirs:
        theirs.until("MASTER", within=2 * bound + 2)
        with director(hosts()[1], ours) as we:
            we.until("web", "standby", within=2)
            ip("link set eth0 down", netns=hosts()[0])
            we.until("web", "fault", within=1)
            theirs.until("FAULT", within=1)
            lacks(hosts()[1], ours)
            ip("link set eth0 up", netns=hosts()[0])
            one = [("active", "BACKUP"), ("standby", "MASTER")]
            waited(lambda: (we.role("web"), theirs.state()) in one, 2 * bound + BUSY, lambda: "\n".join(we.lines))
            time.sleep(2 * ours.interval)
            assert (we.role("web"), theirs.state()) in one
            active, other = hosts() if theirs.state() == "MASTER" else hosts()[::-1]
            has(active, ours)
            lacks(other, ours)
