"""The control socket: what it answers, and what may not be in its way."""

from __future__ import annotations

import grp
import os
import socket
import stat
from pathlib import Path

import aiohttp
import pytest

from lvsctl.daemon.api.listener import group_number, held
from lvsctl.errors import AlreadyRunning, LvsctlError
from lvsctl.kernel.memory import MemoryIpvs
from tests.daemon.site import Servers, Site, conf, service, serving, tcp, weights

A, B = "127.0.0.11", "127.0.0.12"
VIP = "192.0.2.20"


def client(path: Path) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)), base_url="http://lvsctl")


async def test_status_tells_what_is_wanted_believed_and_there(site: Site, servers: Servers) -> None:
    await servers.start(A, B)
    await servers.kill(B)
    key = tcp(VIP, servers.port)
    keys = {"scheduler": "nosuch", "scheduler_fallback": "fo", "thresholds": "{upper: 50, lower: 20}"}
    site.write(conf(service("shop", A, address=f"{VIP}:{servers.port}", spare=(B,), **keys)))
    path = site.folder / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        await site.ready()
        await site.until("the living one", lambda table: weights(table, key) == {A: 2})
        await site.rounds(1)
        async with http.get("/v1/status") as answer:
            status = await answer.json()
        async with http.get("/-/ready") as answer:
            assert (answer.status, await answer.text()) == (200, "ready\n")
        async with http.get("/metrics") as answer:
            assert 'lvsctl_check_results_total{kind="tcp",result="pass"}' in await answer.text()
    assert (status["apiVersion"], status["kind"], status["ready"]) == ("lvsctl/v1", "Status", True)
    [shop] = status["services"]
    assert shop["name"] == "shop"
    assert shop["key"] == {"kind": "address", "address": VIP, "port": servers.port, "protocol": "tcp"}
    reason = "the kernel has no scheduler nosuch"
    assert shop["scheduler"] == {"wanted": "nosuch", "used": "fo", "available": False, "reason": reason}
    assert shop["state"] == "ok"
    [upper, lower] = shop["pools"]
    assert (upper["name"], upper["active"], lower["name"], lower["active"]) == ("service", True, "spare", False)
    [up], [down] = upper["servers"], lower["servers"]
    assert (up["health"], up["in_table"], up["weight"], up["upper"], up["lower"]) == ("up", True, 2, 50, 20)
    assert up["reason"] == "L4OK connected"
    assert up["since"].startswith(status["started"][:10])
    assert down["since"] is None  # it was never seen up: nobody knows since when it is down
    assert (down["health"], down["in_table"], down["weight"], down["weight_configured"]) == ("down", False, None, 1)
    assert down["reason"] == "L4CON Connection refused"
    assert down["why"] == "down: L4CON Connection refused"
    [entry] = status["table"]
    assert [server["address"] for server in entry["servers"]] == [A]
    assert status["foreign"] == []


async def test_reload_over_the_socket(site: Site, servers: Servers) -> None:
    await servers.start(A)
    good = conf(service("shop", A, address=f"{VIP}:{servers.port}", check="{tcp: {}, interval: 1s}"))
    site.write(good)
    path = site.folder / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path), client(path) as http:
        async with http.post("/v1/reload") as answer:
            assert (answer.status, await answer.json()) == (200, {"ok": True, "warnings": []})
        site.write(good.replace("forward", "foward"))
        async with http.post("/v1/reload") as answer:
            assert answer.status == 422
            body = await answer.json()
        assert body["ok"] is False
        assert len(body["problems"]) == 1
        assert "did you mean `forward`?" in body["problems"][0]


@pytest.fixture
def remembered(tmp_path: Path) -> Site:
    site = Site(MemoryIpvs(schedulers=("wlc",)), tmp_path)
    site.write(conf(service("shop", A, address=f"{VIP}:1", check="none")))
    return site


