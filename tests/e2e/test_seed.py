"""The seed's story with the installed lvsctl as a process: real servers, real clients, the seed's own addresses.

The addresses exist only in network namespaces that nothing leaves.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.netns import Plan, Town
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]

SEED = Path(__file__).with_name("seed.yaml")
VIP = "112.2.13.20"
SERVICE = ["112.2.13.21", "112.2.13.22", "112.2.13.23"]
SPILLOVER = "112.2.13.13"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The town, its servers up."""
    folder = tmp_path_factory.mktemp("seed")
    with Town(Plan(network="112.2.13", vip=VIP, servers=[*SERVICE, SPILLOVER])).standing() as town:
        made = Stage(town, folder=folder, config=folder)
        try:
            made.start_servers([*SERVICE, SPILLOVER])
            yield made
        finally:
            made.clear()


@pytest.fixture
def stage(built: Stage, tmp_path: Path) -> Iterator[Stage]:
    """The same with an empty table and state; conf.d is a copy of the seed's file that a test may change."""
    built.move_to(tmp_path)
    built.config = tmp_path / "conf.d"
    built.config.mkdir()
    (built.config / "shop.yaml").write_text(SEED.read_text())
    built.ipvsadm("-C")
    yield built
    built.end_daemon()
    built.crowd.leave()
    built.start_servers([server for server in (*SERVICE, SPILLOVER) if not built.serves(server)])


@pytest.fixture
def running(stage: Stage) -> Stage:
    """The same, with the daemon at work and all four servers in the table."""
    stage.start_daemon()
    stage.wait("four servers in the table", lambda: len(stage.connections()) == 4)
    stage.wait("ready", lambda: stage.status().get("ready") is True)
    return stage


def rows(listing: str) -> list[str]:
    return [" ".join(line.split()) for line in listing.splitlines()]


def idle(stage: Stage) -> bool:
    return not any(active + inactive for _, active, inactive in stage.connections().values())


def scheduler(stage: Stage) -> str:
    """hprio where the kernel has it, else what stands in for it."""
    tried = stage.on_director(["ipvsadm", "-A", "-f", "999", "-s", "hprio"])
    stage.on_director(["ipvsadm", "-D", "-f", "999"])
    return "hprio" if tried.returncode == 0 else "fo"


def test_applied_it_reproduces_the_seeds_listing(stage: Stage) -> None:
    where = ["-c", str(stage.config), "--state-dir", str(stage.folder / "state")]
    planned = stage.lvsctl("plan", *where, "-o", "json")
    assert planned.returncode == 3, planned.stderr
    assert [item["op"] for item in json.loads(planned.stdout)["items"]] == ["add-service"] + ["add-server"] * 4
    applied = stage.lvsctl("apply", *where)
    assert applied.returncode == 0, applied.stderr
    assert stage.lvsctl("plan", *where).returncode == 0

    name = scheduler(stage)
    assert rows(stage.ipvsadm("-L", "-n")) == [
        "IP Virtual Server version 1.2.1 (size=4096)",
        "Prot LocalAddress:Port Scheduler Flags",
        "-> RemoteAddress:Port Forward Weight ActiveConn InActConn",
        f"TCP 112.2.13.20:80 {name} persistent 150",
        "-> 112.2.13.13:80 Route 1 0 0",
        "-> 112.2.13.21:80 Route 5 0 0",
        "-> 112.2.13.22:80 Route 5 0 0",
        "-> 112.2.13.23:80 Route 5 0 0",
    ]
    assert rows(stage.ipvsadm("-L", "-n", "--thresholds"))[3:] == [
        f"TCP 112.2.13.20:80 {name} persistent 150",
        "-> 112.2.13.13:80 0 0 0 0",
        "-> 112.2.13.21:80 50 20 0 0",
        "-> 112.2.13.22:80 50 20 0 0",
        "-> 112.2.13.23:80 50 20 0 0",
    ]
    assert [row.split()[1] for row in rows(stage.ipvsadm("-L", "-n", "--nosort"))[4:]] == [
        "112.2.13.13:80",
        "112.2.13.23:80",
        "112.2.13.22:80",
        "112.2.13.21:80",
    ]


def test_the_daemon_reproduces_the_seeds_order(running: Stage) -> None:
    assert [row.split()[1] for row in rows(running.ipvsadm("-L", "-n", "--nosort"))[4:]] == [
        "112.2.13.13:80",
        "112.2.13.23:80",
        "112.2.13.22:80",
        "112.2.13.21:80",
    ]


def test_status_prints_what_ipvsadm_prints(running: Stage) -> None:
    running.crowd.arrive(20)
    assert running.lvsctl("status", "-o", "ipvsadm", *running.where).stdout == running.ipvsadm("-L", "-n")


def test_a_rush_spills_at_once_and_comes_back(running: Stage) -> None:
    crowd = running.crowd
    # A server that was deleted and is added again has its old connections: those of earlier tests must be over.
    running.wait("earlier connections are gone", lambda: idle(running))
    first = crowd.arrive(30)
    assert first == Counter(dict.fromkeys(SERVICE, 10)) or scheduler(running) == "fo"  # which fills one after the other
    assert set(first + crowd.arrive(120)) == set(SERVICE)
    assert running.connections() == dict.fromkeys(SERVICE, (5, 50, 0)) | {SPILLOVER: (1, 0, 0)}
    assert crowd.arrive(30) == Counter({SPILLOVER: 30})
    assert crowd.refused == 0
    crowd.leave()
    running.wait("connections are gone", lambda: idle(running))
    assert set(crowd.arrive(20)) <= set(SERVICE)


