"""A daemon beside Debian's keepalived, which tells it of its role by `lvsctl pair notify`, or by its FIFO."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.directors.pair import Setup
from tests.directors.stack import LVSCTL, Keepalived, Lvsctl, waited
from tests.directors.town import Town

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new"),
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]


class Follower(Lvsctl):
    """Its own table, and keepalived's role."""

    def configure(self) -> None:
        config = self.folder / "conf.d"
        config.mkdir()
        (config / "site.yaml").write_text(
            "services: {mail: {mark: 7, check: none, forward: route, servers: [192.0.2.31]}}\n"
            "pair: {provider: keepalived, keepalived: {instance: V}}\n"
        )


class Telling(Keepalived):
    """follower: who is told. Words of the operator's own come before keepalived's."""

    follower: Follower

    def configure(self) -> None:
        super().configure()
        config = self.folder / "keepalived.conf"
        socket = self.folder.parents[1] / "lvsctl" / self.host.name / "lvsctl.sock"
        notify = f'notify "{LVSCTL} --socket {socket} pair notify for-lvsctl"'
        text = config.read_text().replace("interface eth0\n", f"interface eth0\n{notify}\n")
        config.write_text(text.replace("global_defs {\n", "global_defs {\nscript_user root\n"))


@pytest.fixture
def pair(town: Town, tmp_path: Path) -> Iterator[tuple[Follower, Telling]]:
    follower = Follower(town, town.a, tmp_path, Setup())
    telling = Telling(town, town.a, tmp_path, Setup())
    try:
        follower.start()
        becomes_ready(follower)
        yield follower, telling
    finally:
        telling.clear()
        follower.clear()
        town.forget()


class Reader(Follower):
    """It reads the FIFO, and is the second to start."""

    def configure(self) -> None:
        super().configure()
        site = self.folder / "conf.d" / "site.yaml"
        site.write_text(site.read_text().replace("instance: V", f"instance: V, fifo: {self.folder}/fifo"))


class Writing(Keepalived):
    """keepalived makes the FIFO, and makes it anew with each start and each reload."""

    def configure(self) -> None:
        super().configure()
        config = self.folder / "keepalived.conf"
        fifo = f"vrrp_notify_fifo {self.folder.parents[1]}/lvsctl/{self.host.name}/fifo"
        config.write_text(config.read_text().replace("global_defs {\n", f"global_defs {{\n{fifo}\n"))


def becomes_ready(follower: Follower) -> None:
    for _ in range(20):
        with contextlib.suppress(AssertionError):
            if "provider keepalived" in follower.lvsctl("pair", "status"):
                return
        time.sleep(0.5)
    raise AssertionError(follower.says())


def becomes(role: str, follower: Follower, telling: Keepalived) -> None:
    """Soon. Looking takes no time where time travels, but it does where the tests run."""
    said = ""
    for _ in range(20):
        with contextlib.suppress(AssertionError):  # it starts, or nobody knows yet
            said = follower.lvsctl("role")
        if said == f"{role}\n":
            return
        time.sleep(0.5)
    raise AssertionError("\n".join([f"it is {said}, not {role}", follower.says(), telling.says()]))


def test_keepalived_tells_of_its_role(pair: tuple[Follower, Telling]) -> None:
    follower, telling = pair
    telling.start()
    becomes("active", *pair)
    shown = follower.lvsctl("pair", "status")
    assert "\nV         active  150 " in shown
    assert "why: keepalived is in state MASTER" in shown
    telling.terminate()
    assert telling.wait() == 0
    becomes("fault", *pair)  # one that has ended moves no addresses


def test_a_fifo_that_keepalived_makes_anew_is_read(town: Town, tmp_path: Path) -> None:
    reader, writing = Reader(town, town.a, tmp_path, Setup()), Writing(town, town.a, tmp_path, Setup())
    try:
        writing.start()
        waited("the FIFO is there", (reader.folder / "fifo").exists, writing)
        reader.start()
        becomes("active", reader, writing)
        made = (reader.folder / "fifo").stat().st_ino
        assert writing.process is not None
        writing.process.send_signal(signal.SIGHUP)  # it tells the others
        waited("it is made anew", lambda: is_another(reader.folder / "fifo", made), writing)
        for _ in range(2):
            writing.terminate()
            assert writing.wait() == 0
            becomes("fault", reader, writing)
            writing.start()
            becomes("active", reader, writing)
    finally:
        writing.clear()
        reader.clear()
        town.forget()


def is_another(fifo: Path, than: int) -> bool:
    return fifo.exists() and fifo.stat().st_ino != than
