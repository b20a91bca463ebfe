"""The installed program against the real daemon's socket: both sides mean the same document."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lvsctl.daemon import alert_file
from lvsctl.errors import LvsctlError
from lvsctl.kernel.memory import MemoryIpvs
from tests.daemon.site import Servers, Site, conf, service, serving
from tests.listener import listening
from tests.notify.server import Misbehaving
from tests.notify.server import status as forbidden

A, B = "127.0.0.11", "127.0.0.12"
VIP = "192.0.2.20"


async def lvsctl(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr, while the daemon goes on in this process."""
    program = Path(sys.executable).with_name("lvsctl")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(program, *arguments, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[Site, Path]]:
    """A daemon over the kernel remembered: A is alive, B in the spare pool is dead. And its socket."""
    servers = Servers()
    await servers.start(A, B)
    await servers.kill(B)
    site = Site(MemoryIpvs(schedulers=("rr", "fo")), tmp_path)
    thresholds = "{upper: 50, lower: 20}"
    shop = service("shop", A, address=f"{VIP}:{servers.port}", spare=(B,), scheduler="hprio", thresholds=thresholds)
    site.write(conf(shop))
    path = tmp_path / "lvsctl.sock"
    async with site.running() as daemon, serving(daemon, path):
        await site.ready()
        await site.until("the living one", lambda table: any(entry.servers for entry in table.values()))
        yield site, path
    await servers.close()


HOSTILE = b"\x1b]0;pwned\x07\x9b31m\x1b[2J\xe2\x80\xaeevil\r\n\x08\x7f"


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HOSTILE)


@pytest.fixture
async def hostile(tmp_path: Path) -> AsyncIterator[Path]:
    """The socket of a daemon whose only server says what a terminal would obey; it has been seen to fail."""
    site = Site(MemoryIpvs(schedulers=("rr",)), tmp_path)
    check = "{tcp: {expect: OK}, interval: 50ms, timeout: 1s, rise: 1, fall: 1}"
    path = tmp_path / "lvsctl.sock"
    async with listening(greet, A) as port:
        site.write(conf(service("shop", A, address=f"{VIP}:{port}", scheduler="rr", check=check)))
        async with site.running() as daemon, serving(daemon, path):
            await site.ready()
            yield path


@pytest.mark.parametrize("command", ["status", "status -o wide", "explain shop/" + A, "history", "events"])
async def test_what_a_server_says_never_steers_the_terminal(hostile: Path, command: str) -> None:
    async with asyncio.timeout(20):
        while True:
            status, out, err = await lvsctl(*command.split(), "--socket", hostile)
            if "pwned" in out:
                break
    assert (status, err) == (0, "")
    assert all(c.isprintable() for c in out.replace("\n", ""))


def port(site: Site) -> str:
    return re.findall(r"address: \S+:(\d+)", (site.config / "site.yaml").read_text())[0]


async def test_status(site: tuple[Site, Path]) -> None:
    its, socket = site
    status, out, err = await lvsctl("status", "--socket", socket)
    assert (status, err) == (0, "")
    text = re.sub(r" +", " ", out)
    assert f"\nshop tcp {VIP}:{port(its)} ok scheduler fo (wanted hprio: the kernel has no scheduler hprio)\n" in text
    assert re.search(
        rf"\n pool service: 0 of 50 connections\n {A}:{port(its)} up 2 0 0 0/50 \d+\.\dms L4OK connected", text
    )
    assert re.search(rf"\n pool spare \(not in use\)\n {B}:{port(its)} down - \(1\) 0 0 0/50 \S+ L4CON Conn", text)
    status, wide, err = await lvsctl("status", "--socket", socket, "-o", "wide", "shop")
    assert (status, err) == (0, "")
    assert "down: L4CON Connection refused" in wide


