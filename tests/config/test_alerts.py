"""What `alerts:` becomes."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from lvsctl.model import (
    LOUD,
    PAGERDUTY,
    Alerting,
    Alertmanager,
    AlertSeverity,
    Email,
    Flapping,
    Grouping,
    MailSecurity,
    PagerDuty,
    Program,
    Quiet,
    Route,
    Secret,
    Slack,
    Webhook,
    WebhookFormat,
)
from tests.config.loading import complaints, loaded

SERVICE = """
services:
  shop: {address: 192.0.2.1:80, servers: [10.0.0.1], check: {tcp: {}}}
"""
GOOD = Path(__file__).parent / "testdata" / "good" / "alerts.yaml"


def alerting(*texts: str) -> Alerting:
    return loaded(SERVICE, *texts).spec.alerting


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> Alerting:
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", "hunter2")
    monkeypatch.setenv("LVSCTL_TEST_URL", "https://hooks.example/hunter2")
    monkeypatch.setenv("LVSCTL_TEST_WHSEC", "whsec_" + "QUFB" * 8)
    return loaded(GOOD.read_text()).spec.alerting


def test_without_alerts_nobody_is_told() -> None:
    assert alerting() == Alerting()


def test_receivers(everything: Alerting) -> None:
    found = {name: receiver.channel for name, receiver in everything.receivers.items()}
    token = Secret("hunter2")
    assert found["chat"] == Slack(Secret("https://hooks.example/hunter2"))
    assert found["pager"] == PagerDuty(token, PAGERDUTY)
    assert found["am"] == Alertmanager(("http://am1.example:9093", "http://am2.example:9093"))
    assert found["hook"] == Webhook(
        Secret("https://hooks.example/lvsctl"),
        WebhookFormat.CLOUDEVENTS,
        (("X-Site", Secret("fra")), ("Authorization", token)),
        (Secret("whsec_" + "QUFB" * 8),),
    )
    mail = Email(
        "mail.example", 587, "lvsctl@example.com", ("ops@example.com",), MailSecurity.STARTTLS, "lvsctl", token
    )
    assert found["mail"] == mail
    assert found["script"] == Program(("/usr/local/bin/page", "--urgent"))
    pager, chat = everything.receivers["pager"], everything.receivers["chat"]
    assert (pager.retry_for, pager.queue, pager.timeout, pager.send_resolved) == (3600.0, 50, 5.0, True)
    assert (chat.retry_for, chat.queue, chat.timeout, chat.send_resolved) == (86400.0, 1000, 15.0, False)


def test_no_secret_is_in_what_is_shown_of_it(everything: Alerting) -> None:
    assert "hunter2" not in repr(everything)
    assert "QUFB" not in repr(everything)


def test_routes(everything: Alerting) -> None:
    am, pager, mail, hook, rest = everything.routes
    usual = Grouping(("alertname", "service"), 10.0, 300.0, 14400.0)
    assert am == Route(am.id, ("am",), proceed=True, grouping=usual)
    assert pager == Route(
        pager.id,
        ("pager", "chat"),
        severities=frozenset({AlertSeverity.CRITICAL}),
        proceed=True,
        grouping=Grouping(None, 0.0, 300.0, 14400.0),
    )
    assert (mail.events, mail.services) == (frozenset({"server_down", "flapping"}), ("sh*",))
    assert mail.severities == frozenset(AlertSeverity)  # who names events wants them whatever their severity
    assert (hook.severities, hook.grouping.repeat) == (frozenset({AlertSeverity.INFO}), 43200.0)
    assert (rest.grouping.by, rest.severities) == ((), LOUD)
    assert len({route.id for route in everything.routes}) == 5


def test_quiet_hours(everything: Alerting) -> None:
    nights, weekend = everything.routes[2].quiet
    assert (nights.name, nights.days, nights.start, nights.end) == ("nights", frozenset(range(5)), 22 * 60, 7 * 60)
    assert str(nights.zone) == "Europe/Berlin"
    assert weekend == Quiet("weekend", frozenset({5, 6}), 0, 1440, weekend.zone)
    assert weekend.zone.utcoffset(None) is None or weekend.zone == UTC or str(weekend.zone) == "UTC"


def test_flapping_and_labels(everything: Alerting) -> None:
    assert everything.flapping == Flapping(4, 300.0, 120.0, 1800.0)
    assert everything.labels == (("site", "fra"),)
    assert alerting("alerts: {flapping: off}").flapping is None


def test_ids_of_routes_do_not_depend_on_times_and_tell_equal_ones_apart() -> None:
    text = "alerts: {receivers: {a: {webhook: http://h/}}, routes: [%s]}"
    one, same, other = (
        [route.id for route in alerting(text % routes).routes]
        for routes in (
            "{to: a, service: shop}",
            "{to: a, service: shop, group_wait: 1s, repeat_interval: 9h}",
            "{to: a, service: shop, continue: true}, {to: a, service: shop}",
        )
    )
    assert one == same == other[:1]
    assert len(set(other)) == 2


def test_two_files_are_joined() -> None:
    first = """
    alerts:
      group_wait: 5s
      receivers: {a: {webhook: http://a.example/}}
      routes: [{to: a, service: shop}]
    """
    second = """
    alerts:
      receivers: {b: {webhook: http://b.example/}}
      routes: [{to: [a, b]}]
    """
    found = alerting(first, second)
    assert sorted(found.receivers) == ["a", "b"]
    assert [route.receivers for route in found.routes] == [("a",), ("a", "b")]
    assert [route.grouping.wait for route in found.routes] == [5.0, 5.0]


def test_a_mistake_in_one_receiver_is_not_held_against_the_routes() -> None:
    text = """
    alerts:
      receivers: {a: {webhook: ftp://a}, b: {slakc: http://b/}}
      routes: [{to: [a, b]}]
    """
    found = complaints(SERVICE, text)
    assert len(found) == 2 and not any("no receiver" in one for one in found)


def test_a_credential_of_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "slack").write_text("https://hooks.example/hunter2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    text = 'alerts: {receivers: {a: {slack: "${cred:slack}"}}, routes: [{to: a}]}'
    assert alerting(text).receivers["a"].channel == Slack(Secret("https://hooks.example/hunter2"))
    assert not loaded(SERVICE, text).warnings
