"""`lvsctl plan`, `apply` and `run`: what is shown of a round, and the exit statuses."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lvsctl.daemon import app, once
from lvsctl.daemon.once import Once
from lvsctl.errors import AlreadyRunning, ConfigError, KernelError
from lvsctl.events import SchedulerMissing
from lvsctl.model import (
    AddressKey,
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Family,
    Forward,
    MarkKey,
    Problem,
    Protocol,
    RealAttrs,
    RealKey,
    Refusal,
    ServiceAttrs,
    ServiceFlag,
    Severity,
    Step,
    Tunnel,
    TunnelType,
)
from tests.cli.conftest import Run

SHOP = AddressKey(ip_address("192.0.2.20"), 80, Protocol.TCP)
MARK = MarkKey(Family.INET6, 20)
ONE, TWO = (RealKey(ip_address(f"192.0.2.2{number}"), 80) for number in (1, 2))
NOTHING = Once((), (), (), {}, ())

ADD = Step(AddService(SHOP, ServiceAttrs("hprio", persistence=150)), "", "configuration")
ADD_ONE = Step(AddServer(SHOP, ONE, RealAttrs(Forward.ROUTE, 5, 50, 20)), "", "up: L7OK 200 OK")
EDIT_MARK = Step(EditService(MARK, ServiceAttrs("fo", persistence_prefix=128)), "scheduler wlc -> fo", "configuration")
EDIT_TWO = Step(
    EditServer(SHOP, TWO, RealAttrs(Forward.ROUTE, 5)), "weight 1 -> 5", "somebody changed weight 5 -> 1", drift=True
)
DELETE_TWO = Step(DeleteServer(SHOP, TWO), "", "down: L4CON Connection refused")
DELETE_MARK = Step(DeleteService(MARK), "", "not in the configuration")
SLOW = Problem("/c/a.yaml", 3, 5, "services.shop", "is slow", Severity.WARNING)


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let `plan` and `apply` find this; the list returned holds how they were asked."""
    asked: list[tuple[str, Path, Path, bool]] = []

    def decide(found: Once | Exception) -> list[tuple[str, Path, Path, bool]]:
        def call(name: str) -> Any:
            def stand_in(config: Path, *, state_dir: Path, checks: bool) -> Once:
                asked.append((name, config, state_dir, checks))
                if isinstance(found, Exception):
                    raise found
                return found

            return stand_in

        for name in ("plan", "apply"):
            monkeypatch.setattr(once, name, call(name))
        return asked

    return decide


def test_a_plan_by_service_with_change_and_reason(run: Run, decided: Any) -> None:
    decided(Once((ADD, EDIT_MARK, ADD_ONE, EDIT_TWO, DELETE_TWO, DELETE_MARK), (), (), {}, (SLOW,)))
    result = run("plan")
    assert result.exit_code == 3
    assert result.stderr == "/c/a.yaml:3:5: warning: services.shop: is slow\n"
    assert result.stdout == (
        "tcp 192.0.2.20:80\n"
        "  add service                  scheduler hprio, persistent 150s   configuration\n"
        "  add server 192.0.2.21:80     route, weight 5, thresholds 50/20  up: L7OK 200 OK\n"
        "  edit server 192.0.2.22:80    weight 1 -> 5                      somebody changed weight 5 -> 1 (drift)\n"
        "  delete server 192.0.2.22:80                                     down: L4CON Connection refused\n"
        "mark 20 ipv6\n"
        "  edit service                 scheduler wlc -> fo                configuration\n"
        "  delete service                                                  not in the configuration\n"
        "6 operations to do\n"
    )


def test_everything_that_a_service_or_server_may_be_added_with(run: Run, decided: Any) -> None:
    flags = ServiceFlag.ONE_PACKET | ServiceFlag.SCHED_2
    service = ServiceAttrs("sh", flags, persistence=60, persistence_prefix=24, persistence_engine="sip")
    server = RealAttrs(Forward.TUNNEL, 0, tunnel=Tunnel(TunnelType.GUE, 6080))
    decided(
        Once((Step(AddService(SHOP, service), "", "x"), Step(AddServer(SHOP, ONE, server), "", "y")), (), (), {}, ())
    )
    lines = run("plan").stdout.splitlines()
    words = "scheduler sh, flags one-packet sched-2, persistent 60s, persistence prefix /24, persistence engine sip"
    assert f"  {words}  x" in lines[1]
    assert "tunnel gue, weight 0" in lines[2]
    assert json.loads(run("plan", "-o", "json").stdout)["items"][1]["attrs"] == {
        "forward": "tunnel",
        "weight": 0,
        "upper": 0,
        "lower": 0,
        "tunnel": {"type": "gue", "port": 6080, "checksum": "none"},
    }


