"""`lvsctl status` and `lvsctl reload`: what is shown of what the daemon says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lvsctl.cli import show_status
from lvsctl.cli.columns import align, cells, cut
from tests.cli.conftest import Listener, Run
from tests.cli.document import Json, entry, key, mark, paired, real, server, service, status

Listen = Callable[..., Listener]


@pytest.fixture
def daemon(listen: Listen) -> Callable[..., str]:
    """The path of a socket on which this is answered."""

    def start(body: dict[str, Any], code: int = 200) -> str:
        text = json.dumps(body).encode()
        return listen(f"HTTP/1.0 {code} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text).path

    return start


Daemon = Callable[..., str]

DOWN = server(
    "192.0.2.22",
    health="down",
    reason="L4CON Connection refused",
    latency=None,
    weight=None,
    in_table=False,
    active=0,
    inactive=0,
)


def test_services_pools_and_servers(run: Run, daemon: Daemon) -> None:
    shop = service()
    shop["pools"][0]["servers"][1] = DOWN
    dns = service(
        "dns",
        key=key("2001:db8::53", 53, "udp"),
        scheduler={"wanted": "wlc", "used": "wlc", "reason": ""},
        persistent=0,
        pools=[
            {
                "name": "servers",
                "active": True,
                "servers": [server("2001:db8::1", port=53, health="no check", reason="", latency=None, upper=0)],
            }
        ],
    )
    result = run("status", "--socket", daemon(status(shop, dns)))
    assert result.exit_code == 0
    assert result.stdout == (
        "lvsctl 0.1.0, pid 4711, since 2026-11-22T09:00:00.000Z; round 12\n"
        "configuration /etc/lvsctl/conf.d of 2026-11-22T09:00:00.000Z\n"
        "\n"
        "SERVER                HEALTH    WEIGHT  ACTIVE  INACT  CONNS  LATENCY  LAST ANSWER\n"
        "shop  tcp 192.0.2.20:80  ok  scheduler hprio  persistent 150s\n"
        "  pool service\n"
        "    192.0.2.21:80     up             5      12      3  15/50    3.1ms  L7OK 200 OK\n"
        "    192.0.2.22:80     down       - (5)       0      0   0/50        -  L4CON Connection refused\n"
        "  pool spillover\n"
        "    192.0.2.13:80     up             1       0      0      0    3.1ms  L7OK 200 OK\n"
        "dns  udp [2001:db8::53]:53  ok  scheduler wlc\n"
        "  pool servers\n"
        "    [2001:db8::1]:53  no check       5      12      3     15        -  up: L7OK 200 OK\n"
    )
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_a_server_with_a_name_and_one_that_an_operator_took_out(run: Run, daemon: Daemon) -> None:
    why = "drained by alice (uid 1000), without an end: new memory"
    order = {"subject": "web2", "action": "drain", "weight": None, "by": "alice", "reason": "new memory", "until": None}
    taken = server("192.0.2.22", name="web2", weight=0, override=order, why=why)
    left = server("192.0.2.21", name="web1", override=None)
    shop = service(pools=[{"name": "service", "active": True, "servers": [left, taken]}])
    lines = run("status", "--socket", daemon(status(shop))).stdout.splitlines()
    assert lines[-2:] == [
        "    192.0.2.21:80 web1  up           5      12      3  15/50    3.1ms  L7OK 200 OK",
        f"    192.0.2.22:80 web2  up       0 (5)      12      3  15/50    3.1ms  {why}",
    ]


def test_a_service_says_what_is_the_matter_with_it(run: Run, daemon: Daemon) -> None:
    stand_in = {"wanted": "hprio", "used": "fo", "reason": "the kernel has no hprio"}
    waits = "hprio is there now; the service goes on with fo until the next reload"
    later = {"wanted": "hprio", "used": "fo", "available": True, "reason": waits}
    nothing = {"wanted": "hprio", "used": None, "reason": ""}
    path = daemon(
        status(
            service("spare", scheduler=stand_in, pools=[]),
            service("away", scheduler=nothing, state="refused", reason="load the module ip_vs_hprio", pools=[]),
            service("soon", scheduler=later, pools=[]),
            service("off", persistent=0, pools=[{"name": "low", "active": False, "servers": []}]),
        )
    )
    assert run("status", "--socket", path).stdout.splitlines()[4:] == [
        "spare  tcp 192.0.2.20:80  ok  scheduler fo (wanted hprio: the kernel has no hprio)  persistent 150s",
        "away  tcp 192.0.2.20:80  refused  scheduler none (wanted hprio)  persistent 150s  load the module ip_vs_hprio",
        f"soon  tcp 192.0.2.20:80  ok  scheduler fo (wanted hprio: {waits})  persistent 150s",
        "off  tcp 192.0.2.20:80  ok  scheduler hprio",
        "  pool low (not in use)",
    ]


SINCE = "2026-11-22T18:28:14.980Z"


@pytest.mark.parametrize(
    ("spill", "shown"),
    [
        ({"pool": "service", "since": SINCE}, f"  new connections go to pool service since {SINCE} (estimated)"),
        ({"pool": "service", "since": None}, "  new connections go to pool service (estimated)"),
        (
            {"pool": "spillover", "since": SINCE, "active": True, "spilled": 1},
            f"  ATTENTION: new connections go to pool spillover since {SINCE}: 1 connection spilled (estimated)",
        ),
        (
            {"pool": "spillover", "since": None, "active": True, "spilled": 3},
            "  ATTENTION: new connections go to pool spillover since before lvsctl first looked: "
            "3 connections spilled after that (estimated)",
        ),
        (
            {"pool": None, "since": SINCE, "active": True, "exhausted": True},
            "  ATTENTION: no server has room, new connections are refused (estimated)",
        ),
        ({"pool": None, "since": SINCE}, "  pool service"),
    ],
)
def test_where_new_connections_go(run: Run, daemon: Daemon, spill: dict[str, object], shown: str) -> None:
    told = {"spilled": 0, "active": False, "exhausted": False, "estimated": True, **spill}
    lines = run("status", "--socket", daemon(status(service(spill=told)))).stdout.splitlines()
    assert lines[5] == shown


def test_what_is_wrong_is_said_first_and_what_was_met_with_last(run: Run, daemon: Daemon) -> None:
    body = status(
        ready=False,
        config={"path": "/c", "loaded": "T", "reload_ok": False, "problems": ["/c/a.yaml:1:1: unknown key `x`"]},
        round={
            "number": 3,
            "at": "T",
            "error": "no answer",
            "refused": [{"op": "add-server tcp 192.0.2.1:80 10.0.0.1:80", "message": "no such service"}],
            "withheld": [{"op": "delete-server tcp 192.0.2.1:80 10.0.0.2:80", "why": "too many at once"}],
            "drift": ["tcp 192.0.2.1:80: server 10.0.0.3:80 is gone"],
        },
        foreign=["tcp 192.0.2.99:80"],
    )
    assert run("status", "--socket", daemon(body)).stdout.splitlines() == [
        "lvsctl 0.1.0, pid 4711, since 2026-11-22T09:00:00.000Z; round 3",
        "configuration /c of T",
        "ATTENTION: the last round failed: no answer",
        "ATTENTION: not ready yet: the first complete round is not done",
        "ATTENTION: the last reload failed, the configuration before it goes on:",
        "  /c/a.yaml:1:1: unknown key `x`",
        "",
        "SERVER  HEALTH  WEIGHT  ACTIVE  INACT  CONNS  LATENCY  LAST ANSWER",
        "",
        "refused by the kernel: add-server tcp 192.0.2.1:80 10.0.0.1:80: no such service",
        "withheld: delete-server tcp 192.0.2.1:80 10.0.0.2:80: too many at once",
        "changed by somebody else, put right: tcp 192.0.2.1:80: server 10.0.0.3:80 is gone",
        "not lvsctl's, left alone: tcp 192.0.2.99:80",
    ]


def test_a_director_that_suspects_itself_says_what_it_sees_and_whom_it_keeps(run: Run, daemon: Daemon) -> None:
    shop = service()
    shop["pools"][0]["servers"][1] = {**DOWN, "weight": 5, "kept": "down but kept: this director suspects itself"}
    guard = {
        "suspected": True,
        "since": "2026-11-22T09:00:00.000Z",
        "until": "2026-11-22T09:01:00.000Z",
        "why": "6 of 6 servers of 3 unrelated services failed within 5 s",
        "seen": ["eth0 has no carrier since 3 s"],
        "canaries": [{"name": "tcp 192.0.2.254:22", "health": "down", "reason": "L4TOUT no connection"}],
    }
    lines = run("status", "--socket", daemon(status(shop, guard=guard))).stdout.splitlines()
    assert lines[2:7] == [
        "canary tcp 192.0.2.254:22 is down  L4TOUT no connection",
        "ATTENTION: this director suspects itself, and takes no server out before 2026-11-22T09:01:00.000Z:",
        "  6 of 6 servers of 3 unrelated services failed within 5 s",
        "  eth0 has no carrier since 3 s",
        "",
    ]
    [kept] = [line.split("  ") for line in lines if "192.0.2.22:80" in line]
    assert "down but kept" in kept


@pytest.mark.parametrize(
    ("pair", "lines"),
    [
        (None, []),
        (paired("active", web4="active", web6="active"), ["this director is active"]),
        (paired("standby", web4="standby", resting=True), ["this director is standby, keeps no table meanwhile"]),
        (
            paired("active", web4="active", web6="standby"),
            ["this director is active, web4 active, web6 standby"],
        ),
        (paired(None, web4=None), ["this director is without a role yet"]),
        (
            paired("fault", web4="fault", web6=None, attention=["web4 is in fault here: carrier"]),
            ["this director is in fault, web4 fault, web6 unknown", "ATTENTION: web4 is in fault here: carrier"],
        ),
    ],
)
def test_the_role_in_a_pair_is_said(pair: Json | None, lines: list[str]) -> None:
    shown = show_status.render(status(pair=pair), wide=False, width=80).splitlines()
    assert shown[2 : 2 + len(lines) + 1] == [*lines, ""]


def test_warnings_of_a_good_configuration_are_counted(run: Run, daemon: Daemon) -> None:
    body = status()
    body["config"]["problems"] = ["a", "b"]
    assert run("status", "--socket", daemon(body)).stdout.endswith(
        "\n\n2 warnings of conf.d: lvsctl validate shows them\n"
    )


def test_wide_has_thresholds_templates_since_and_why(run: Run, daemon: Daemon) -> None:
    lines = run("status", "-o", "wide", "--socket", daemon(status(service()))).stdout.splitlines()
    assert " ".join(lines[3].split()) == (
        "SERVER HEALTH WEIGHT ACTIVE INACT CONNS LOWER PERSIST LATENCY SINCE WHY LAST ANSWER"
    )
    assert lines[4].endswith("persistent 150s  configuration")
    assert lines[6].split("  ")[-3:] == ["2026-11-22T09:00:00.000Z", "up: L7OK 200 OK", "L7OK 200 OK"]


def test_on_a_narrow_terminal_a_servers_line_is_cut() -> None:
    shown = show_status.render(status(service()), wide=False, width=60).splitlines()
    assert shown[6] == "    192.0.2.21:80  up           5      12      3  15/50    …"
    assert shown[0] == "lvsctl 0.1.0, pid 4711, since 2026-11-22T09:00:00.000Z; round 12"


def test_on_a_narrow_terminal_a_name_gives_way_and_an_address_does_not() -> None:
    named = server("192.0.2.21", name="a-name-that-is-longer-than-there-is-room-for")
    far = server("2001:db8:85a3:1234:5678:8a2e:370:7334", name="far")
    shop = service(pools=[{"name": "service", "active": True, "servers": [named, server("192.0.2.22")]}])
    shown = show_status.render(status(shop), wide=False, width=80).splitlines()
    assert shown[-2:] == [
        "    192.0.2.21:80 a-name-…  up           5      12      3  15/50    3.1ms  L7OK…",
        "    192.0.2.22:80           up           5      12      3  15/50    3.1ms  L7OK…",
    ]
    shop["pools"][0]["servers"][1] = far
    shown = show_status.render(status(shop), wide=False, width=80).splitlines()
    assert shown[-1].startswith("    [2001:db8:85a3:1234:5678:8a2e:370:7334]:80  up  ")
    assert all(name in show_status.render(status(shop), wide=True, width=80) for name in (named["name"], "far"))


def test_wide_letters_take_two_cells_of_their_column() -> None:
    pool = {"name": "service", "active": True, "servers": [server("192.0.2.21", name="日本"), server("192.0.2.22")]}
    first, second = show_status.render(status(service(pools=[pool])), wide=False, width=None).splitlines()[-2:]
    assert cells(first.partition("up")[0]) == cells(second.partition("up")[0]) == 24


def test_letters_that_the_locale_does_not_have_are_told_in_others(daemon: Daemon) -> None:
    shop = service("日本ß", pools=[])
    lvsctl = Path(sys.executable).with_name("lvsctl")
    shown = subprocess.run(
        [lvsctl, "status", "--socket", daemon(status(shop))],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert "\n\\u65e5\\u672cß  tcp 192.0.2.20:80  ok" in shown.stdout.decode("latin-1")


def test_nothing_that_a_terminal_obeys_gets_through(run: Run, daemon: Daemon) -> None:
    evil = service(name="a\x1b[2Jb", pools=[])
    evil["pools"] = [
        {"name": "p\n", "active": True, "servers": [server("192.0.2.1", reason="L7RSP \x1b]0;x\x07\ud800\u202e")]}
    ]
    shown = run("status", "--socket", daemon(status(evil))).stdout
    assert "a\\x1b[2Jb  tcp" in shown
    assert "  pool p\\n\n" in shown
    assert "L7RSP \\x1b]0;x\\x07\\ud800\\u202e\n" in shown


@pytest.mark.parametrize("wanted", ["shop", "tcp 192.0.2.20:80", "192.0.2.20:80"])
def test_one_service(run: Run, daemon: Daemon, wanted: str) -> None:
    other = service("other", key=key("192.0.2.30"))
    body = status(service(), other, table=[entry(key("192.0.2.20")), entry(key("192.0.2.30"))])
    result = json.loads(run("status", "-o", "json", "--socket", daemon(body), wanted).stdout)
    assert [one["name"] for one in result["services"]] == ["shop"]
    assert [one["key"]["address"] for one in result["table"]] == ["192.0.2.20"]


def test_one_service_by_its_mark(run: Run, daemon: Daemon) -> None:
    path = daemon(status(service("m", key=mark(20, "inet6"), pools=[])))
    assert run("status", "--socket", path, "mark 20 ipv6").stdout.splitlines()[4].startswith("m  mark 20 ipv6  ok")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("shpo", "lvsctl: there is no service `shpo`: did you mean `shop`?\n"),
        ("zzz", "lvsctl: there is no service `zzz`: `lvsctl status` lists them\n"),
        ("", "lvsctl: there is no service ``: `lvsctl status` lists them\n"),
    ],
)
def test_a_service_that_is_not_there(run: Run, daemon: Daemon, wanted: str, message: str) -> None:
    result = run("status", "--socket", daemon(status(service(), service("m", key=mark(3)))), wanted)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


def test_json_is_the_document(run: Run, daemon: Daemon) -> None:
    body = status(service())
    assert json.loads(run("status", "-o", "json", "--socket", daemon(body)).stdout) == body


def test_ipvsadm_is_the_whole_table_foreign_services_too(run: Run, daemon: Daemon) -> None:
    body = status(service(), table=[entry(key("192.0.2.99")), entry(key("192.0.2.20"), real("192.0.2.21"))])
    assert run("status", "-o", "ipvsadm", "--socket", daemon(body)).stdout == (
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
        "TCP  192.0.2.20:80 rr\n"
        "  -> 192.0.2.21:80                Masq    1      0          0         \n"
        "TCP  192.0.2.99:80 rr\n"
    )
    assert run("status", "-o", "ipvsadm", "--socket", daemon(body), "192.0.2.99:80").stdout == (
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
        "TCP  192.0.2.99:80 rr\n"
    )


@pytest.mark.parametrize("missing", ["round", "services", "config", "version"])
@pytest.mark.parametrize("output", ["table", "wide"])
def test_a_daemon_of_another_version(run: Run, daemon: Daemon, missing: str, output: str) -> None:
    body = {**status(service()), "version": "0.0.9"}
    del body[missing]
    result = run("status", "-o", output, "--socket", daemon(body))
    theirs = "unknown" if missing == "version" else "0.0.9"
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"lvsctl: the daemon's answer (version {theirs}) is not what this lvsctl (0.1.0) expects: "
        "restart the daemon after an upgrade (systemctl restart lvsctl)\n"
    )


def test_a_daemon_that_cannot_ask_the_kernel(run: Run, daemon: Daemon) -> None:
    result = run("status", "--socket", daemon({"error": "the kernel has no IPVS: run modprobe ip_vs"}, 503))
    assert result.exit_code == 1
    assert result.stderr == "lvsctl: the daemon cannot tell: the kernel has no IPVS: run modprobe ip_vs\n"


@pytest.mark.parametrize("command", ["status", "reload"])
def test_no_daemon_is_exit_status_4(run: Run, command: str) -> None:
    result = run(command, "--socket", "/nonexistent/s")
    assert (result.exit_code, result.stdout) == (4, "")
    assert (
        result.stderr == "lvsctl: no daemon answers on /nonexistent/s: is lvsctl running? (systemctl status lvsctl)\n"
    )


# --- reload -------------------------------------------------------------------------------------------------------


def test_reloaded(run: Run, daemon: Daemon) -> None:
    result = run("reload", "--socket", daemon({"ok": True, "warnings": ["/c/a.yaml:1:1: warning: slow"]}))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "reloaded\n", "/c/a.yaml:1:1: warning: slow\n")


@pytest.mark.parametrize(
    ("code", "problem"), [(422, "/c/a.yaml:1:1: unknown key `x`"), (503, "the kernel has no IPVS")]
)
def test_not_reloaded(run: Run, daemon: Daemon, code: int, problem: str) -> None:
    result = run("reload", "--socket", daemon({"ok": False, "problems": [problem]}, code))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"{problem}\nlvsctl: not reloaded: the daemon goes on with the configuration that it had\n"
    )


@pytest.mark.parametrize(
    ("code", "body", "says"),
    [
        (500, {"error": "a bug in lvsctl (X): its log says where; report it"}, "the daemon cannot do it: a bug in "),
        (
            404,
            {"error": "there is no /v1/reload: see"},
            "the daemon (version unknown) does not know /v1/reload, which ",
        ),
        (200, {"ok": True, "warnings": None}, "the daemon's answer (version unknown) is not what this lvsctl ("),
        (200, {"hello": 1}, "the daemon's answer (version unknown) is not what this lvsctl ("),
        (422, {"problems": 7}, "the daemon's answer (version unknown) is not what this lvsctl ("),
    ],
)
def test_why_it_was_not_even_tried_to_reload(
    run: Run, daemon: Daemon, code: int, body: dict[str, Any], says: str
) -> None:
    result = run("reload", "--socket", daemon(body, code))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"lvsctl: {says}")
    assert result.stderr.count("\n") == 1


def test_a_number_beyond_all_numbers_is_of_another_version(run: Run, daemon: Daemon) -> None:
    shop = service()
    shop["pools"][0]["servers"][0]["latency"] = 10**400
    assert "is not what this lvsctl" in run("status", "--socket", daemon(status(shop))).stderr


def test_no_line_of_a_daemon_steers_the_terminal(run: Run, daemon: Daemon) -> None:
    evil, shown = "\x07\u202e\x9b2J", "\\x07\\u202e\\x9b2J"
    assert run("reload", "--socket", daemon({"ok": True, "warnings": [evil]})).stderr == f"{shown}\n"
    told = run("status", "--socket", daemon({"error": evil}, 503)).stderr
    assert told == f"lvsctl: the daemon cannot tell: {shown}\n"


# --- columns ------------------------------------------------------------------------------------------------------


def test_columns() -> None:
    rows = [("NAME", "N", "TEXT"), "a line of its own, however long", ("a", "1", "x"), ("long", "100", "")]
    assert align(rows, right=frozenset({1})) == (
        "NAME    N  TEXT\na line of its own, however long\na       1  x\nlong  100\n"
    )


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("plain", 5, "plain"),
        ("plain", 4, "pla…"),
        ("plain", 1, "…"),
        ("plain", 0, ""),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),  # the second would need three cells with the mark
        ("e\u0301te\u0301", 3, "e\u0301te\u0301"),  # accents that stand on the letter before
    ],
)
def test_what_is_too_long_is_cut_at_the_cell(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown
    assert cells(shown) <= width
