"""Each kind of receiver through the whole of delivery: over HTTP, after a bad start, held against what it accepts."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from lvsctl.events import Event
from lvsctl.model import Alertmanager, Channel, PagerDuty, Receiver, Secret, Slack, Teams, Webhook, WebhookFormat
from lvsctl.notify import attempts
from lvsctl.notify.delivery import Delivery
from tests.notify.made import alert, fresh, held
from tests.notify.server import Behaviour, Misbehaving, close, status
from tests.notify.test_delivery import until
from tests.notify.test_formats import validator

pytestmark = pytest.mark.usefixtures("brisk")


CHANNELS = {
    "alertmanager-webhook": lambda url: Webhook(Secret(url)),
    "cloudevents": lambda url: Webhook(Secret(url), WebhookFormat.CLOUDEVENTS),
    "alertmanager-v2": lambda url: Alertmanager((url,)),
    "slack": lambda url: Slack(Secret(url)),
    "pagerduty": lambda url: PagerDuty(Secret("k" * 32), url),
    "teams": lambda url: Teams(Secret(url)),
}


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize(
    "bad", [status(429, "Retry-After: 1"), status(500), close], ids=["too many", "broken", "hangs up"]
)
async def test_what_arrives_after_a_bad_start(kind: str, bad: Behaviour, tmp_path: Path) -> None:
    server = Misbehaving(bad, otherwise=status(202))
    events: list[Event] = []
    delivery = Delivery(tmp_path, tell=events.append)
    channel: Channel = CHANNELS[kind](await server.start())
    await delivery.configure([Receiver("team", channel)])
    await delivery.submit(fresh(alert("a", start=time.time())))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    first, second = server.heard
    for heard in (first, second):
        validator(kind).validate(json.loads(heard.body))
    assert delivery.standings()[0].numbers.failed == 1
    assert events == [], "what works at the second attempt is no news"
    await delivery.close()
    await server.close()


async def test_pagerduty_hears_of_each_alert_once_whatever_happens_in_between(tmp_path: Path) -> None:
    server = Misbehaving(status(202), status(429, "Retry-After: 1"), otherwise=status(202))
    delivery = Delivery(tmp_path, tell=lambda _: None)
    await delivery.configure([Receiver("team", CHANNELS["pagerduty"](await server.start()))])
    await delivery.submit(fresh(alert("a"), alert("b")))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    assert [heard.json()["payload"]["source"] for heard in server.heard] == ["a", "b", "b"]
    await delivery.close()
    await server.close()


async def test_pagerduty_hears_of_what_began_and_ended_while_it_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the one that it knew, the end; of the other both, in their order, and each once."""
    monkeypatch.setattr(attempts, "FIRST_PAUSE", 2.0)  # between the attempts there is time to change the server
    server = Misbehaving(otherwise=status(202))
    delivery = Delivery(tmp_path, tell=lambda _: None)
    await delivery.configure([Receiver("team", CHANNELS["pagerduty"](await server.start()))])
    a, b = alert("a"), alert("b")
    await delivery.submit(fresh(a, name="n1", begun=frozenset({a.fingerprint})))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    server.otherwise = status(503)
    await delivery.submit(fresh(a, b, name="n2", begun=frozenset({b.fingerprint})))
    await until(lambda: delivery.standings()[0].numbers.failed > 0)
    await delivery.submit(fresh(alert("a", ended=5), alert("b", ended=5), name="n3"))
    before = len(server.heard)
    server.otherwise = status(202)
    await until(lambda: delivery.standings()[0].numbers.delivered == 2)
    told = [heard.json() for heard in server.heard[before:]]
    keys = {f"lvsctl/{one.fingerprint}": one.label("server") for one in (a, b)}
    assert [(one["event_action"], keys[one["dedup_key"]]) for one in told] == [
        ("resolve", "a"),
        ("trigger", "b"),
        ("resolve", "b"),
    ]
    await delivery.close()
    await server.close()


async def test_pagerduty_hears_nothing_twice_of_what_is_folded_with_something_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beginning that it took, and its end, would be another incident if they came again."""
    monkeypatch.setattr(attempts, "FIRST_PAUSE", 2.0)
    server = Misbehaving(*[status(202)] * 3, otherwise=status(429))
    delivery = Delivery(tmp_path, tell=lambda _: None)
    await delivery.configure([Receiver("team", CHANNELS["pagerduty"](await server.start()))])
    over = [alert(name, ended=5) for name in "abc"]
    begun = frozenset(one.fingerprint for one in over)
    await delivery.submit(fresh(*over, name="n1", begun=begun))
    await until(lambda: delivery.standings()[0].numbers.failed > 0)
    news = alert("d")
    await delivery.submit(fresh(alert("d"), name="n2", begun=frozenset({news.fingerprint})))
    server.otherwise, before = status(202), len(server.heard)
    await until(lambda: delivery.standings()[0].waiting == 0)
    taken = [heard.json() for heard in (*server.heard[:3], *server.heard[before:])]
    told = [(one["event_action"], one["payload"]["source"]) for one in taken]
    assert sorted(told) == [*(("resolve", name) for name in "abc"), *(("trigger", name) for name in "abcd")]
    for name in "abc":
        assert told.index(("trigger", name)) < told.index(("resolve", name))
    await delivery.close()
    await server.close()


async def test_what_an_alertmanager_must_be_told_again_survives_a_restart(tmp_path: Path) -> None:
    server = Misbehaving()
    receiver = Receiver("team", Alertmanager((await server.start(),)))
    start = time.time() - 60
    first = Delivery(tmp_path, tell=lambda _: None)
    await first.configure([receiver])
    await first.submit(fresh(alert("a", start=start), name="n1"))
    await until(lambda: first.standings()[0].numbers.delivered == 1)
    assert (first.standings()[0].waiting, list(held(tmp_path / "team.jsonl").waiting)) == (0, ["n1"])
    await first.close()

    second = Delivery(tmp_path, tell=lambda _: None)
    await second.configure([receiver])
    await server.until(2)
    assert server.heard[0].json()[0]["labels"] == server.heard[1].json()[0]["labels"]
    await second.submit(fresh(alert("a", start=start, ended=30.0), name="n2"))
    await until(lambda: list(held(tmp_path / "team.jsonl").waiting) == ["n2"])
    assert server.heard[-1].json()[0]["endsAt"] < server.heard[1].json()[0]["endsAt"]
    await second.close()
    await server.close()