def test_a_plan_as_json(run: Run, decided: Any) -> None:
    decided(Once((ADD, EDIT_TWO, DELETE_MARK), (), ((DELETE_TWO, "too many at once"),), {MARK: "no hprio"}, (SLOW,)))
    result = run("plan", "-o", "json")
    shop = {"kind": "address", "address": "192.0.2.20", "port": 80, "protocol": "tcp"}
    mark = {"kind": "mark", "mark": 20, "family": "inet6"}
    two = {"address": "192.0.2.22", "port": 80}
    attrs = {"forward": "route", "weight": 5, "upper": 0, "lower": 0, "tunnel": None}
    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "apiVersion": "lvsctl/v1",
        "kind": "Plan",
        "items": [
            {
                "op": "add-service",
                "service": shop,
                "server": None,
                "attrs": {
                    "scheduler": "hprio",
                    "flags": 0,
                    "persistence": 150,
                    "persistence_prefix": 32,
                    "persistence_engine": "",
                },
                "change": "",
                "reason": "configuration",
                "drift": False,
                "result": None,
            },
            {
                "op": "edit-server",
                "service": shop,
                "server": two,
                "attrs": attrs,
                "change": "weight 1 -> 5",
                "reason": "somebody changed weight 5 -> 1",
                "drift": True,
                "result": None,
            },
            {
                "op": "delete-service",
                "service": mark,
                "server": None,
                "attrs": None,
                "change": "",
                "reason": "not in the configuration",
                "drift": False,
                "result": None,
            },
        ],
        "withheld": [
            {
                "op": "delete-server",
                "service": shop,
                "server": two,
                "attrs": None,
                "change": "",
                "reason": "down: L4CON Connection refused",
                "drift": False,
                "why": "too many at once",
            }
        ],
        "refused": [{"service": mark, "why": "no hprio"}],
        "schedulers": [],
        "warnings": ["/c/a.yaml:3:5: warning: services.shop: is slow"],
    }


def test_what_stands_in_is_told_also_where_there_is_nothing_to_do(run: Run, decided: Any) -> None:
    lacking = (SchedulerMissing("hprio", "fo", ("shop", "mail")), SchedulerMissing("mh", None, ("dns",)))
    decided(Once((), (), (), {}, (), lacking[:1]))
    result = run("plan")
    assert (result.exit_code, result.stdout) == (
        0,
        "the kernel has no scheduler hprio, fo is used in its place: shop, mail\n"
        "nothing to do: the table is as it ought to be\n",
    )
    decided(Once((), (), (), {MARK: "the kernel has no scheduler mh: …"}, (), lacking))
    assert run("plan").stdout == (
        "mark 20 ipv6\n"
        "  refused    the kernel has no scheduler mh: …\n"
        "the kernel has no scheduler hprio, fo is used in its place: shop, mail\n"
        "0 operations to do, 1 service refused\n"
    )
    assert json.loads(run("plan", "-o", "json").stdout)["schedulers"] == [
        {"wanted": "hprio", "used": "fo", "services": ["shop", "mail"]},
        {"wanted": "mh", "used": None, "services": ["dns"]},
    ]


def test_what_was_applied_and_what_was_not(run: Run, decided: Any) -> None:
    results = (None, Refusal(2, "no such scheduler"))
    decided(Once((ADD, ADD_ONE), results, ((DELETE_TWO, "too many at once"),), {MARK: "the kernel has no hprio"}, ()))
    result = run("apply")
    assert result.exit_code == 1
    assert result.stdout == (
        "tcp 192.0.2.20:80\n"
        "  add service                  scheduler hprio, persistent 150s   configuration\n"
        "  add server 192.0.2.21:80     route, weight 5, thresholds 50/20  "
        "up: L7OK 200 OK  REFUSED by the kernel: no such scheduler\n"
        "  delete server 192.0.2.22:80                                     "
        "down: L4CON Connection refused  WITHHELD: too many at once\n"
        "mark 20 ipv6\n"
        "  refused                                                         the kernel has no hprio\n"
        "1 operation done, 1 refused by the kernel, 1 withheld, 1 service refused\n"
    )
    items = json.loads(run("apply", "-o", "json").stdout)["items"]
    assert [item["result"] for item in items] == [
        {"done": True},
        {"done": False, "errno": 2, "message": "no such scheduler"},
    ]


