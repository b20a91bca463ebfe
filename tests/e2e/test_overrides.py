"""Operators and the installed lvsctl on the real kernel: drained while clients stay, over kill -9 and reloads."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from lvsctl.cli import client
from lvsctl.errors import DaemonUnreachable
from tests.e2e.netns import Plan, Town, inside
from tests.e2e.stage import LVSCTL, Stage

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

VIP = "192.0.2.20"
A, B = "192.0.2.21", "192.0.2.22"
CONF = f"""
global: {{period: 500ms, maintenance: FOLDER/maintenance}}
services:
  shop:
    address: {VIP}:80
    scheduler: rr
    forward: route
    drain_timeout: 1h
    check: {{http: {{path: /healthz, status: 200}}, interval: 500ms, timeout: 2s, rise: 1, fall: 2}}
    servers:
      - {{name: web1, address: {A}}}
      - {{name: web2, address: {B}}}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("overrides")
    with Town(Plan(network="192.0.2", vip=VIP, servers=[A, B])).standing() as town:
        made = Stage(town, folder=folder, config=folder)
        try:
            made.start_servers([A, B])
            yield made
        finally:
            made.clear()


@pytest.fixture
def stage(built: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The daemon at work, both servers in the table, nobody there yet."""
    built.move_to(tmp_path)
    built.config = tmp_path / "conf.d"
    built.config.mkdir()
    (tmp_path / "maintenance").mkdir()
    (built.config / "shop.yaml").write_text(CONF.replace("FOLDER", str(tmp_path)))
    built.ipvsadm("-C")
    built.start_daemon()
    built.wait("both in the table", lambda: weights(built) == {A: 1, B: 1})
    built.wait("ready", lambda: built.status().get("ready") is True)
    yield built
    built.end_daemon()
    built.crowd.leave()


def weights(stage: Stage) -> dict[str, int]:
    return {address: weight for address, (weight, _, _) in stage.connections().items()}


def ordered(stage: Stage) -> list[str]:
    done = stage.lvsctl("overrides", "-o", "json", *stage.where)
    return [one["subject"] for one in json.loads(done.stdout)["overrides"]]


def test_a_drain_lets_connections_finish_and_wait_returns_when_they_have(stage: Stage) -> None:
    assert set(stage.crowd.arrive(10)) == {A, B}
    late = stage.lvsctl("drain", "web1", "--wait", "--timeout", "1s", *stage.where)
    assert (late.returncode, late.stdout) == (5, f"{A}:80 is drained: shop/{A}:80\n")
    assert late.stderr == (
        f"lvsctl: after 1 s there are connections left: 5 on shop/{A}:80; what was ordered goes on\n"
    )
    assert weights(stage) == {A: 0, B: 1}
    assert set(stage.crowd.arrive(4)) == {B}
    assert stage.crowd.still_there() == 14
    with inside(stage.town.director):
        waiting = subprocess.Popen(
            [LVSCTL, "drain", "web1", "--wait", "--timeout", "60s", *stage.where], stdout=subprocess.PIPE, text=True
        )
    stage.crowd.leave()  # with a reset: the kernel forgets those connections after 10 s
    out, _ = waiting.communicate(timeout=90)
    assert waiting.returncode == 0
    assert out.splitlines()[1].startswith("no connections left after ")
    stage.wait("it leaves the table, as it has no connections", lambda: weights(stage) == {B: 1})
    assert stage.lvsctl("enable", "web1", *stage.where).returncode == 0
    stage.wait("it is back", lambda: weights(stage) == {A: 1, B: 1})


def test_it_survives_kill_9_at_any_moment_and_a_reload(stage: Stage) -> None:
    """The daemon is killed while orders come in as fast as they can: what was answered holds, nothing is damaged."""
    stage.crowd.arrive(4)
    assert stage.lvsctl("drain", "web1", "--reason", "new memory", *stage.where).returncode == 0
    stage.wait("drained", lambda: weights(stage).get(A) == 0)
    for turn in range(3):
        answered: list[str] = []
        ended = threading.Event()

        def order(answered: list[str] = answered, ended: threading.Event = ended) -> None:
            with contextlib.suppress(DaemonUnreachable):
                for number in count(100):
                    share = f"{number}%"
                    wish = {"subjects": ["web2"], "action": "weight", "weight": share}
                    answer = client.ask(stage.where[1], "POST", "/v1/overrides", body=wish)
                    assert answer.status == 200, answer.body
                    answered.append(share)
            ended.set()

        operator = threading.Thread(target=order)
        operator.start()
        stage.wait("an answer or two", lambda answered=answered, turn=turn: len(answered) > turn)
        stage.stop_daemon(signal.SIGKILL)
        operator.join(60)
        assert ended.is_set()
        before = weights(stage)
        stage.start_daemon()
        stage.wait("ready again", lambda: stage.status().get("ready") is True)
        listed = json.loads(stage.lvsctl("overrides", "-o", "json", *stage.where).stdout)["overrides"]
        by_subject = {one["subject"]: one for one in listed}
        assert by_subject[f"{A}:80"]["reason"] == "new memory"
        assert int(by_subject[f"{B}:80"]["weight"].rstrip("%")) >= int(answered[-1].rstrip("%"))
        assert before[A] == 0 and weights(stage)[A] == 0
    assert stage.crowd.still_there() == 4
    assert stage.lvsctl("reload", *stage.where).returncode == 0
    assert weights(stage)[A] == 0
    assert stage.crowd.still_there() == 4


def test_it_ends_by_itself(stage: Stage) -> None:
    stage.crowd.arrive(2)
    assert stage.lvsctl("disable", A, "--for", "10s", *stage.where).returncode == 0
    stage.wait("out of the table", lambda: A not in weights(stage))
    stage.wait("back", lambda: weights(stage) == {A: 1, B: 1})
    assert "no longer disabled: its time is over" in stage.log.read_text()
    assert ordered(stage) == []


def test_touch_and_rm(stage: Stage) -> None:
    stage.crowd.arrive(4)
    file = stage.folder / "maintenance" / "web2@shop"
    file.write_text("new memory\n")
    stage.wait("drained", lambda: weights(stage).get(B) == 0)
    held = stage.lvsctl("enable", "web2", *stage.where)
    assert held.returncode == 1
    assert held.stderr.endswith(f", without an end: new memory: rm {file}\n")
    assert stage.crowd.still_there() == 4
    file.unlink()
    stage.wait("back", lambda: weights(stage) == {A: 1, B: 1})


def test_the_last_one_takes_force(stage: Stage) -> None:
    stage.crowd.arrive(2)
    assert stage.lvsctl("drain", A, *stage.where).returncode == 0
    refused = stage.lvsctl("disable", B, *stage.where)
    assert (refused.returncode, refused.stderr) == (
        1,
        "lvsctl: that would leave nobody to take the connections of shop: it needs --force\n",
    )
    assert weights(stage)[B] == 1
    assert stage.lvsctl("disable", B, "--force", *stage.where).returncode == 0
    stage.wait("nobody", lambda: weights(stage) == {A: 0})
