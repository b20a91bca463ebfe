"""A director that loses its link: the installed lvsctl in a network namespace whose cable is pulled and plugged in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.netns import Plan, Town
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

SERVERS = ["192.0.2.21", "192.0.2.22", "192.0.2.23"]
CONF = """\
global: {period: 1s}
defaults: {check: {tcp: {}, interval: 300ms, timeout: 300ms, rise: 2, fall: 3}, floor: 0}
guard: {suspect: {hold: 5m}, canary: [{tcp: {}, address: 192.0.2.100, port: 8080, interval: 300ms, timeout: 300ms}]}
services:
  shop: {address: "203.0.113.1:80", servers: [192.0.2.21]}
  blog: {address: "203.0.113.2:80", servers: [192.0.2.22]}
  wiki: {address: "203.0.113.3:80", servers: [192.0.2.23]}
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Three services of one server each, in the table, and a canary."""
    config = tmp_path / "conf.d"
    config.mkdir()
    (config / "site.yaml").write_text(CONF)
    with Town(Plan(network="192.0.2", vip="192.0.2.20", servers=SERVERS)).standing() as town:
        made = Stage(town, folder=tmp_path, config=config)
        canary = town.start(town.client, [sys.executable, "-m", "http.server", "8080", "--bind", "192.0.2.100"])
        try:
            made.start_servers(SERVERS)
            made.start_daemon()
            made.wait("three servers in the table", lambda: len(made.connections()) == 3)
            made.wait("ready", lambda: made.status().get("ready") is True)
            made.wait("the canary answers", lambda: guard(made)["canaries"][0]["health"] == "up")
            yield made
        finally:
            canary.kill()
            canary.wait()
            made.clear()


def guard(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = stage.status()["guard"]
    return found


def kept(stage: Stage) -> list[str]:
    servers = [one["pools"][0]["servers"][0] for one in stage.status()["services"]]
    return [server["kept"] for server in servers if server["health"] == "down" and server["kept"] is not None]


def test_a_director_that_loses_its_link_says_so_and_takes_nobody_out(stage: Stage) -> None:
    before = stage.ipvsadm("-S", "-n")
    stage.town.pull_cable(stage.town.director)
    stage.wait("it suspects itself", lambda: guard(stage)["suspected"])
    stage.wait("every server is down but kept", lambda: len(kept(stage)) == 3)
    assert {why.rpartition(", ")[2] for why in kept(stage)} == {"this director suspects itself"}
    assert stage.ipvsadm("-S", "-n") == before
    seen = guard(stage)["seen"]
    assert any(words.startswith("eth0 has no carrier") for words in seen), seen
    assert any(words.startswith("canary tcp 192.0.2.100:8080 fails: ") for words in seen), seen
    shown = stage.lvsctl("status", *stage.where).stdout
    assert "ATTENTION: this director suspects itself, and takes no server out before " in shown
    assert "  eth0 has no carrier" in shown
    assert shown.count("down but kept  ") == 3
    assert (
        "down but kept: 3 of 3 servers of 3 unrelated services failed"
        in stage.lvsctl("explain", "shop/192.0.2.21", *stage.where).stdout
    )
    stage.town.plug_cable(stage.town.director)
    stage.wait("it trusts itself again", lambda: not guard(stage)["suspected"])
    assert stage.ipvsadm("-S", "-n") == before
    log = stage.log.read_text()
    assert log.count("this director suspects itself, and takes no server out") == 1
    assert log.count("this director no longer suspects itself") == 1
    assert 'why="the servers are back: 3 of 3 pass their checks"' in log
    assert "eth0 has no carrier" in log
    assert 'event=applied op="delete-server' not in log
