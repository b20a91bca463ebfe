"""A real Prometheus with the shipped rules scrapes a daemon: its targets are up, and a dead server is an alert."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lvsctl.kernel.memory import MemoryIpvs
from tests.daemon.site import Servers, Site, conf, service
from tests.deploy.exported import DEPLOY, expressions

A, B, C = "127.0.0.11", "127.0.0.12", "127.0.0.13"
VIP = "192.0.2.20"
PATIENCE = 40.0  # seconds; Prometheus needs about five for all of it

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is missing: apt-get install prometheus"
)


class Prometheus:
    """Asks a Prometheus that has begun to answer."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, path: str, **query: str) -> Any:
        async with self._session.get(f"/api/v1/{path}", params=query) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["data"]

    async def until(self, what: str, path: str, holds: Callable[[Any], bool], **query: str) -> Any:
        found: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds(found := await self.get(path, **query)):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}; there is {found}") from None
        return found

    async def value(self, what: str, expression: str, wanted: str) -> None:
        def holds(found: Any) -> bool:
            return [one["value"][1] for one in found["result"]] == [wanted]

        await self.until(what, "query", holds, query=expression)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[Prometheus]:
    """Started with the shipped rules, evaluated each second; ended with the block."""
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus" / "*.rules.yml")],
        "scrape_configs": [{"job_name": "lvsctl", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings))  # JSON is YAML
    where = f"127.0.0.1:{free_port()}"
    options = (f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}")
    with (folder / "prometheus.log").open("wb") as log:
        program = await asyncio.create_subprocess_exec(
            "prometheus", *options, f"--web.listen-address={where}", stderr=log
        )
    try:
        async with aiohttp.ClientSession(f"http://{where}") as session:
            await _ready(session, program)
            yield Prometheus(session)
    finally:
        if program.returncode is None:
            program.terminate()
        await program.wait()


async def _ready(session: aiohttp.ClientSession, program: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE):
        while program.returncode is None:
            try:
                async with session.get("/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError("prometheus has ended")


async def test_a_dead_server_becomes_an_alert(tmp_path: Path) -> None:
    servers, site = Servers(), Site(MemoryIpvs(), tmp_path)
    await servers.start(A, B)
    shop = service("shop", A, B, address=f"{VIP}:{servers.port}", thresholds="{upper: 5}")
    where = f"127.0.0.1:{free_port()}"
    site.write(conf(shop) + f"metrics: {{listen: {where}, compat: [node_exporter, gen2brain]}}\n")
    try:
        async with site.running(), prometheus(tmp_path, where) as asked:
            await site.ready()
            await asked.until("targets", "targets", _all_up)
            await asked.value("two live servers", 'sum(lvsctl_server_up{service="shop"})', "2")
            await asked.value("names of node_exporter", "count(node_ipvs_backend_weight)", "2")
            for query in expressions():
                assert (await asked.get("query", query=query))["result"] is not None, query
            await servers.kill(B)
            await asked.value("one of them dead", 'lvsctl_server_up{service="shop"} == 0', "0")
            alerts = await asked.until("an alert", "alerts", lambda found: _pending(found, "LvsctlHalfOfPoolDown"))
            told = _named(alerts, "LvsctlHalfOfPoolDown")["annotations"]
            assert told["summary"] == "Half of pool servers of shop is down"
            await servers.start(B)
            await asked.value("both live again", 'sum(lvsctl_server_up{service="shop"})', "2")
            await asked.until("no alert", "alerts", lambda found: not _pending(found, "LvsctlHalfOfPoolDown"))
            rules = await asked.get("rules")
            assert {rule["health"] for group in rules["groups"] for rule in group["rules"]} == {"ok"}
    finally:
        await servers.close()


def _all_up(found: Any) -> bool:
    return [target["health"] for target in found["activeTargets"]] == ["up"]


def _named(found: Any, name: str) -> Any:
    return next(alert for alert in found["alerts"] if alert["labels"]["alertname"] == name)


def _pending(found: Any, name: str) -> bool:
    return any(alert["labels"]["alertname"] == name for alert in found["alerts"])
