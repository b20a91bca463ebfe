"""The installed program against the real daemon of a pair: both sides mean the same documents."""

from __future__ import annotations

import json
from pathlib import Path

from lvsctl.kernel.memory import MemoryIpvs
from tests.cli.test_with_daemon import lvsctl
from tests.daemon.site import Site, conf, service, serving

SHOP = conf(service("shop", "127.0.0.11", address="192.0.2.20:1", check="none"))


async def test_a_role_is_said_shown_and_handed_over(tmp_path: Path) -> None:
    site = Site(MemoryIpvs(schedulers=("wlc",)), tmp_path)
    site.write(SHOP + "pair: {provider: manual, name: cloud}\n")
    path = tmp_path / "lvsctl.sock"

    async def run(*words: str) -> tuple[int, str, str]:
        return await lvsctl("--socket", path, *words)

    async with site.running() as daemon, serving(daemon, path):
        await site.ready()
        assert await run("role") == (0, "standby\n", "")
        assert await run("role", "active") == (0, "active\n", "")
        status, out, err = await run("pair", "status")
        assert (status, err) == (0, "")
        assert out.startswith("this director is active; provider manual\n\nINSTANCE  ROLE    PRIORITY  PEER")
        assert "\ncloud     active  -         -     -         -          20" in out
        assert json.loads((await run("pair", "status", "-o", "json"))[1])["role"] == "active"
        assert "\nthis director is active\n" in (await run("status"))[1]
        handed = "handed over: `lvsctl pair status` shows who has taken over\n"
        assert await run("failover") == (0, handed, "")
        assert await run("role") == (0, "standby\n", "")
        status, out, err = await run("failover")
        why = "this director is standby, so there is nothing to hand over: do it on the active one"
        assert (status, out, err) == (1, "", f"lvsctl: {why}\n")
        status, _, err = await run("pair", "notify", "INSTANCE", "VI_1", "MASTER", "150")
        why = "the role comes from the provider manual: keepalived's word does not count"
        assert (status, err) == (1, f"lvsctl: {why}\n")


async def test_a_director_that_stands_alone(tmp_path: Path) -> None:
    site = Site(MemoryIpvs(schedulers=("wlc",)), tmp_path)
    site.write(SHOP)
    path = tmp_path / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path):
        await site.ready()
        for words in (["role"], ["pair", "status"], ["failover"], ["failover", "--wait"], ["role", "active"]):
            status, out, err = await lvsctl("--socket", path, *words)
            why = "there is no pair: conf.d has no `pair:`, so this director stands alone"
            assert (status, out, err) == (1, "", f"lvsctl: {why}\n")
