"""The daemon tells a receiver that listens on loopback: once, the end too, whatever happens to it in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lvsctl.daemon import standing
from lvsctl.daemon.alert_file import AlertFile
from lvsctl.daemon.alerting import Alerts
from lvsctl.daemon.daemon import Daemon
from lvsctl.decide.alerting.happening import Standing
from lvsctl.errors import ConfigError
from lvsctl.model import Alerting, Matcher, MatchOp, Silence, Status, Told
from lvsctl.notify.delivery import Delivery
from tests.daemon.site import Servers, Site, conf, service
from tests.notify.made import held
from tests.notify.server import Misbehaving, status

A, B = "127.0.0.11", "127.0.0.12"
SOON = 10.0  # seconds until something is given up, that takes a moment


@pytest.fixture
async def receiver(servers: Servers) -> AsyncIterator[Misbehaving]:
    """After `servers`, because on the kernel that listens in the network namespace."""
    made = Misbehaving()
    yield made
    await made.close()


def alerts(url: str, **keys: object) -> str:
    settings = {"group_by": "[alertname]", "group_wait": "0s", "group_interval": "0s", **keys}
    lines = [f"  {name}: {value}" for name, value in settings.items()]
    return "\n".join(["alerts:", *lines, f"  receivers: {{hook: {{webhook: {url}/}}}}", "  routes: [{to: hook}]", ""])


async def shop(site: Site, servers: Servers, url: str, **keys: object) -> None:
    """Two servers that live, in one service."""
    await servers.start(A, B)
    site.write(conf(service("shop", A, B, address=f"192.0.2.20:{servers.port}", scheduler="rr")))
    site.write(alerts(url, **keys), "alerts.yaml")


async def heard(receiver: Misbehaving, count: int) -> list[str]:
    """What it heard, once that is so much: "firing ServerDown 127.0.0.11"."""
    async with asyncio.timeout(SOON):
        bodies = [one.json() for one in await receiver.until(count)]
    return [
        f"{alert['status']} {alert['labels']['alertname']} {alert['labels'].get('server', '').split(':')[0]}".strip()
        for body in bodies
        for alert in body["alerts"]
    ]


async def heard_of(receiver: Misbehaving, *lines: str) -> None:
    """Until it has heard all of this."""
    async with asyncio.timeout(SOON):
        while not set(lines) <= set(await heard(receiver, 0)):
            await asyncio.sleep(0.02)


async def settled(daemon: Daemon, *names: str) -> None:
    """Until just these alerts fire."""
    async with asyncio.timeout(SOON):
        while sorted(e.alert.name for e in daemon.alerts.state.entries.values() if e.firing) != sorted(names):
            await asyncio.sleep(0.02)


async def taken(daemon: Daemon) -> None:
    """Until the receivers' answers are noted: what is not would go out again after a restart, under its id."""
    assert daemon.alerts.delivery is not None
    async with asyncio.timeout(SOON):
        while any(one.waiting for one in daemon.alerts.delivery.standings()):
            await asyncio.sleep(0.02)


async def test_a_server_that_goes_down_and_comes_back(site: Site, servers: Servers, receiver: Misbehaving) -> None:
    await shop(site, servers, await receiver.start())
    async with site.running():
        await site.ready()
        await servers.kill(A)
        assert await heard(receiver, 1) == [f"firing ServerDown {A}"]
        await servers.start(A)
        assert await heard(receiver, 2) == [f"firing ServerDown {A}", f"resolved ServerDown {A}"]
    first = receiver.heard[0].json()["alerts"][0]
    assert first["labels"]["service"] == "shop" and first["labels"]["director"]
    assert "is down" in first["annotations"]["summary"]


async def test_what_ended_while_the_daemon_was_down_is_told_and_nothing_twice(
    site: Site, servers: Servers, receiver: Misbehaving
) -> None:
    await shop(site, servers, await receiver.start())
    async with site.running() as daemon:
        await site.ready()
        await servers.kill(A)
        await heard(receiver, 1)
        await taken(daemon)
    async with site.running() as daemon:
        await site.ready()
        await settled(daemon, "ServerDown")
    await servers.start(A)
    async with site.running():
        assert await heard(receiver, 2) == [f"firing ServerDown {A}", f"resolved ServerDown {A}"]
    assert len(receiver.heard) == 2