async def test_explain(site: tuple[Site, Path]) -> None:
    its, socket = site
    status, out, err = await lvsctl("explain", "--socket", socket, f"shop/{B}")
    assert (status, err) == (0, "")
    at = f"{B}:{port(its)}"
    assert out.splitlines()[:2] == [
        f"shop/{at} is not in the table: down: L4CON Connection refused",
        "  configuration  pool spare (2 of 2 in order of priority), weight 1, forward masquerade",
    ]
    assert "  scheduler      the kernel has no scheduler hprio, fo is used in its place\n" in out
    status, out, err = await lvsctl("explain", "--socket", socket, "shpo")
    assert (status, out, err) == (1, "", "lvsctl: there is no service or server `shpo`: did you mean `shop`?\n")


async def test_json_and_ipvsadm(site: tuple[Site, Path]) -> None:
    its, socket = site
    _, out, _ = await lvsctl("status", "--socket", socket, "-o", "json")
    assert json.loads(out)["services"][0]["name"] == "shop"
    _, out, _ = await lvsctl("status", "--socket", socket, "-o", "ipvsadm")
    assert out.splitlines()[3:] == [
        f"TCP  {VIP}:{port(its)} fo",
        f"  -> {f'{A}:{port(its)}':<28} Masq    2      0          0         ",
    ]


async def test_reload(site: tuple[Site, Path]) -> None:
    its, socket = site
    assert (await lvsctl("reload", "--socket", socket))[:2] == (0, "reloaded\n")
    text = (its.config / "site.yaml").read_text()
    its.write(text.replace("forward", "foward"))
    status, out, err = await lvsctl("reload", "--socket", socket)
    assert (status, out) == (1, "")
    problem, slow, last = err.splitlines()
    assert problem.startswith(f"{its.config}/site.yaml:") and "did you mean `forward`?" in problem
    assert last == "lvsctl: not reloaded: the daemon goes on with the configuration that it had"
    _, out, _ = await lvsctl("status", "--socket", socket)
    assert f"ATTENTION: the last reload failed, the configuration before it goes on:\n  {problem}\n  {slow}\n" in out


async def test_what_operators_order(site: tuple[Site, Path]) -> None:
    its, socket = site
    at = f"shop/{A}:{port(its)}"
    refused = "lvsctl: that would leave nobody to take the connections of shop: it needs --force\n"
    assert await lvsctl("drain", "--socket", socket, A) == (1, "", refused)
    wait = ("--force", "--wait", "--timeout", "30s", "--reason", "new memory")
    status, out, err = await lvsctl("drain", "--socket", socket, A, *wait)
    assert (status, err) == (0, "")
    assert re.fullmatch(rf"{A} is drained: {at}\nno connections left after \d+ s\n", out)
    _, shown, _ = await lvsctl("status", "--socket", socket)
    assert re.search(rf"    {A}:{port(its)} .* 0 \(2\) .*  drained by .*, without an end: new memory\n", shown)
    _, out, _ = await lvsctl("explain", "--socket", socket, f"shop/{A}")
    assert re.search(rf"\n  override +drained by .*, without an end: new memory \(ordered of {A}\)\n", out)
    _, out, _ = await lvsctl("overrides", "--socket", socket)
    assert re.search(rf"\n{A} +drain +shop +\S+Z +- +\S+ \(uid \d+\) +new memory\n", out)
    assert (await lvsctl("weight", "--socket", socket, A, "300%"))[:2] == (0, f"{A} is given the weight 300%: {at}\n")
    status, out, err = await lvsctl("enable", "--socket", socket, A)
    assert (status, err) == (0, "")
    assert out.startswith(f"{A} is no longer given the weight 300% (ordered by ")
    nothing = f"lvsctl: nothing is ordered of {A}: `lvsctl overrides` lists what is\n"
    assert await lvsctl("enable", "--socket", socket, A) == (1, "", nothing)


