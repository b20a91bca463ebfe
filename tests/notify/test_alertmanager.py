"""Alertmanager itself, as Debian packages it: it groups what fires and tells of it, and of its end."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lvsctl.events import DeliveryFailed, Event
from lvsctl.model import Alertmanager, Notification, Reason, Receiver, labels
from lvsctl.notify.alertmanager import settled
from lvsctl.notify.delivery import Delivery
from lvsctl.notify.outcome import Later, Outcome, Refused, Taken
from tests.notify.made import alert, fresh
from tests.notify.server import Misbehaving

PROGRAM = shutil.which("prometheus-alertmanager")
needed = pytest.mark.skipif(PROGRAM is None, reason="Debian's prometheus-alertmanager is not installed")

CONFIG = """
route: {{receiver: hook, group_by: [service], group_wait: 200ms, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: "{url}/", send_resolved: true}}]}}]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


@dataclass
class Cluster:
    """Two members that know each other, and what they send on."""

    directory: Path
    hook: Misbehaving
    urls: list[str] = field(default_factory=list)
    members: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def start(self) -> None:
        (self.directory / "am.yml").write_text(CONFIG.format(url=await self.hook.start()))
        gossip = [free_port(), free_port()]
        for number in (0, 1):
            port = free_port()
            self.urls.append(f"http://127.0.0.1:{port}")
            arguments = [
                f"--config.file={self.directory}/am.yml",
                f"--storage.path={self.directory}/{number}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--cluster.listen-address=127.0.0.1:{gossip[number]}",
                f"--cluster.peer=127.0.0.1:{gossip[1 - number]}",
                "--cluster.settle-timeout=2s",
                "--cluster.peer-timeout=5s",  # so long the second waits for the first, however busy the machine
                "--log.level=error",
            ]
            with (self.directory / f"{number}.log").open("wb") as log:
                self.members.append(subprocess.Popen([str(PROGRAM), *arguments], stdout=log, stderr=log))
        for url in self.urls:
            await until(lambda url=url: ask(f"{url}/api/v2/status")["cluster"]["status"] == "ready")  # type: ignore[misc]

    def firing(self, number: int) -> list[str]:
        found = ask(f"{self.urls[number]}/api/v2/alerts")
        return sorted(each["labels"]["server"] for each in found)

    async def close(self) -> None:
        for member in self.members:
            member.kill()
            member.wait()
        await self.hook.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait for what other programs bring about; pytest-timeout ends what never comes."""
    while True:
        try:
            if await asyncio.to_thread(true):
                return
        except OSError:
            pass
        await asyncio.sleep(0.05)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    made = Cluster(tmp_path, Misbehaving())
    try:
        await made.start()
        yield made
    finally:
        await made.close()


@pytest.fixture
def told() -> Iterator[list[Event]]:
    yield []


def now(name: str, *servers: str, ended: tuple[str, ...] = ()) -> Notification:
    """Alerts that began a minute ago, some of which ended just now."""
    start = time.time() - 60
    many = [alert(each, start=start) for each in servers]
    many += [alert(each, start=start, ended=59.0) for each in ended]
    return fresh(*many, name=name, receiver="am", reason=Reason.NEW)


@needed
async def test_it_fires_groups_and_resolves(cluster: Cluster, tmp_path: Path, told: list[Event]) -> None:
    delivery = Delivery(tmp_path / "notify", tell=told.append)
    await delivery.configure([Receiver("am", Alertmanager(tuple(cluster.urls)))])
    await delivery.submit(now("n1", "10.0.0.1:80", "10.0.0.2:80"))
    await until(lambda: bool(cluster.hook.heard))
    for number in (0, 1):  # every member is told; one may hear of it when the other has told it already
        await until(lambda number=number: cluster.firing(number) == ["10.0.0.1:80", "10.0.0.2:80"])  # type: ignore[misc]
    first = cluster.hook.heard[0].json()
    assert (first["status"], first["version"], first["groupLabels"]) == ("firing", "4", {"service": "shop"})
    assert sorted(each["labels"]["server"] for each in first["alerts"]) == ["10.0.0.1:80", "10.0.0.2:80"]

    await delivery.submit(now("n2", ended=("10.0.0.1:80", "10.0.0.2:80")))
    await until(lambda: cluster.hook.heard[-1].json()["status"] == "resolved")
    assert [heard.json()["status"] for heard in cluster.hook.heard] == ["firing", "resolved"], (
        "once, by the two of them"
    )
    await until(lambda: not cluster.firing(0))
    assert told == []
    await delivery.close()


@needed
async def test_one_dead_member_does_not_matter(cluster: Cluster, tmp_path: Path, told: list[Event]) -> None:
    cluster.members[0].kill()
    cluster.members[0].wait()
    delivery = Delivery(tmp_path / "notify", tell=told.append)
    await delivery.configure([Receiver("am", Alertmanager(tuple(cluster.urls)))])
    await delivery.submit(now("n1", "10.0.0.1:80"))
    await until(lambda: bool(cluster.hook.heard))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    (standing,) = delivery.standings()
    assert (standing.waiting, told) == (0, [])
    assert standing.where == ", ".join(url.removeprefix("http://") for url in cluster.urls)
    await delivery.close()


@needed
async def test_what_was_over_before_it_heard_of_it_is_not_told(cluster: Cluster, tmp_path: Path) -> None:
    """So with Prometheus, too: it tells of no end whose beginning it has not told."""
    delivery = Delivery(tmp_path / "notify", tell=lambda _: None)
    await delivery.configure([Receiver("am", Alertmanager(tuple(cluster.urls)))])
    over = now("n1", ended=("10.0.0.1:80",))
    await delivery.submit(replace(over, begun=frozenset({over.alerts[0].fingerprint})))
    await until(lambda: delivery.standings()[0].numbers.delivered == 1)
    after = now("n2", "10.0.0.2:80")
    elsewhere = [replace(one, labels=labels({**dict(one.labels), "service": "mail"})) for one in after.alerts]
    await delivery.submit(replace(after, alerts=(*over.alerts, *elsewhere)))
    await until(lambda: bool(cluster.hook.heard))
    assert [heard.json()["groupLabels"] for heard in cluster.hook.heard] == [{"service": "mail"}]
    await delivery.close()


@needed
async def test_what_it_refuses_is_told_and_not_repeated(cluster: Cluster, tmp_path: Path, told: list[Event]) -> None:
    """A label with a name that it does not know."""
    delivery = Delivery(tmp_path / "notify", tell=told.append)
    await delivery.configure([Receiver("am", Alertmanager(tuple(cluster.urls)))])
    one = alert("10.0.0.1:80", start=time.time())
    bad = type(one)((("0 name", "x"), *one.labels), one.annotations, one.starts_at)
    await delivery.submit(fresh(bad, name="n1", receiver="am"))
    await until(lambda: bool(told))
    assert told == [DeliveryFailed("am", "127.0.0.1 answers 400 (Bad Request)", 0)]
    await delivery.close()


@pytest.mark.parametrize(
    ("outcomes", "means"),
    [
        ([Taken(), Later("a is down")], Taken()),
        ([Refused("no"), Taken()], Taken()),
        ([Refused("a: no"), Refused("b: no")], Refused("a: no; b: no")),
        ([Refused("a: no"), Later("b is down")], Later("a: no; b is down")),
        ([Later("busy", 5.0), Later("busy", 9.0)], Later("busy", 5.0)),
        ([Later("a is busy", 5.0), Later("b is down")], Later("a is busy; b is down")),
    ],
)
def test_what_the_members_say_together(outcomes: list[Outcome], means: Outcome) -> None:
    assert settled(outcomes) == means
