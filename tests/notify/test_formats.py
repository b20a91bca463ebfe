"""What each receiver is sent, held against what its vendor documents; however many alerts, whatever stands in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lvsctl.model import (
    Alert,
    Alertmanager,
    AlertSeverity,
    Notification,
    PagerDuty,
    Reason,
    Secret,
    Slack,
    Teams,
    Webhook,
    WebhookFormat,
)
from lvsctl.notify import alertmanager, pagerduty, slack, teams, webhook
from lvsctl.notify.http import Request
from tests.notify.made import START, alert, notification

NOW = START + 100
SCHEMAS = Path(__file__).parent / "schemas"
URL = Secret("https://host/SECRET")

Requests = Callable[[Notification], Iterable[Request]]


def webhooks(told: Notification, hook: Webhook) -> list[Request]:
    return [webhook.request(part, hook, NOW) for part in webhook.parts(told)]


FORMATS: dict[str, tuple[Requests, int]] = {
    "alertmanager-webhook": (lambda told: webhooks(told, Webhook(URL)), webhook.LARGEST),
    "cloudevents": (lambda told: webhooks(told, Webhook(URL, WebhookFormat.CLOUDEVENTS)), webhook.LARGEST),
    "alertmanager-v2": (lambda told: alertmanager.requests(told, Alertmanager(("http://am:9093",)), NOW), 10**7),
    "slack": (lambda told: slack.requests(told, Slack(URL)), 10**6),
    "pagerduty": (lambda told: pagerduty.requests(told, PagerDuty(Secret("k" * 32))), 512_000),
    "teams": (lambda told: teams.requests(told, Teams(URL)), teams.LARGEST),
}

texts = st.text(st.characters(codec=None), max_size=300) | st.sampled_from(["\udc80", "\0", "<!channel>", "x" * 9000])
alerts = st.builds(
    lambda server, summary, note, severity, ended: alert(
        server or "-", ended=ended, severity=severity, summary=summary, note=note
    ),
    texts,
    texts,
    texts,
    st.sampled_from([str(each) for each in AlertSeverity]),
    st.none() | st.floats(0, 1e6),
)
notifications = st.builds(
    lambda many, group, reason: notification(*many, group=group or "-", reason=reason),
    st.lists(alerts, min_size=1, max_size=5),
    texts,
    st.sampled_from(Reason),
)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", FORMATS)
@given(told=notifications)
def test_whatever_happens_the_vendor_understands_it(name: str, told: Notification) -> None:
    requests, largest = FORMATS[name]
    for request in requests(told):
        validator(name).validate(json.loads(request.body))
        assert len(request.body) <= largest


def hundreds() -> Notification:
    """300 that fire and 300 that are over; each says much."""
    servers = [f"10.0.{n // 100}.{n % 100}:80" for n in range(600)]
    note = "ü" * 5000
    firing = [alert(server, note=note) for server in servers[:300]]
    return notification(*firing, *(alert(server, ended=5, note=note) for server in servers[300:]))


@pytest.mark.parametrize("name", FORMATS)
def test_of_hundreds_each_is_told_however_many_messages_that_takes(name: str) -> None:
    """Whose beginning was told, his end is: nobody may be left with something that seems to go on."""
    requests, largest = FORMATS[name]
    told = hundreds()
    made = list(requests(told))
    for request in made:
        validator(name).validate(json.loads(request.body))
        assert len(request.body) <= largest
    text = b"".join(request.body for request in made).decode()
    assert [one for one in told.alerts if f"{one.label('server')} of shop" not in text] == []
    most = {"slack": 7, "teams": 4, "alertmanager-v2": 1, "pagerduty": 600}
    assert len(made) <= most.get(name, 12)


@pytest.mark.parametrize("name", ["slack", "teams"])
def test_people_read_whether_it_fires_or_is_over_of_each(name: str) -> None:
    texts = "".join(text for request in FORMATS[name][0](hundreds()) for text in _texts(json.loads(request.body)))
    for one in hundreds().alerts:
        state = "FIRING" if one.firing else "RESOLVED"
        assert texts.count(f"{state} warning: server {one.label('server')} of shop is down") == 1


def _texts(value: object) -> Iterable[str]:
    match value:
        case {"text": str(text), "blocks": blocks}:  # what a desktop notification shows is a copy
            assert text.startswith("[FIRING:300] shop")
            yield from _texts(blocks)
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
        case str():
            yield value


def test_slack_takes_no_more_than_so_many_blocks_and_characters() -> None:
    """Of small alerts a message may have many, of large ones few."""
    for note in ("", "x" * 150, "<" * 5000):
        for count in (1, 30, 60, 1000):
            for message in slack.render(notification(*(alert(f"s{n}", note=note, summary="x") for n in range(count)))):
                assert len(message["blocks"]) <= slack.BLOCKS
                assert len(json.dumps(message["blocks"], ensure_ascii=False)) <= slack.LARGEST


def test_messages_that_go_on_are_numbered() -> None:
    headers = [message["blocks"][0]["text"]["text"] for message in slack.render(hundreds())]
    count = len(headers)
    assert headers == [f"[FIRING:300] shop ({number} of {count})" for number in range(1, count + 1)]
    long = notification(*hundreds().alerts, group="x" * 500)
    assert slack.render(long)[0]["blocks"][0]["text"]["text"].endswith(f"x… (cut) (1 of {count})")


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_notification_is_the_same_bytes(name: str) -> None:
    requests, _ = FORMATS[name]
    told = notification(alert("a"), *(alert(f"b{n}", ended=5, note="x" * 2000) for n in range(200)))
    assert [each.body for each in requests(told)] == [each.body for each in requests(told)]


def test_alertmanagers_webhook_body() -> None:
    told = notification(alert("a", why="refused"), alert("b", ended=5))
    common = {"alertname": "ServerDown", "director": "lb1", "service": "shop", "severity": "warning"}
    body = webhook.body(webhook.whole(told))
    first, second = body.pop("alerts")
    assert body == {
        "version": "4",
        "groupKey": "shop",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "team",
        "groupLabels": {"service": "shop"},
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": "",
    }
    assert first == {
        "status": "firing",
        "labels": common | {"server": "a"},
        "annotations": {"summary": "server a of shop is down", "why": "refused"},
        "startsAt": "2026-09-21T14:13:20.000Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": alert("a").fingerprint,
    }
    assert (second["status"], second["endsAt"]) == ("resolved", "2026-09-21T14:13:25.000Z")


def test_a_webhook_is_told_every_end_however_many() -> None:
    """In as many messages as it takes, each with an id of its own, and none says that all is over while much fires."""
    firing = [alert(f"f{n}", note="x" * 2000) for n in range(200)]
    ended = [alert(f"e{n}", ended=5, note="x" * 2000) for n in range(200)]
    requests = webhooks(notification(*firing, *ended), Webhook(URL))
    bodies = [json.loads(request.body) for request in requests]
    assert [each["labels"]["server"] for body in bodies for each in body["alerts"]] == [
        each.label("server") for each in (*firing, *ended)
    ]
    assert [request.headers["webhook-id"] for request in requests] == ["n1", "n1-2", "n1-3", "n1-4"]
    assert {(body["status"], body["truncatedAlerts"]) for body in bodies} == {("firing", 0)}


def test_a_cloud_event() -> None:
    event = webhook.cloud_event(webhook.whole(notification()))
    assert event.pop("data") == webhook.body(webhook.whole(notification()))
    assert event == {
        "specversion": "1.0",
        "id": "n1",
        "source": "/lvsctl/lb1",
        "type": "io.lvsctl.alerts.firing.v1",
        "subject": "shop",
        "time": "2026-09-21T14:13:30.000Z",
        "datacontenttype": "application/json",
    }


def test_headers_of_an_operator_do_not_take_the_place_of_ours() -> None:
    headers = (
        ("Content-Type", Secret("text/plain")),
        ("Authorization", Secret("Bearer x")),
        ("Webhook-Id", Secret("y")),
    )
    (request,) = webhooks(notification(), Webhook(URL, headers=headers))
    assert request.headers == {"content-type": "application/json", "authorization": "Bearer x", "webhook-id": "n1"}


@pytest.mark.parametrize(
    ("one", "starts", "ends", "why"),
    [
        (alert("a"), "14:13:20", "14:19:00", "it fires for four renewals more"),
        (alert("a", ended=5), "14:13:20", "14:13:25", "it has ended"),
        (alert("a", ended=500), "14:13:20", "14:15:00", "it has ended, so not in the future"),
    ],
)
def test_alertmanagers_api(one: Alert, starts: str, ends: str, why: str) -> None:
    (told,) = alertmanager.render(notification(one), NOW)
    assert (told["startsAt"], told["endsAt"]) == (f"2026-09-21T{starts}.000Z", f"2026-09-21T{ends}.000Z"), why


@pytest.mark.parametrize(
    ("cluster", "authorization"),
    [
        (Alertmanager(("http://a",)), None),
        (Alertmanager(("http://a",), user="me", password=Secret("pw")), "Basic bWU6cHc="),
        (Alertmanager(("http://a",), token=Secret("t")), "Bearer t"),
    ],
)
def test_who_we_are_for_alertmanager(cluster: Alertmanager, authorization: str | None) -> None:
    (request,) = alertmanager.requests(notification(), cluster, NOW)
    assert request.headers.get("authorization") == authorization


def test_each_member_is_told_at_its_prefix() -> None:
    cluster = Alertmanager(("http://a:9093", "http://b:9093/prefix/"))
    urls = [request.url.reveal() for request in alertmanager.requests(notification(), cluster, NOW)]
    assert urls == ["http://a:9093/api/v2/alerts", "http://b:9093/prefix/api/v2/alerts"]


def test_pagerduty_opens_and_closes_by_the_same_key() -> None:
    (opened,) = pagerduty.render(notification(alert("a")))
    (closed,) = pagerduty.render(notification(alert("a", ended=5)))
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]
    assert opened["payload"]["source"] == "a" and opened["payload"]["component"] == "shop"
    assert opened["payload"]["timestamp"] == "2026-09-21T14:13:20.000Z"
    assert "ends_at" not in opened["payload"]["custom_details"]
    assert closed["payload"] == opened["payload"] | {
        "timestamp": "2026-09-21T14:13:25.000Z",
        "custom_details": opened["payload"]["custom_details"]
        | {"starts_at": "2026-09-21T14:13:20.000Z", "ends_at": "2026-09-21T14:13:25.000Z"},
    }


def test_pagerduty_hears_of_the_beginning_of_what_is_over_if_it_never_did() -> None:
    """It ignores the end of what it does not know: nothing would be left there of an outage."""
    over = alert("a", ended=5)
    events = pagerduty.render(notification(over, alert("b", ended=5), begun=frozenset({over.fingerprint})))
    assert [(event["event_action"], event["dedup_key"] == events[0]["dedup_key"]) for event in events] == [
        ("trigger", True),
        ("resolve", True),
        ("resolve", False),
    ]
    times = {"starts_at": "2026-09-21T14:13:20.000Z", "ends_at": "2026-09-21T14:13:25.000Z"}
    stamps = [event["payload"]["timestamp"] for event in events]
    assert stamps == [times["starts_at"], times["ends_at"], times["ends_at"]]
    for event in events:
        assert times.items() <= event["payload"]["custom_details"].items(), "whichever of them is read"


def test_pagerduty_is_not_left_with_an_incident_by_a_test() -> None:
    events = pagerduty.render(notification(alert("a"), reason=Reason.TEST))
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]


def test_slack_mentions_nobody_and_links_nothing() -> None:
    (message,) = slack.render(notification(alert("a", summary="<!channel> & <https://evil|here>")))
    (_, section) = message["blocks"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil|here&gt;" in section["text"]["text"]
    assert "<" not in section["text"]["text"]


def test_teams_takes_nothing_for_markdown() -> None:
    """There is no element in which Markdown means anything."""
    (message,) = teams.render(notification(alert("a", summary="[here](https://evil)")))
    body = message["attachments"][0]["content"]["body"]
    elements: list[Any] = [inline for block in body for inline in block["inlines"]]
    assert {element["type"] for element in elements} == {"TextRun"}
