"""`lvsctl pair`, `failover` and `role`: what is asked, and what is shown of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lvsctl import __version__
from lvsctl.cli import client, taking_over
from lvsctl.cli.client import Answer
from lvsctl.cli.show_pair import render
from lvsctl.errors import DaemonUnreachable, LvsctlError, NobodyElse
from tests.cli.conftest import Listener, Run
from tests.cli.document import instance, pair, peer

Json = dict[str, Any]
Daemon = Callable[..., Listener]


def http(body: Json, code: int = 200) -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.0 {code} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


@pytest.fixture
def daemon(listen: Callable[..., Listener]) -> Daemon:
    """A socket on which this is answered, by `METHOD /resource`."""

    def start(answers: dict[str, Json | tuple[int, Json]]) -> Listener:
        def answer(request: bytes) -> bytes:
            found = answers[" ".join(request.decode().split(" ")[:2])]
            return http(found[1], found[0]) if isinstance(found, tuple) else http(found)

        return listen(answer)

    return start


def sent(listener: Listener) -> Json:
    """What the last request said."""
    found: Json = json.loads(listener.asked[-1].partition(b"\r\n\r\n")[2])
    return found


# --- pair status ----------------------------------------------------------------------------------------------------

SYNC = {
    "interface": "eth1",
    "id": 1,
    "wanted": ["master"],
    "running": [{"role": "master", "interface": "eth1", "id": 1}],
    "trouble": "",
}


def test_both_directors() -> None:
    lowered = {"priority": 100, "reasons": ["service shop is down: -50"]}
    web6 = instance("web6", role="standby", peer={"role": "active", "priority": 120}, **lowered)
    web6 |= {"neighbour": {"address": "fe80::3", "priority": 120}, "addresses": ["fe80::20/64", "2001:db8::20/64"]}
    seen = peer(
        there=11,
        disagreements=["shop/192.0.2.21:80 is up here and down at the peer"],
    )
    hooks = [
        {"hook": "on_active", "instance": "web4", "at": "2026-11-22T18:28:15.2Z", "duration": 0.21, "why": ""},
        {"hook": "on_standby", "instance": "web6", "at": "2026-11-22T18:28:15.2Z", "duration": 3, "why": "status 1"},
    ]
    said = pair(instance(), web6, sync=SYNC, peer=seen, hooks=hooks, attention=["on_standby of web6 failed: status 1"])
    assert render(said, width=None) == (
        "this director is active; provider vrrp\n"
        "ATTENTION: on_standby of web6 failed: status 1\n"
        "\n"
        "INSTANCE  ROLE     PRIORITY   PEER     PRIORITY  INTERFACE  SINCE\n"
        "web4      active   150        standby  120       eth0       2026-11-22T18:28:14Z\n"
        "  why: nobody was heard for 3.6 s\n"
        "  addresses: 192.0.2.20/24\n"
        "web6      standby  100 (150)  active   120       eth0       2026-11-22T18:28:14Z\n"
        "  why: nobody was heard for 3.6 s\n"
        "  addresses: fe80::20/64, 2001:db8::20/64\n"
        "  priority: service shop is down: -50\n"
        "  hears fe80::3, active with priority 120\n"
        "\n"
        "sync daemon: master on eth1, id 1\n"
        "peer 192.0.2.3:10588: heard 0.4 s ago\n"
        "  of 12 servers that both check, it sees 11 up, this director 12\n"
        "  shop/192.0.2.21:80 is up here and down at the peer\n"
        "hook on_active of web4: ran well, in 0.2 s, at 2026-11-22T18:28:15Z\n"
        "hook on_standby of web6: FAILED (status 1), in 3.0 s, at 2026-11-22T18:28:15Z\n"
    )


def test_a_director_that_knows_little() -> None:
    unknown = instance(role=None, since=None, why="", priority=0, base=0, interface="", addresses=[], peer=None)
    said = pair(unknown, role=None, provider="manual", standby="idle", sync=None, peer=None)
    assert render(said, width=80) == (
        "this director is without a role yet; provider manual, and keeps no table while\n"
        "  it is not active\n"
        "\n"
        "INSTANCE  ROLE  PRIORITY  PEER  PRIORITY  INTERFACE  SINCE\n"
        "web4      -     -         -     -         -          -\n"
        "\n"
        "sync daemon: none, as conf.d has no `pair.sync`: connections are not copied\n"
        "peer: not asked, as conf.d has no `pair.peer`\n"
    )


@pytest.mark.parametrize(
    ("provider", "trouble", "line"),
    [
        ("vrrp", "", "awaited: that VRRP begins, when every check has answered, or after 10 s\n"),
        ("keepalived", "", "awaited: what keepalived tells of its next transition\n"),
        ("keepalived", "/run/fifo is no FIFO", ""),
    ],
)
def test_what_is_awaited_until_there_is_a_role(provider: str, trouble: str, line: str) -> None:
    said = pair(instance(role=None), role=None, provider=provider, trouble=trouble)
    assert render(said, width=None).startswith(f"this director is without a role yet; provider {provider}\n{line}\n")


def test_a_peer_that_was_lost_and_one_that_was_never_heard() -> None:
    lost = render(pair(peer=peer(heard=12.04, lost="it does not answer")), width=None)
    assert "peer 192.0.2.3:10588: heard 12.0 s ago, lost: it does not answer\n" in lost
    never = render(pair(peer=peer(heard=None, lost="connection refused", common=0)), width=None)
    assert "peer 192.0.2.3:10588: not heard yet: connection refused\nhook" not in never
    assert never.endswith("peer 192.0.2.3:10588: not heard yet: connection refused\n")


def test_what_lowers_this_director_and_what_would_keep_it_from_handing_over() -> None:
    less = {"penalty": 20, "why": "this director sees 11 of 12 servers up, its peer 12"}
    text = render(pair(peer=peer(lowering=less), objections=["the peer is in fault"]), width=None)
    assert "  this director sees 11 of 12 servers up, its peer 12: -20\n" in text
    assert "lvsctl failover would be refused: the peer is in fault\n" in text


def test_a_fault_is_told() -> None:
    text = render(pair(instance(role="fault", faults=["carrier", "eth1"])), width=None)
    assert "  fault: carrier\n  fault: eth1\n" in text


def test_nothing_is_wider_than_the_terminal() -> None:
    many = instance(
        addresses=[f"2001:db8::{number:x}/64" for number in range(30)], reasons=["service s is down: -5"] * 9
    )
    said = pair(many, attention=["x" * 30 + " " + "y" * 60], sync=SYNC)
    assert max(map(len, render(said, width=80).splitlines())) <= 80


def test_what_the_network_says_moves_no_cursor() -> None:
    hostile = pair(instance(why="\x1b[2J"), attention=["\x1b]0;x\x07" + "long " * 30])
    assert "\x1b" not in render(hostile, width=80)


def test_pair_status(run: Run, daemon: Daemon) -> None:
    listener = daemon({"GET /v1/pair": pair()})
    result = run("pair", "status", "--socket", listener.path)
    assert (result.exit_code, result.stdout) == (0, render(pair(), width=None))
    assert run("--socket", listener.path, "pair").stdout == result.stdout
    assert json.loads(run("pair", "--socket", listener.path, "status", "-o", "json").stdout) == pair()


def test_how_often_it_is_watched(run: Run) -> None:
    result = run("pair", "status", "-w", "0.01")
    assert result.exit_code == 2
    assert "0.01 is not between 0.1 and 3600 seconds" in result.stderr


def test_a_daemon_without_a_pair(run: Run, daemon: Daemon) -> None:
    why = "there is no pair in conf.d: this director stands alone"
    path = daemon({"GET /v1/pair": (404, {"error": why})}).path
    result = run("pair", "status", "--socket", path)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"lvsctl: {why}\n")


def test_a_daemon_that_means_something_else(run: Run, daemon: Daemon) -> None:
    path = daemon({"GET /v1/pair": {"instances": 1}, "GET /v1/status?table=no": {}}).path
    result = run("pair", "status", "--socket", path)
    assert result.exit_code == 1
    assert "is not what this lvsctl" in result.stderr


# --- pair notify ----------------------------------------------------------------------------------------------------


def test_keepalived_notifies(run: Run, daemon: Daemon) -> None:
    listener = daemon({"POST /v1/pair/notice": {"role": "active"}})
    result = run("--socket", listener.path, "pair", "notify", "mine", "-v", "INSTANCE", "VI_1", "MASTER", "150")
    assert (result.exit_code, result.output) == (0, "")
    assert sent(listener) == {"arguments": ["mine", "-v", "INSTANCE", "VI_1", "MASTER", "150"]}


def test_keepalived_is_told_that_it_is_not_understood(run: Run, daemon: Daemon) -> None:
    answers = {"POST /v1/pair/notice": (422, {"error": "no"}), "GET /v1/status?table=no": {"version": __version__}}
    result = run("--socket", daemon(answers).path, "pair", "notify", "INSTANCE")
    assert (result.exit_code, result.stderr) == (2, "lvsctl: no (see 'lvsctl pair notify --help')\n")


# --- role -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["active", "standby", "fault"])
def test_role_in_a_word(run: Run, daemon: Daemon, role: str) -> None:
    path = daemon({"GET /v1/pair/role": {"role": role}}).path
    result = run("role", "--socket", path)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{role}\n", "")


def test_a_role_that_nobody_knows(run: Run, daemon: Daemon) -> None:
    path = daemon({"GET /v1/pair/role": {"role": None}}).path
    result = run("role", "--socket", path)
    why = "lvsctl: the role is not known yet: `lvsctl pair status` says what is awaited\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", why)


def test_a_role_is_said(run: Run, daemon: Daemon) -> None:
    listener = daemon({"POST /v1/pair/role": {"role": "standby"}})
    result = run("role", "standby", "--socket", listener.path)
    assert (result.exit_code, result.stdout) == (0, "standby\n")
    assert sent(listener) == {"role": "standby"}


def test_there_are_three_roles(run: Run) -> None:
    result = run("role", "master")
    assert result.exit_code == 2
    assert "'master' is not one of 'active', 'standby', 'fault'" in result.stderr


def test_the_words_are_those_of_the_model() -> None:
    from lvsctl.cli.role import ROLES
    from lvsctl.model import Role

    assert tuple(Role) == ROLES


def test_a_role_of_another_version(run: Run, daemon: Daemon) -> None:
    path = daemon({"GET /v1/pair/role": {"role": "leader"}, "GET /v1/status?table=no": {}}).path
    assert "is not what this lvsctl" in run("role", "--socket", path).stderr


# --- failover -------------------------------------------------------------------------------------------------------


def test_failover(run: Run, daemon: Daemon) -> None:
    listener = daemon({"POST /v1/pair/failover": {"overruled": []}})
    result = run("failover", "--socket", listener.path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "handed over: `lvsctl pair status` shows who has taken over\n"
    assert sent(listener) == {"force": False}


def test_failover_by_force(run: Run, daemon: Daemon) -> None:
    listener = daemon({"POST /v1/pair/failover": {"overruled": ["the peer is in fault"]}})
    result = run("failover", "--force", "--socket", listener.path)
    assert (result.exit_code, result.stderr) == (0, "warning: the peer is in fault\n")
    assert sent(listener) == {"force": True}


def test_a_failover_that_is_refused(run: Run, daemon: Daemon) -> None:
    path = daemon({"GET /v1/pair": pair(), "POST /v1/pair/failover": (409, {"error": "no: it needs --force"})}).path
    for more in ((), ("--wait",)):
        result = run("failover", "--socket", path, *more)
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", "lvsctl: no: it needs --force\n")


def test_a_deadline_goes_with_waiting(run: Run) -> None:
    result = run("failover", "--timeout", "5s")
    assert result.exit_code == 2
    assert result.stderr.startswith("lvsctl: --timeout is for --wait: give both, or none")


def elsewhere(name: str = "web4", **attributes: Any) -> Json:
    there = {
        "role": "standby",
        "since": "2026-11-22T19:00:00.000Z",
        "neighbour": None,
        "peer": {"role": "active", "priority": 120},
    }
    return instance(name, **{**there, **attributes})


HELD = {"web4": "2026-11-22T18:28:14.980Z"}
HEARD = {"neighbour": {"address": "192.0.2.3", "priority": 120}, "peer": None}


def test_failover_waits(run: Run, daemon: Daemon) -> None:
    asked = peer(heard=0.1)  # while it waited, not before
    found = iter([pair(), pair(elsewhere(), peer=asked), pair(elsewhere(), peer=asked)])
    listener = daemon({"POST /v1/pair/failover": {"overruled": []}})
    answer = listener._answer

    def given(request: bytes) -> bytes:
        return http(next(found)) if request.startswith(b"GET") else answer(request)  # type: ignore[operator]

    listener._answer = given
    result = run("failover", "--wait", "--socket", listener.path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("192.0.2.3:10588 is active after 0.")


def test_waiting_runs_into_its_deadline(run: Run, daemon: Daemon) -> None:
    path = daemon({"GET /v1/pair": pair(), "POST /v1/pair/failover": {"overruled": []}}).path
    result = run("failover", "--wait", "--timeout", "100ms", "--socket", path)
    why = "after 0.1 s this director is active for web4: `lvsctl pair status` shows both directors"
    assert (result.exit_code, result.stderr) == (6, f"lvsctl: {why}\n")


@pytest.mark.parametrize("provider", ["manual", "keepalived"])
def test_nothing_is_waited_for_where_nothing_tells(run: Run, daemon: Daemon, provider: str) -> None:
    listener = daemon({"GET /v1/pair": pair(provider=provider, peer=None)})
    result = run("failover", "--wait", "--socket", listener.path)
    why = f"with the provider {provider} nothing tells whether another director is active: "
    assert result.exit_code == 1
    assert result.stderr == f"lvsctl: {why}leave --wait out, or let the two talk (`pair.peer` in conf.d)\n"
    assert len(listener.asked) == 1


@pytest.mark.parametrize(
    ("found", "why"),
    [
        pytest.param([elsewhere()], "", id="the peer says that it is active"),
        pytest.param([elsewhere(**HEARD)], "", id="its adverts are heard"),
        pytest.param([elsewhere(role="fault")], "", id="in fault the addresses are gone as well"),
        pytest.param(
            [elsewhere(), instance("web6"), instance("web7")],
            "this director is active for web6, web7",
            id="one of three is elsewhere",
        ),
        pytest.param(
            [elsewhere(), elsewhere("web6", peer={"role": "standby", "priority": 1})],
            "nobody is known to be active for web6",
            id="nobody has one of them",
        ),
        pytest.param(
            [elsewhere(since=HELD["web4"])],
            "this director is active for web4",
            id="a transition that is not told yet: its addresses may be here",
        ),
        pytest.param([elsewhere(peer=None)], "nobody is known to be active for web4", id="nobody is heard at all"),
    ],
)
def test_what_is_missing(found: list[Json], why: str) -> None:
    assert taking_over.missing(pair(*found), HELD, 1.0) == why


@pytest.mark.parametrize(
    ("sentence", "seen", "counts"),
    [
        ("it was asked since", peer(heard=0.999), True),
        ("it was asked before the handover, and may have yielded to this director just then", peer(heard=1.0), False),
        ("it was never heard", peer(heard=None), False),
    ],
)
def test_what_the_peer_said_before_the_handover_does_not_count(sentence: str, seen: Json, *, counts: bool) -> None:
    why = taking_over.missing(pair(elsewhere(), peer=seen), HELD, 1.0)
    assert why == ("" if counts else "nobody is known to be active for web4"), sentence
    heard = elsewhere(neighbour=HEARD["neighbour"])
    assert taking_over.missing(pair(heard, peer=seen), HELD, 1.0) == "", "adverts are no hearsay"


class Slow:
    """A clock that goes by what is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def told(monkeypatch: pytest.MonkeyPatch, *answers: Answer | Exception) -> None:
    left = list(answers)

    def ask(*_: object, **__: object) -> Answer:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, BaseException):
            raise found
        return found

    monkeypatch.setattr(client, "ask", ask)


def test_a_daemon_that_is_away_for_a_moment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    away = DaemonUnreachable("no daemon answers")
    told(monkeypatch, away, Answer(503, {"error": "starting"}), Answer(200, pair(elsewhere(**HEARD), peer=None)))
    assert taking_over.wait("x", HELD, 30.0, clock=slow.clock, sleep=slow.sleep) == (0.4, "192.0.2.3")


def test_a_daemon_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    told(monkeypatch, DaemonUnreachable("no daemon answers"))
    with pytest.raises(DaemonUnreachable):
        taking_over.wait("x", HELD, 2.0, clock=slow.clock, sleep=slow.sleep)
    assert slow.now == pytest.approx(2.0)


def test_nobody_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    told(monkeypatch, Answer(200, pair(elsewhere(peer=None))))
    with pytest.raises(NobodyElse, match=r"^after 2 s nobody is known to be active for web4: ") as raised:
        taking_over.wait("x", HELD, 2.0, clock=slow.clock, sleep=slow.sleep)
    assert raised.value.exit_status == 6


def test_who_waits_may_stop_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(LvsctlError, match="no longer waiting: what was handed over stays so"):
        taking_over.wait("x", HELD, 2.0)