async def test_what_was_made_and_not_handed_over_goes_out_after_a_kill(
    site: Site, servers: Servers, receiver: Misbehaving
) -> None:
    from lvsctl.decide.alerting.engine import step
    from lvsctl.decide.alerting.written import state_json
    from tests.decide.alerting.desk import START, Desk, alerting, route, server_down

    await shop(site, servers, await receiver.start())
    desk = Desk(alerting(route("hook"))).at(0, server_down(1))
    made = step(desk.state, desk.alerting, (), START + 30)
    assert made.state.outbox
    (site.folder / "alerts.json").write_text(json.dumps(state_json(made.state)))
    async with site.running() as daemon:
        assert (await heard(receiver, 1))[0] == "firing ServerDown 10.0.0.1"
        async with asyncio.timeout(SOON):
            while daemon.alerts.state.outbox:
                await asyncio.sleep(0.02)
    assert not json.loads((site.folder / "alerts.json").read_text())["outbox"]


async def test_a_damaged_memory_is_put_aside(
    site: Site, servers: Servers, receiver: Misbehaving, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop(site, servers, await receiver.start())
    (site.folder / "alerts.json").write_text('{"version": 1')
    async with site.running():
        await site.ready()
        await servers.kill(A)
        assert await heard(receiver, 1) == [f"firing ServerDown {A}"]
    assert (site.folder / "alerts.damaged").read_text() == '{"version": 1'
    assert "alerts: the file is damaged, what was told before is forgotten" in capsys.readouterr().out


async def test_a_reload_with_other_times_and_receivers_tells_nothing_twice(
    site: Site, servers: Servers, receiver: Misbehaving
) -> None:
    url = await receiver.start()
    await shop(site, servers, url)
    async with site.running() as daemon:
        await site.ready()
        await servers.kill(A)
        await heard(receiver, 1)
        site.write(alerts(url, group_wait="10ms", labels="{site: fra}"), "alerts.yaml")
        await daemon.reload()
        await servers.start(A)
        assert await heard(receiver, 2) == [f"firing ServerDown {A}", f"resolved ServerDown {A}"]
        assert [one.json()["alerts"][0]["labels"].get("site") for one in receiver.heard] == [None, None]


async def test_a_reload_that_is_refused_is_an_alert_that_ends_with_the_next(
    site: Site, servers: Servers, receiver: Misbehaving
) -> None:
    url = await receiver.start()
    await shop(site, servers, url)
    async with site.running() as daemon:
        await site.ready()
        site.write("services: [", "broken.yaml")
        with pytest.raises(ConfigError):
            await daemon.reload()
        assert await heard(receiver, 1) == ["firing ReloadRefused"]
        (site.config / "broken.yaml").unlink()
        await daemon.reload()
        assert await heard(receiver, 2) == ["firing ReloadRefused", "resolved ReloadRefused"]


async def test_a_server_that_leaves_the_configuration_is_no_longer_down(
    site: Site, servers: Servers, receiver: Misbehaving
) -> None:
    await shop(site, servers, await receiver.start())
    async with site.running() as daemon:
        await site.ready()
        await servers.kill(A)
        await heard(receiver, 1)
        site.write(conf(service("shop", B, address=f"192.0.2.20:{servers.port}", scheduler="rr")))
        await daemon.reload()
        assert await heard(receiver, 2) == [f"firing ServerDown {A}", f"resolved ServerDown {A}"]


async def test_a_silence_holds_and_survives_a_restart(site: Site, servers: Servers, receiver: Misbehaving) -> None:
    await shop(site, servers, await receiver.start())
    async with site.running() as daemon:
        await site.ready()
        matcher = Matcher("alertname", MatchOp.IS, "ServerDown")
        await daemon.alerts.silence(Silence("s1", (matcher,), "alice", "", daemon.started, daemon.started + 3600))
        await servers.kill(A)
        await settled(daemon, "ServerDown")
    async with site.running() as daemon:
        await site.ready()
        await settled(daemon, "ServerDown")
        await daemon.alerts.unsilence("s1", by="bob")
        assert await heard(receiver, 1) == [f"firing ServerDown {A}"]


async def test_who_silenced_what_and_until_when_is_told(site: Site, servers: Servers, receiver: Misbehaving) -> None:
    await shop(site, servers, await receiver.start())
    matcher = Matcher("service", MatchOp.IS, "shop")
    heard_of: list[tuple[str, object]] = []

    def hear(told: Told) -> None:
        if told.record.event.startswith("silence"):
            heard_of.append((told.record.event, told.record.message.rpartition(" by ")[2]))

    async with site.running() as daemon:
        daemon.herald.listeners.append(hear)
        await site.ready()
        for name, seconds in (("s1", 3600.0), ("s2", 4.0)):
            now = time.time()
            await daemon.alerts.silence(Silence(name, (matcher,), "alice", "", now, now + seconds))
        await daemon.alerts.unsilence("s1", by="bob")
        async with asyncio.timeout(SOON):
            while len(heard_of) < 4:
                await asyncio.sleep(0.02)
    assert heard_of == [
        ("silence_set", "alice"),
        ("silence_set", "alice"),
        ("silence_ended", "bob"),
        ("silence_ended", "alerts with service=shop are no longer silenced: its time is over"),
    ]


async def test_a_receiver_that_cannot_be_told_is_an_alert_for_others_only(
    site: Site, servers: Servers, receiver: Misbehaving
) -> None:
    broken = Misbehaving(otherwise=status(403))
    url, dead = await receiver.start(), await broken.start()
    await shop(site, servers, url)
    text = alerts(url).replace("hook}]", "[dead, hook]}]")
    site.write(text.replace("receivers: {", f"receivers: {{dead: {{webhook: {dead}/}}, "), "alerts.yaml")
    async with site.running() as daemon:
        await site.ready()
        await servers.kill(A)
        found = await heard(receiver, 2)
        assert sorted(found) == ["firing DeliveryFailed", f"firing ServerDown {A}"]
        async with asyncio.timeout(SOON):
            await broken.until(1)
        assert not any(b"DeliveryFailed" in one.body for one in broken.heard)
        broken.otherwise = status(200)
        await servers.start(A)
        await settled(daemon)
        ended = [line for line in await heard(receiver, 4) if line.startswith("resolved")]
        assert sorted(ended) == ["resolved DeliveryFailed", f"resolved ServerDown {A}"]
    await broken.close()


async def test_what_was_over_before_pagerduty_could_be_told_is_an_incident_there_that_is_closed(
    site: Site, servers: Servers, receiver: Misbehaving
) -> None:
    receiver.otherwise = status(503)
    await shop(site, servers, url := await receiver.start())
    pagerduty = f"hook: {{pagerduty: {{routing_key: {'k' * 32}, url: {url}/}}}}"
    site.write(alerts(url).replace(f"hook: {{webhook: {url}/}}", pagerduty), "alerts.yaml")
    async with site.running() as daemon:
        await site.ready()
        await servers.kill(A)
        await settled(daemon, "ServerDown")
        async with asyncio.timeout(SOON):
            await receiver.until(1)
        await servers.start(A)
        async with asyncio.timeout(SOON):
            while [*held(site.folder / "alerts" / "hook.jsonl").waiting.values()][-1].status != Status.RESOLVED:
                await asyncio.sleep(0.02)
        assert {one.json()["event_action"] for one in receiver.heard} == {"trigger"}, "and none of these was taken"
        receiver.otherwise = status(202)
        before = len(receiver.heard)
        await taken(daemon)
    told = [one.json() for one in receiver.heard[before:]]
    assert [one["event_action"] for one in told][-2:] == ["trigger", "resolve"]
    began, ended = told[-2:]
    assert began["dedup_key"] == ended["dedup_key"]
    assert began["payload"]["timestamp"] < ended["payload"]["timestamp"]


async def test_a_test_says_what_came_of_it(site: Site, servers: Servers, receiver: Misbehaving) -> None:
    await shop(site, servers, await receiver.start())
    async with site.running() as daemon:
        await site.ready()
        assert await daemon.alerts.test("hook", by="alice") == (True, "hook (webhook, 127.0.0.1) has taken it")
        assert receiver.heard[-1].json()["alerts"][0]["annotations"]["summary"] == "a test by alice: nothing is wrong"
        receiver.otherwise = status(403)
        ok, why = await daemon.alerts.test("hook", by="alice")
        assert not ok and "403" in why
        assert len(receiver.heard) == 2
        assert not daemon.alerts.state.entries


async def test_without_receivers_alerts_are_known_all_the_same(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    site.write(conf(service("shop", A, B, address=f"192.0.2.20:{servers.port}", scheduler="rr")))
    async with site.running() as daemon:
        await site.ready()
        await servers.kill(A, B)
        await settled(daemon, "ServerDown", "ServerDown", "ServiceDown")


async def test_a_full_disk_keeps_nobody_from_being_told(
    site: Site,
    servers: Servers,
    receiver: Misbehaving,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await shop(site, servers, await receiver.start())
    async with site.running() as daemon:
        await site.ready()
        async with asyncio.timeout(SOON):
            while not (site.folder / "alerts.new").is_dir():
                with contextlib.suppress(FileExistsError):  # it is being written just now
                    (site.folder / "alerts.new").mkdir()
                await asyncio.sleep(0)
        await servers.kill(A)
        assert await heard(receiver, 1) == [f"firing ServerDown {A}"]
        (site.folder / "alerts.new").rmdir()
        await servers.start(A)
        await heard(receiver, 2)
        await settled(daemon)
    said = [line for line in capsys.readouterr().out.splitlines() if "the file cannot be written" in line]
    assert len(said) == 1


async def test_a_receiver_that_cannot_be_used_at_the_start_silences_no_other(
    site: Site,
    servers: Servers,
    receiver: Misbehaving,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What mail needs is not installed, and a queue cannot be read; both are told once the queue can be."""
    other = Misbehaving()
    url, late = await receiver.start(), await other.start()
    await shop(site, servers, url)
    mail = "mail: {email: {host: mail.invalid, from: a@b.example, to: c@d.example}}, "
    text = alerts(url).replace("hook}]", "[mail, late, hook]}]")
    site.write(text.replace("receivers: {", f"receivers: {{{mail}late: {{webhook: {late}/}}, "), "alerts.yaml")
    monkeypatch.setitem(sys.modules, "aiosmtplib", None)
    monkeypatch.setitem(Alerts.__init__.__kwdefaults__, "sweep", 0.1)
    queue = site.folder / "alerts" / "late.jsonl"
    queue.mkdir(parents=True)
    async with site.running() as daemon:
        await site.ready()
        await servers.kill(A)
        await heard_of(receiver, "firing DeliveryFailed", f"firing ServerDown {A}")
        assert daemon.alerts.delivery is not None
        hook, waits, missing = daemon.alerts.delivery.standings()
        assert (hook.receiver, hook.failing_since) == ("hook", None)
        assert (waits.receiver, waits.why) == ("late", f"cannot use {queue}: Is a directory")
        assert (missing.receiver, missing.kind, missing.where) == ("mail", "email", "mail.invalid")
        assert missing.why == "e-mail needs aiosmtplib: install it with `pip install 'lvsctl[email]'`"
        async with asyncio.timeout(SOON):
            while not all(one.waiting for one in daemon.alerts.delivery.standings()[1:]):
                await asyncio.sleep(0.02)
        await daemon.reload()  # one that was unusable before keeps nobody from a reload
        queue.rmdir()
        await heard_of(other, f"firing ServerDown {A}")
        assert daemon.alerts.delivery.standings()[1].why == ""
    assert capsys.readouterr().out.count("alerts cannot be delivered") == 2
    kept = json.loads((site.folder / "alerts.json").read_text())["outbox"]
    assert {one["receiver"] for one in kept} == {"mail"}, "it is told after the next start"
    await other.close()


async def test_nothing_is_handed_over_before_there_are_receivers(
    site: Site, servers: Servers, receiver: Misbehaving
) -> None:
    """An operator may silence something while the queues cannot be opened: what is due then is not lost."""
    from lvsctl.decide.alerting.written import state_json
    from tests.decide.alerting.desk import Desk, alerting, route, server_down

    await shop(site, servers, await receiver.start())
    (site.folder / "alerts.json").write_text(
        json.dumps(state_json(Desk(alerting(route("hook"))).at(0, server_down(1)).state))
    )
    (site.folder / "alerts").write_text("in the way of the queues")
    async with site.running() as daemon:
        matcher = Matcher("alertname", MatchOp.IS, "Other")
        await daemon.alerts.silence(Silence("s1", (matcher,), "alice", "", daemon.started, daemon.started + 3600))
        assert daemon.alerts.state.outbox
        (site.folder / "alerts").unlink()
        await daemon.reload()
        assert (await heard(receiver, 1))[0].endswith("ServerDown 10.0.0.1")  # or its end, folded with it


async def test_it_is_looked_how_things_stand_however_much_is_heard(tmp_path: Path) -> None:
    """What nobody told is found, and receivers that could not be used are tried, while one server comes and goes."""
    from tests.decide.alerting.desk import server_down, standing

    looks = []

    def stands() -> Standing:
        looks.append(time.monotonic())
        return standing(judged="")

    told = Alerts(
        AlertFile(tmp_path / "alerts.json"),
        lambda: Delivery(tmp_path / "alerts", tell=lambda _: None),
        stands=stands,
        tell=lambda _: None,
        sweep=0.2,
        gather=0.0,
    )
    await told.start(Alerting())
    told.ready()
    async with asyncio.timeout(SOON):
        while len(looks) < 4:
            told.hear(Told(0, time.time(), server_down()))
            await asyncio.sleep(0.01)
    await told.close()


@pytest.mark.parametrize("where", ["configure", "mend"])
async def test_a_bug_with_the_receivers_is_logged_and_alerts_go_on(
    site: Site,
    servers: Servers,
    receiver: Misbehaving,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    method = getattr(Delivery, where)
    failed = False

    async def once(self: Delivery, *given: object, **named: object) -> object:
        nonlocal failed
        if not failed:
            failed = True
            raise RuntimeError("a bug")
        return await method(self, *given, **named)

    monkeypatch.setattr(Delivery, where, once)
    monkeypatch.setitem(Alerts.__init__.__kwdefaults__, "sweep", 0.1)
    await shop(site, servers, await receiver.start())
    async with site.running():
        await site.ready()
        async with asyncio.timeout(SOON):
            while not failed:
                await asyncio.sleep(0.02)
        await servers.kill(A)
        assert await heard(receiver, 1) == [f"firing ServerDown {A}"]
    assert "a bug in lvsctl: alerts may be missing; report it" in capsys.readouterr().out


async def test_an_alert_about_a_receiver_that_is_no_more_ends(
    site: Site, servers: Servers, receiver: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "DOUBT", 0.0)
    broken = Misbehaving(otherwise=status(403))
    url, dead = await receiver.start(), await broken.start()
    await shop(site, servers, url)
    text = alerts(url).replace("hook}]", "[dead, hook]}]")
    site.write(text.replace("receivers: {", f"receivers: {{dead: {{webhook: {dead}/}}, "), "alerts.yaml")
    async with site.running() as daemon:
        await site.ready()
        await servers.kill(A)
        await settled(daemon, "DeliveryFailed", "ServerDown")
        site.write(alerts(url), "alerts.yaml")
        await daemon.reload()
        await settled(daemon, "ServerDown")
    await broken.close()
