"""What each event adds to the counters."""

from __future__ import annotations

import errno
from ipaddress import ip_address

import pytest
from prometheus_client import generate_latest

from lvsctl.checkapi import Params
from lvsctl.daemon.metrics.counting import Metrics
from lvsctl.events import (
    DirectorSuspected,
    DirectorTrusted,
    DriftFound,
    Event,
    GuardTripped,
    Reloaded,
    ReloadRefused,
    RoundDone,
    ServerChanged,
    ServiceChanged,
    SpillStarted,
)
from lvsctl.model import (
    AddressKey,
    DeleteServer,
    Outcome,
    Protocol,
    Question,
    QuestionId,
    RealKey,
    Refusal,
    ServiceState,
    Step,
    Target,
    Verdict,
)
from tests.daemon.metrics.told import Series, read, series

KEY = AddressKey(ip_address("192.0.2.1"), 80, Protocol.TCP)
SERVER = RealKey(ip_address("10.0.0.1"), 80)
STEP = Step(DeleteServer(KEY, SERVER), "", "down")
FAIL = Outcome(Verdict.FAIL, "L4CON", "Connection refused", 0.003)


def told(metrics: Metrics) -> dict[Series, float]:
    return read(generate_latest(metrics.registry).decode())


def down(service: str) -> ServerChanged:
    return ServerChanged(service, "servers", SERVER, False, "tcp", FAIL)


@pytest.mark.parametrize(
    ("events", "name", "labels", "value"),
    [
        pytest.param([RoundDone((STEP, STEP), ())], "reconcile_changes_total", {"op": "delete-server"}, 2, id="steps"),
        pytest.param([], "reconcile_changes_total", {"op": "edit-service"}, 0, id="a step that was never taken"),
        pytest.param([RoundDone((), ()), RoundDone((), ())], "rounds_total", {}, 2, id="rounds"),
        pytest.param(
            [RoundDone((), ((STEP, Refusal(errno.ENOENT, "")),))],
            "reconcile_errors_total",
            {"errno": "ENOENT"},
            1,
            id="what the kernel refused, by errno's name",
        ),
        pytest.param(
            [RoundDone((), ((STEP, Refusal(9999, "")),))],
            "reconcile_errors_total",
            {"errno": "9999"},
            1,
            id="an errno that has no name",
        ),
        pytest.param([DriftFound(KEY, "")], "drift_total", {}, 1, id="drift"),
        pytest.param([GuardTripped((STEP,), "")], "guard_trips_total", {}, 1, id="a guard that trips"),
        pytest.param([DirectorSuspected("", ())], "director_suspected", {}, 1, id="a suspicion"),
        pytest.param(
            [DirectorSuspected("", ()), DirectorTrusted("", 1.0)], "director_suspected", {}, 0, id="the end of it"
        ),
        pytest.param(
            [DirectorSuspected("", ()), DirectorTrusted("", 1.0)],
            "director_suspicions_total",
            {},
            1,
            id="which is remembered",
        ),
        pytest.param([Reloaded(1, 1, ())], "config_reloads_total", {"result": "taken"}, 1, id="a reload"),
        pytest.param([ReloadRefused(())], "config_reloads_total", {"result": "refused"}, 1, id="one that was refused"),
        pytest.param(
            [down("shop"), down("shop")],
            "server_transitions_total",
            {"service": "shop", "to": "down"},
            2,
            id="servers that went down",
        ),
        pytest.param(
            [ServiceChanged("shop", ServiceState.DOWN, ServiceState.OK, "")],
            "service_transitions_total",
            {"service": "shop", "to": "down"},
            1,
            id="a service that went down",
        ),
        pytest.param(
            [ServiceChanged("shop", ServiceState.OK, None, "")],
            "service_transitions_total",
            {"service": "shop", "to": "ok"},
            0,
            id="the first state of a service is no transition",
        ),
        pytest.param(
            [SpillStarted("shop", "service", "spare")], "spills_total", {"service": "shop"}, 1, id="a spill that began"
        ),
    ],
)
def test_what_an_event_adds(events: list[Event], name: str, labels: dict[str, str], value: float) -> None:
    metrics = Metrics()
    metrics.keep(["shop"])
    for event in events:
        metrics.tell(event)
    assert told(metrics)[series(f"lvsctl_{name}", **labels)] == value


def test_answers_are_counted_by_kind_and_only_real_ones_are_measured() -> None:
    metrics = Metrics()
    target = Target(ip_address("10.0.0.1"), 80)
    question = Question(QuestionId("q"), "tcp", target, Params(), 1.0, 1.0, 1.0, 1.0)
    metrics.heard(question, FAIL)
    metrics.heard(question, Outcome(Verdict.UNKNOWN, "ASKERR", "", 0.0))
    found = told(metrics)
    assert found[series("lvsctl_check_results_total", kind="tcp", result="fail")] == 1
    assert found[series("lvsctl_check_results_total", kind="tcp", result="unknown")] == 1
    assert found[series("lvsctl_check_duration_seconds_count", kind="tcp")] == 1
    assert found[series("lvsctl_check_duration_seconds_bucket", kind="tcp", le="0.0025")] == 0
    assert found[series("lvsctl_check_duration_seconds_bucket", kind="tcp", le="0.005")] == 1


def test_services_begin_at_0_and_leave_nothing_behind() -> None:
    metrics = Metrics()
    metrics.keep(["shop", "mail"])
    metrics.tell(down("shop"))
    metrics.keep(["shop", "new"])
    metrics.tell(down("mail"))  # an answer that was under way
    by_service = {
        dict(labels)["service"]: value
        for (name, labels), value in told(metrics).items()
        if "down" in str(labels) and name == "lvsctl_server_transitions_total"
    }
    assert by_service == {"shop": 1, "new": 0}
