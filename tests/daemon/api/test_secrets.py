"""No secret of a receiver comes out of a running daemon: not by its log, its files, or any answer on its socket."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import aiohttp
import pytest

from lvsctl.errors import ConfigError
from tests.daemon.site import Servers, Site, conf, service, serving
from tests.notify.server import Misbehaving, status

A, B = "127.0.0.11", "127.0.0.12"
SECRET = "s3cret"
SIGNING = base64.b64encode(f"{SECRET}-of-thirty-two-bytes-in-all".encode()).decode()
ASKED = ("/v1/status", "/v1/alerts", "/v1/history", "/v1/silences", "/v1/overrides", "/v1/explain?subject=shop")

RECEIVERS = """
alerts:
  group_wait: 0s
  receivers:
    hook: {{webhook: {{url: "${{env:HOOK}}", headers: {{authorization: "${{env:KEY}}"}}, secrets: "${{env:SIGNING}}"}}}}
    chat: {{slack: "${{env:HOOK}}"}}
    team: {{teams: "${{env:HOOK}}"}}
    duty: {{pagerduty: {{routing_key: "${{env:KEY}}", url: {url}}}}}
    am: {{alertmanager: {{urls: [{url}], user: me, password: "${{env:KEY}}"}}}}
    mail: {{email: {{host: 127.0.0.1, port: 1, from: a@b.c, to: a@b.c, user: me, password: "${{env:KEY}}"}}}}
    own: {{program: {{command: [/bin/sh, -c, "echo $0; echo $0 >&2; exit 1", {secret}]}}}}
  routes: [{{to: [hook, chat, team, duty, am, mail, own]}}]
"""
NAMES = ("hook", "chat", "team", "duty", "am", "mail", "own")

WRONG = [
    'x: {slack: "ftp://host/s3cret"}',
    "x: {slack: [s3cret]}",
    "x: {slack: {ulr: https://host/s3cret}}",
    "x: {teams: {url: {s3cret: 1}}}",
    'x: {webhook: {url: "http://h/", headers: "x-key: s3cret"}}',
    'x: {webhook: {url: "http://h/", headers: {x-key: [s3cret]}}}',
    'x: {webhook: {url: "http://h/", secrets: whsec_s3cret}}',
    'x: {pagerduty: {routing_key: "two\\nlines s3cret"}}',
    'x: {alertmanager: "http://me:s3cret@host:9093"}',
    "x: {email: {host: h, from: a@b.c, to: a@b.c, user: me, password: [s3cret]}}",
    'x: {email: {host: h, security: none, from: a@b.c, to: a@b.c, user: me, password: "s3cret"}}',
]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", f"{SECRET}-key")
    monkeypatch.setenv("SIGNING", f"whsec_{SIGNING}")


async def test_whatever_fails(
    site: Site, servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Misbehaving(otherwise=status(403, f"X-Said: {SECRET}", body=SECRET.encode()))
    await servers.start(A, B)
    url = await broken.start()
    monkeypatch.setenv("HOOK", f"{url}/{SECRET}/hook")
    site.write(conf(service("shop", A, B, address=f"192.0.2.20:{servers.port}", scheduler="rr")))
    site.write(RECEIVERS.format(url=url, secret=SECRET), "alerts.yaml")
    path = site.folder / "lvsctl.sock"
    said: list[str] = []
    connector = aiohttp.UnixConnector(str(path))
    async with (
        site.running() as daemon,
        serving(daemon, path),
        aiohttp.ClientSession("http://lvsctl", connector=connector) as http,
    ):
        await site.ready()
        await servers.kill(A)
        assert daemon.alerts.delivery is not None
        async with asyncio.timeout(30):
            while not all(one.why for one in daemon.alerts.delivery.standings()):
                await asyncio.sleep(0.02)
        for receiver in NAMES:
            async with http.post("/v1/alerts/test", json={"receiver": receiver}) as answer:
                said.append(await answer.text())
        for wrong in WRONG:
            site.write(f"alerts: {{receivers: {{{wrong}}}, routes: [{{to: x}}]}}", "alerts.yaml")
            with pytest.raises(ConfigError) as refused:
                await daemon.reload()
            said.append(str(refused.value))
        for asked in (*ASKED, "/metrics"):
            async with http.get(asked) as answer:
                said.append(await answer.text())
                assert answer.status == 200, asked
        said += [str(path.relative_to(site.folder)) for path in site.folder.rglob("*")]
    said += [file.read_text() for file in kept(site.folder)]
    said += capsys.readouterr()
    assert "403" in "".join(said) and "not reloaded" in "".join(said)
    assert [text for text in said if SECRET in text or SIGNING in text] == []
    await broken.close()


def kept(folder: Path) -> list[Path]:
    """The files of the state directory, queues included; what operators wrote is in conf.d."""
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "conf.d"]