def test_kill_9_and_a_new_start_write_nothing_and_cut_nothing(running: Stage) -> None:
    running.crowd.arrive(40)
    before = running.ipvsadm("-S", "-n")
    running.stop_daemon(signal.SIGKILL)
    assert running.crowd.still_there() == 40
    running.start_daemon()
    running.wait("ready again", lambda: running.status().get("ready") is True)
    status = running.status()
    assert status["kernel"]["written"] == 0
    assert status["round"]["drift"] == []
    assert running.ipvsadm("-S", "-n") == before
    assert running.crowd.still_there() == 40


def test_what_happened_is_still_known_after_a_kill_9(running: Stage) -> None:
    victim = f"{SERVICE[0]}:80"
    running.kill_server(SERVICE[0])
    running.wait("it leaves", lambda: SERVICE[0] not in running.connections())
    running.wait("it is written", lambda: "server_down" in (running.folder / "state" / "history.jsonl").read_text())
    running.stop_daemon(signal.SIGKILL)
    with (running.folder / "state" / "history.jsonl").open("a") as half:
        half.write('{"number": 9, "at": "20')  # where a kill may come
    running.start_servers([SERVICE[0]])
    running.start_daemon()
    running.wait("ready again", lambda: running.status().get("ready") is True)
    shown = running.lvsctl("history", *running.where, f"shop/{SERVICE[0]}")
    assert (shown.returncode, shown.stderr) == (0, "")
    [last] = [line for line in shown.stdout.splitlines() if "server_down" in line][-1:]
    assert f"  shop/{victim}" in last and "  L4CON  " in last


def test_a_term_leaves_the_table_and_the_connections(running: Stage) -> None:
    running.crowd.arrive(10)
    before = running.ipvsadm("-S", "-n")
    assert running.stop_daemon() == 0
    assert running.ipvsadm("-S", "-n") == before
    assert running.crowd.still_there() == 10


def test_a_broken_reload_changes_nothing_and_says_why(running: Stage) -> None:
    running.crowd.arrive(10)
    before = running.ipvsadm("-S", "-n")
    file = running.config / "shop.yaml"
    file.write_text(SEED.read_text().replace("    forward: route", "    foward: route"))
    done = running.lvsctl("reload", *running.where)
    assert done.returncode == 1
    assert f"{file}:6:5: services.shop.foward: unknown key `foward`: did you mean `forward`?" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("lvsctl: not reloaded")

    assert running.daemon is not None
    running.daemon.send_signal(signal.SIGHUP)
    running.wait("the log tells of the hang-up", lambda: running.log.read_text().count("reload refused") == 2)
    assert running.status()["config"]["reload_ok"] is False
    assert running.ipvsadm("-S", "-n") == before
    assert running.crowd.still_there() == 10


def test_a_good_reload_keeps_held_connections_and_verdicts(running: Stage) -> None:
    running.crowd.arrive(40)
    since = [server["since"] for pool in running.status()["services"][0]["pools"] for server in pool["servers"]]
    text = SEED.read_text().replace("upper: 50", "upper: 60").replace("weight: 1\n", "weight: 2\n")
    (running.config / "shop.yaml").write_text(text)
    (running.config / "other.yaml").write_text(
        "services:\n  other:\n    address: 112.2.13.20:8080\n    check: none\n    servers: [112.2.13.21]\n"
    )
    assert running.lvsctl("reload", *running.where).returncode == 0
    running.wait("the new weight", lambda: running.connections().get(SPILLOVER, (0,))[0] == 2)
    running.wait("the new service", lambda: "112.2.13.20:8080" in running.ipvsadm("-S", "-n"))
    status = running.status()
    [shop] = [service for service in status["services"] if service["name"] == "shop"]
    assert [server["since"] for pool in shop["pools"] for server in pool["servers"]] == since
    assert running.crowd.still_there() == 40


def test_a_dead_server_leaves_and_returns_while_others_serve(running: Stage) -> None:
    victim = SERVICE[0]
    running.kill_server(victim)
    running.wait("it leaves", lambda: victim not in running.connections())
    assert victim not in running.crowd.arrive(5)
    running.start_servers([victim])
    running.wait("it returns", lambda: running.connections().get(victim, (0,))[0] == 5)


def test_a_sick_answer_counts_as_dead(running: Stage) -> None:
    victim = SERVICE[1]
    with running.sick(victim):
        running.wait("it leaves", lambda: victim not in running.connections())
    [shop] = running.status()["services"]
    told = {server["address"]: server["reason"] for pool in shop["pools"] for server in pool["servers"]}
    assert told[victim] == "L7STS HTTP status 503 Service Unavailable, expected 200"


def test_a_second_daemon_on_the_same_state_is_refused(running: Stage) -> None:
    second = running.lvsctl(
        "run", "-c", str(running.config), *running.where, "--state-dir", str(running.folder / "state")
    )
    assert running.daemon is not None
    assert second.returncode == 1
    assert second.stderr.splitlines()[-1] == (
        f"lvsctl: lvsctl is already running (pid {running.daemon.pid}) on {running.folder}/state: "
        "use `lvsctl reload`, or stop it first"
    )