@pytest.mark.parametrize(
    ("command", "found", "status", "last"),
    [
        ("plan", NOTHING, 0, "nothing to do: the table is as it ought to be"),
        ("apply", NOTHING, 0, "nothing to do: the table is as it ought to be"),
        ("apply", Once((ADD,), (None,), (), {}, ()), 0, "1 operation done"),
        ("plan", Once((), (), ((DELETE_TWO, "too many"),), {}, ()), 3, "0 operations to do, 1 withheld"),
        ("apply", Once((), (), ((DELETE_TWO, "too many"),), {}, ()), 1, "0 operations done, 1 withheld"),
        ("plan", Once((), (), (), {SHOP: "no hprio"}, ()), 1, "0 operations to do, 1 service refused"),
    ],
)
def test_exit_statuses(run: Run, decided: Any, command: str, found: Once, status: int, last: str) -> None:
    decided(found)
    result = run(command)
    assert result.exit_code == status
    assert result.stdout.splitlines()[-1] == last


def test_options_and_environment(run: Run, decided: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = decided(NOTHING)
    run("plan")
    run("plan", "-c", "/c", "--state-dir", "/s", "--no-checks")
    run("-c", "/before", "--state-dir", "/s", "apply", "--no-checks")
    monkeypatch.setenv("LVSCTL_CONFIG", "/env")
    monkeypatch.setenv("LVSCTL_STATE_DIR", "/env-state")
    run("apply")
    run("-c", "/before", "apply", "--config", "/after")
    assert asked == [
        ("plan", Path("/etc/lvsctl/conf.d"), Path("/var/lib/lvsctl"), True),
        ("plan", Path("/c"), Path("/s"), False),
        ("apply", Path("/before"), Path("/s"), False),
        ("apply", Path("/env"), Path("/env-state"), True),
        ("apply", Path("/after"), Path("/env-state"), True),
    ]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ConfigError([Problem("/c/a.yaml", 1, 2, "services", "is empty"), SLOW]),
            "/c/a.yaml:1:2: services: is empty\n"
            "/c/a.yaml:3:5: warning: services.shop: is slow\n"
            "lvsctl: the configuration cannot be used; the lines above say where and why\n",
        ),
        (
            KernelError("the kernel has no IPVS: run modprobe ip_vs"),
            "lvsctl: the kernel has no IPVS: run modprobe ip_vs\n",
        ),
        (AlreadyRunning("already running"), "lvsctl: already running\n"),
        (OSError(28, "No space left on device", "/s/owned.json"), "lvsctl: No space left on device: /s/owned.json\n"),
        (OSError("strange"), "lvsctl: strange\n"),
        (
            ZeroDivisionError("a\nb"),
            "lvsctl: a bug in lvsctl (ZeroDivisionError: a b): run it again with LVSCTL_DEBUG=1 to see where, "
            "and report it\n",
        ),
        (
            AssertionError(),
            "lvsctl: a bug in lvsctl (AssertionError): run it again with LVSCTL_DEBUG=1 to see where, and report it\n",
        ),
    ],
)
def test_failures_are_one_line(run: Run, decided: Any, error: Exception, message: str) -> None:
    decided(error)
    result = run("plan")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


def test_the_traceback_of_a_bug_is_for_those_who_ask(run: Run, decided: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(ZeroDivisionError("x"))
    monkeypatch.setenv("LVSCTL_DEBUG", "1")
    shown = run("plan").stderr
    assert shown.startswith("Traceback (most recent call last):\n")
    assert "\nZeroDivisionError: x\nlvsctl: a bug in lvsctl (ZeroDivisionError: x): " in shown


def test_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> Once:
        raise KeyboardInterrupt

    monkeypatch.setattr(once, "plan", interrupt)
    result = run("plan")
    assert (result.exit_code, result.stderr) == (1, "\nlvsctl: interrupted\n")


def test_run_hands_its_options_to_the_daemon(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(app, "run", lambda **options: asked.append(options))
    assert run("run").exit_code == 0
    assert (
        run(
            "--socket", "/s", "run", "-c", "/c", "--state-dir", "/d", "--log-format", "json", "--socket-group", "ops"
        ).exit_code
        == 0
    )
    assert asked == [
        {
            "config": Path("/etc/lvsctl/conf.d"),
            "socket": Path("/run/lvsctl/lvsctl.sock"),
            "socket_group": None,
            "state_dir": Path("/var/lib/lvsctl"),
            "log_format": "auto",
        },
        {
            "config": Path("/c"),
            "socket": Path("/s"),
            "socket_group": "ops",
            "state_dir": Path("/d"),
            "log_format": "json",
        },
    ]


def test_run_knows_the_forms_of_the_log() -> None:
    from lvsctl.cli.changes import LOG_FORMS
    from lvsctl.daemon.log import FORMS

    assert LOG_FORMS == FORMS