async def test_alerts_and_silences(site: tuple[Site, Path]) -> None:
    its, socket = site
    receiver = Misbehaving()
    receivers = f"{{hook: {{webhook: {await receiver.start()}/}}}}"
    text = f"alerts: {{receivers: {receivers}, routes: [{{to: hook, group_wait: 0s}}]}}"
    its.write(text, "alerts.yaml")
    assert (await lvsctl("reload", "--socket", socket))[0] == 0
    await receiver.until(1)
    status, out, _ = await lvsctl("alerts", "--socket", socket)
    assert status == 0
    assert re.search(rf"\nwarning +ServerDown +firing +\S+Z +hook +shop/{B}:\d+: server is down\n", out)

    status, out, _ = await lvsctl("silence", "service=shop", "--for", "2h", "--reason", "new disks", "--socket", socket)
    assert status == 0
    made = re.fullmatch(r"([0-9a-f]{8}) until \S+Z: 1 alert silenced now\n", out)
    assert made is not None
    _, out, _ = await lvsctl("silence", "--list", "--socket", socket)
    assert re.search(rf"\n{made[1]} +\S+Z +service=shop +\S.* \(uid \d+\) +new disks\n", out)
    _, out, _ = await lvsctl("alerts", "-o", "json", "--socket", socket)
    assert ("ServerDown", "silenced", made[1]) in {(a["alert"], a["state"], a["by"]) for a in json.loads(out)["alerts"]}
    status, out, _ = await lvsctl("silence", "--end", made[1], "--socket", socket)
    assert (status, out.startswith("ended: service=shop, by ")) == (0, True)
    assert (await lvsctl("silence", "--list", "--socket", socket))[1] == "nothing is silenced\n"

    status, out, _ = await lvsctl("alerts", "test", "hook", "--socket", socket)
    assert (status, out) == (0, "delivered: hook (webhook, 127.0.0.1) has taken it\n")
    receiver.otherwise = forbidden(403)
    status, out, err = await lvsctl("alerts", "--socket", socket, "test", "hook")
    assert (status, out) == (1, "") and "not delivered: " in err and "403" in err
    await receiver.close()


async def test_a_silence_that_cannot_be_written_down_says_so(
    site: tuple[Site, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _: str) -> None:
        raise LvsctlError(f"cannot write {path.name}: No space left on device")

    _, socket = site
    why = "warning: cannot write alerts.json: No space left on device: if the daemon is restarted before it can, "
    with monkeypatch.context() as patch:
        patch.setattr(alert_file, "write_down", full)
        status, out, err = await lvsctl("silence", "service=shop", "--socket", socket)
        assert (status, err) == (0, f"{why}the silence ends with it\n")
        status, _, err = await lvsctl("silence", "--end", out.split()[0], "--socket", socket)
        assert (status, err) == (0, f"{why}the silence comes back with the next one\n")
    assert (await lvsctl("silence", "service=shop", "--socket", socket))[2] == ""


WRONG = [
    (("alerts", "test", "hok"), 1, "there is no receiver `hok`: known are none"),
    (("silence", "10.0.0.1"), 2, "`10.0.0.1` is no matcher: write it like service=shop, "),
    (("silence", "pool!=x"), 2, "this would silence everything; name a service, a server or an alert"),
    (("silence", "sevice=shop"), 2, "matchers: there is no label `sevice`: did you mean `service`?"),
    (("silence", "ServerDwon"), 2, "matchers: there is no alert `ServerDwon`: did you mean `ServerDown`?"),
    (("silence", "service=shpo"), 0, "warning: there is no service `shpo` in conf.d now: did you mean `shop`?\n"),
    (("silence", "--end", "x"), 1, "there is no silence `x`: `lvsctl silence --list` shows all"),
    (("silence", "--end", "\udcff"), 1, "there is no silence `?`: `lvsctl silence --list` shows all"),
    (("silence",), 2, "name what to silence, or say --list, or --end ID"),
    (("silence", "a=b", "--list"), 2, "name what to silence, or say --list, or --end ID"),
    (
        ("silence", "a=b", "--for", "2"),
        2,
        "Invalid value for '--for': `2` is not a duration: write it like 500ms, 2s, 5m or 1h30m",
    ),
]


@pytest.mark.parametrize(("arguments", "expected", "said"), WRONG)
async def test_what_cannot_be_done_with_alerts(
    site: tuple[Site, Path], arguments: tuple[str, ...], expected: int, said: str
) -> None:
    _, socket = site
    named = [arguments[0], "--socket", socket, *arguments[1:]]
    status, out, err = await lvsctl(*named)
    assert status == expected
    assert said in err
    assert out[-30:] == ("matches nothing at the moment\n" if status == 0 else "")
