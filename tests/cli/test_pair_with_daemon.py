"""The installed program against the real daemon of a pair: both sides mean the same documents."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from lvsctl.daemon.peer import asking
from lvsctl.kernel.memory import MemoryIpvs
from tests.cli.test_with_daemon import lvsctl
from tests.daemon.peer.making import A, B, free_ports
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
            why = "there is no pair in conf.d: this director stands alone"
            assert (status, out, err) == (1, "", f"lvsctl: {why}\n")


def talking(folder: Path, here: tuple[str, int], there: tuple[str, int]) -> Site:
    """One of two directors that ask one another."""
    folder.mkdir()
    site = Site(MemoryIpvs(schedulers=("wlc",)), folder)
    peer = f"{{address: '{there[0]}:{there[1]}', listen: '{here[0]}:{here[1]}', key: {'k' * 32}, interval: 100ms}}"
    site.write(SHOP + f"pair: {{provider: manual, name: cloud, peer: {peer}}}\n")
    return site


async def said(path: Path, *words: str, expected: str) -> str:
    """The output of the command, once it has this in it."""
    async with asyncio.timeout(30):
        while expected not in (text := "".join(map(str, await lvsctl("--socket", path, *words)))):
            pass
    return text


async def test_two_directors_hand_over_and_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SHORTEST", 60.0)  # a busy machine loses no peer
    one, other = free_ports(A, B)
    here, there = talking(tmp_path / "a", (A, one), (B, other)), talking(tmp_path / "b", (B, other), (A, one))
    paths = here.folder / "lvsctl.sock", there.folder / "lvsctl.sock"
    async with here.running() as a, serving(a, paths[0]):
        await here.ready()
        await lvsctl("--socket", paths[0], "role", "active")
        shown = await said(paths[0], "pair", "status", expected="not heard yet: ")
        assert "\nlvsctl failover would be refused: nobody is known to take over: the peer is not heard" in shown
        async with there.running() as b, serving(b, paths[1]):
            await there.ready()
            shown = await said(paths[0], "pair", "status", expected="cloud     active  -         standby  -")
            assert re.search(rf"\npeer {B}:{other}: heard \d", shown)
            assert "would be refused" not in shown
            assert "ATTENTION" not in shown
            waiting = asyncio.create_task(lvsctl("--socket", paths[0], "failover", "--wait"))
            await said(paths[0], "role", expected="standby")
            assert not waiting.done()
            assert (await lvsctl("--socket", paths[1], "role", "active"))[0] == 0
            status, out, err = await waiting
            assert (status, err) == (0, "")
            assert out.startswith(f"{B}:{other} is active after ")
            assert (await lvsctl("--socket", paths[0], "role", "active"))[0] == 0
            await said(paths[1], "status", expected="ATTENTION: both directors are active for cloud")
