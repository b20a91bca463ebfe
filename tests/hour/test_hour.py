"""The scripted hour: every alert that must arrive arrives once, its resolution too, and nothing else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.hour.story import SHOP, SPILLOVER, Hour, Json, staged

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.kernels("new"),  # sleeping for an hour costs nothing there
    pytest.mark.timeout(3 * 3600),
]


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hour]:
    with staged(tmp_path_factory.mktemp("hour")) as script:
        yield script.play()


def arrived(hour: Hour) -> list[str]:
    """`NAME SUBJECT STATUS` of each alert of each message, in the order in which they arrived."""
    return [
        f"{alert['labels']['alertname']} {subject(alert['labels'])} {alert['status']}"
        for message in hour.sent
        for alert in message["body"]["alerts"]
    ]


def subject(labels: dict[str, str]) -> str:
    return labels.get("server") or labels.get("service") or "director"


MUST_ARRIVE = [
    # The rush.
    "SpillActive shop firing",
    "SpillActive shop resolved",
    # The flapping server: told as it went down, twice, and then no more than that it flaps, until it was stable.
    "ServerDown 192.0.2.21:80 firing",
    "ServerDown 192.0.2.21:80 resolved",
    "ServerDown 192.0.2.21:80 firing",
    "Flapping 192.0.2.21:80 firing",
    "ServerDown 192.0.2.21:80 resolved",
    "Flapping 192.0.2.21:80 resolved",
    # The receiver was dead while blog lost one server, then the other, and one came back; lvsctl was killed meanwhile.
    # A service that is down silences its servers, so of the second one nobody hears.
    "ServiceDown blog resolved",
    "ServerDown 192.0.2.31:80 firing",
    "ServerDown 192.0.2.31:80 resolved",
    # The lost link: servers seem down, but that is the director's own fault, and no server is told of.
    "DirectorSuspected director firing",
    "DirectorSuspected director resolved",
]


def test_what_arrived_is_what_happened_and_each_of_it_once(hour: Hour):
    assert arrived(hour) == MUST_ARRIVE


def test_what_was_over_before_the_receiver_lived_again_is_told_with_its_time(hour: Hour):
    (over,) = [alert for message in hour.sent for alert in message["body"]["alerts"] if is_service_down(alert)]
    minutes = [(moment(over[end]) - hour.began) / 60 for end in ("startsAt", "endsAt")]
    assert minutes == pytest.approx([27.1, 31.05], abs=0.1)


def is_service_down(alert: Json) -> bool:
    return alert["labels"]["alertname"] == "ServiceDown"


def test_no_message_arrived_twice(hour: Hour):
    assert [number for number in Counter(message["id"] for message in hour.sent).values() if number > 1] == []


def test_every_alert_was_resolved(hour: Hour):
    last = {}
    for line in arrived(hour):
        what, _, status = line.rpartition(" ")
        last[what] = status
    assert set(last.values()) == {"resolved"}


def test_the_rush_spilled_four(hour: Hour):
    assert hour.took == Counter({**dict.fromkeys(SHOP, 4), SPILLOVER: 4})
    (ended,) = [one for one in hour.history if one["event"] == "spill_ended"]
    assert (ended["connections"], ended["peak"]) == (4, 4)
    assert 180 <= ended["duration"] <= 200


def test_the_drain_waited_for_the_connections(hour: Hour):
    assert hour.drained == 0
    assert 60 < hour.drain_took < 100


def test_history_and_metrics_tell_the_same(hour: Hour):
    """From the restart on: counters begin at 0 there, history goes on."""
    since = [one for one in hour.history if moment(one["at"]) >= round(hour.restarted, 1)]
    counted = Counter((one["service"], one["event"].removeprefix("server_")) for one in since if one["server"])
    for service in ("shop", "blog", "mail", "wiki"):
        for to in ("up", "down"):
            name = f'lvsctl_server_transitions_total{{service="{service}",to="{to}"}}'
            assert hour.metrics[name] == counted[service, to], name


BEGINS = {"ServerDown": "server_down", "ServiceDown": "service_down", "SpillActive": "spill_started"}


def test_history_and_messages_tell_the_same(hour: Hour):
    """A message says that something began when history says that it did."""
    told = {(one["event"], one["server"] or one["service"], moment(one["at"])) for one in hour.history}
    alerts = [alert for message in hour.sent for alert in message["body"]["alerts"]]
    of_these = [alert for alert in alerts if alert["labels"]["alertname"] in BEGINS]
    assert len(of_these) == 9
    for alert in of_these:
        began = BEGINS[alert["labels"]["alertname"]]
        assert (began, subject(alert["labels"]), moment(alert["startsAt"])) in told


def moment(text: str) -> float:
    """Unix time to the tenth of a second: history has milliseconds, messages more."""
    return round(datetime.fromisoformat(text).timestamp(), 1)


def test_a_burst_of_transitions_makes_no_more_messages_than_groups(hour: Hour):
    assert hour.transitions >= 300
    keys = {message["body"]["groupKey"] for message in hour.burst}
    most = 1 + 5  # the first, and one for each further minute of the burst: group_interval
    assert 0 < len(hour.burst) <= most * len(keys)