async def test_the_socket_is_for_owner_and_group_and_goes_with_the_daemon(remembered: Site) -> None:
    path = remembered.folder / "run" / "lvsctl.sock"
    async with remembered.running() as daemon:
        async with serving(daemon, path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert not path.exists()


async def test_the_socket_is_given_to_a_group(remembered: Site) -> None:
    path = remembered.folder / "lvsctl.sock"
    if os.getuid():
        pytest.skip("only root may give it to any group")
    async with remembered.running() as daemon, serving(daemon, path, group=4321):
        assert (path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (4321, 0o660)


@pytest.mark.parametrize(("known", "given"), [(True, 4321), (False, None)])
def test_where_there_is_a_group_lvsctl_it_is_given_to_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool, given: int | None
) -> None:
    def look(name: str) -> grp.struct_group:
        if name == "lvsctl" and known:
            return grp.struct_group((name, "x", 4321, []))
        raise KeyError(name)

    if os.getuid():
        pytest.skip("only root may give it to any group")
    monkeypatch.setattr(grp, "getgrnam", look)
    with held(tmp_path / "s", None):
        expected = os.getgid() if given is None else given
        assert (tmp_path / "s").stat().st_gid == expected


@pytest.mark.parametrize("asked", [None, 4321])
def test_a_group_that_may_not_be_given_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int | None
) -> None:
    """One that was asked for is an error; the usual one is left out."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    monkeypatch.setattr(grp, "getgrnam", lambda name: grp.struct_group((name, "x", 4321, [])))
    path = tmp_path / "s"
    if asked is None:
        with held(path, asked):
            assert path.exists()
        return
    with pytest.raises(LvsctlError) as caught, held(path, asked):
        pass
    assert str(caught.value) == (
        f"not allowed to give {path} to the group 4321: be root or a member of it, or name another with --socket-group"
    )
    assert not path.exists()


def test_a_group_by_name_and_by_number() -> None:
    assert group_number("0") == 0
    assert group_number(grp.getgrgid(0).gr_name) == 0
    with pytest.raises(LvsctlError) as caught:
        group_number("nosuch")
    assert str(caught.value) == (
        "there is no group `nosuch`: make it (groupadd --system nosuch), or name another with --socket-group"
    )


@pytest.mark.parametrize("name", ["4294967295", "99999999999", "9" * 5000])
def test_a_number_that_no_group_can_have(name: str) -> None:
    with pytest.raises(LvsctlError, match=r"^[0-9]+ is no number of a group: name another with --socket-group$"):
        group_number(name)


@pytest.mark.parametrize("path", [".", "/"])
def test_a_path_without_a_name(path: str) -> None:
    with pytest.raises(LvsctlError) as caught, held(Path(path), None):
        pass
    assert str(caught.value) == f"cannot listen on {path}: it is a directory; name another with --socket"


async def test_a_socket_that_nobody_answers_on_is_replaced(remembered: Site) -> None:
    path = remembered.folder / "lvsctl.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with (
        remembered.running() as daemon,
        serving(daemon, path),
        client(path) as http,
        http.get("/-/healthy") as answer,
    ):
        assert answer.status == 200


async def test_a_socket_in_use_is_left_to_its_owner(remembered: Site) -> None:
    path = remembered.folder / "lvsctl.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        async with remembered.running() as daemon:
            with pytest.raises(AlreadyRunning) as caught:
                async with serving(daemon, path):
                    pass
        assert path.exists()
    assert str(caught.value) == f"another daemon answers on {path}: stop it first, or name another with --socket"


async def test_what_is_no_socket_is_not_removed(remembered: Site) -> None:
    path = remembered.folder / "lvsctl.sock"
    path.write_text("precious")
    async with remembered.running() as daemon:
        with pytest.raises(LvsctlError) as caught:
            async with serving(daemon, path):
                pass
    assert str(caught.value) == f"{path} is in the way and is no socket: remove it, or name another with --socket"
    assert path.read_text() == "precious"


async def test_a_folder_that_cannot_be_made_is_one_line(remembered: Site) -> None:
    path = remembered.folder / "file" / "lvsctl.sock"
    (remembered.folder / "file").write_text("")
    async with remembered.running() as daemon:
        with pytest.raises(LvsctlError) as caught:
            async with serving(daemon, path):
                pass
    assert str(caught.value) == f"cannot make {path.parent}: File exists; name another with --socket"


async def test_a_path_too_long_for_a_socket_is_one_line(remembered: Site) -> None:
    path = remembered.folder / ("x" * 120)
    async with remembered.running() as daemon:
        with pytest.raises(LvsctlError) as caught:
            async with serving(daemon, path):
                pass
    assert str(caught.value) == f"cannot listen on {path}: AF_UNIX path too long; name another with --socket"


def test_a_lock_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "s.lock").mkdir()
    with pytest.raises(LvsctlError) as caught, held(tmp_path / "s", None):
        pass
    assert str(caught.value) == f"cannot use {tmp_path / 's.lock'}: Is a directory; name another with --socket"
