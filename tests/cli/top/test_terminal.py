"""The installed `lvsctl top` in a pseudo-terminal, on the control socket of a real daemon."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pyte
import pytest

from lvsctl.cli import client
from lvsctl.kernel.memory import MemoryIpvs
from tests.cli.conftest import Listener
from tests.cli.document import status
from tests.cli.top import documents
from tests.cli.top.console import Console, console
from tests.daemon.site import Servers, Site, conf, service, serving

LVSCTL = Path(sys.executable).with_name("lvsctl")
A, B, C = "127.0.0.31", "127.0.0.32", "127.0.0.33"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[Site, Path]]:
    """A daemon over the kernel remembered: two services, whose A and C are alive, and B is dead. And its socket."""
    servers = Servers()
    await servers.start(A, B, C)
    await servers.kill(B)
    site = Site(MemoryIpvs(schedulers=("rr", "fo")), tmp_path)
    shop = service(
        "shop",
        *(A, C),
        address=f"192.0.2.20:{servers.port}",
        spare=(B,),
        scheduler="fo",
        thresholds="{upper: 50, lower: 20}",
    )
    site.write(conf(shop, service("mail", A, address=f"192.0.2.21:{servers.port}", scheduler="rr")))
    path = tmp_path / "lvsctl.sock"
    async with site.running() as daemon:
        await site.ready()
        await site.until("all of the living", lambda table: sum(len(entry.servers) for entry in table.values()) == 3)
        async with serving(daemon, path):
            yield site, path
    await servers.close()


def top(
    socket: Path | str, *, columns: int = 80, lines: int = 24, **environment: str
) -> contextlib.AbstractAsyncContextManager[Console]:
    arguments = ("top", "--socket", socket, "--interval", "0.1")
    return console(LVSCTL, *arguments, columns=columns, lines=lines, **environment)


async def test_it_shows_sorts_filters_and_gives_the_terminal_back(site: tuple[Site, Path]) -> None:
    async with top(site[1]) as it:
        whole = ["shop", "service", A, C, "spare", B, "mail", A]
        lines = (await it.until(lambda text: "L4OK" in text and names(text.split("\n")) == whole)).split("\n")
        assert "  2 services  4 servers 1 DOWN  lvsctl " in lines[0]
        assert lines[1] == " SERVICE, by trouble     STATE       WGHT LOAD         CONNS LATENCY      ANSWER"
        assert lines[2].startswith(">▾ shop                  ok           2/3 ░░░░░░░░     0/100 tcp 192.0.2.20:")
        assert "DOWN           - ░░░░░░░░      0/50 L4CON Connection r…" in lines[7]
        assert it.cursor_hidden
        it.type("s")
        await it.until("SERVICE, by conf.d")
        it.type("s")
        await it.until(lambda text: names(text.split("\n")) == ["mail", A, "shop", "service", A, C, "spare", B])
        it.type("/refused")
        await it.until(lambda text: names(text.split("\n")) == ["shop", "spare", B])
        it.type("\x1b")
        await it.until("q quit")
        it.type("h")
        await it.until("any key: back")
        it.type("x\x1b[B\x1b[B\x1bOBj")
        await it.until(f"─ shop/service/{A}:")
        it.type("\x1b[D")
        await it.until(">▸ shop")
        it.type("q")
        assert await it.ended() == 0
        assert it.is_as_before()


def names(lines: list[str]) -> list[str]:
    """Of the rows, from the third line on to the first empty one."""
    rows = itertools.takewhile(lambda line: line[1:].strip(" ▾▸"), lines[2:])
    return [row[1:].strip(" ▾▸").split()[0].partition(":")[0] for row in rows]


def bottom(text: str) -> str:
    return text.rpartition("\n")[2]


async def test_it_follows_what_happens(site: tuple[Site, Path]) -> None:
    its, socket = site
    async with top(socket, lines=50) as it:
        await it.until("2 services")
        text = (its.config / "site.yaml").read_text()
        its.write(text.replace("mail:", "post:"))
        assert its.daemon is not None
        await its.daemon.reload()
        text = await it.until(lambda text: "▾ post" in text and "configuration taken" in text)
        assert "─ events, newest first ──" in text
        assert f"shop/{B}:" in text and "server is down: L4CON Connection refused" in text


def row(text: str, name: str, nth: int = 0) -> str:
    """The line of the rows that begins with this name."""
    found = [line for line in text.split("\n")[2:20] if line[1:].strip(" ▾▸").startswith(name)]
    return found[nth] if nth < len(found) else ""


async def test_a_server_is_drained_and_undrained(site: tuple[Site, Path]) -> None:
    its, socket = site
    assert its.daemon is not None
    async with top(socket) as it:
        await it.until(lambda text: names(text.split("\n")) == ["shop", "service", A, C, "spare", B, "mail", A])
        it.type("jjd")
        await it.until(f"drain shop/{A}:")
        it.type("swap memory\r")
        await it.until("for how long (30m, 2h; nothing: until you undrain it): _")
        it.type("30m\r")
        await it.until("[y: yes, else no]")
        it.type("y")
        await it.until(lambda text: "up drain       0 " in row(text, A) or "up drain       0 " in row(text, A, 1))
        order = its.daemon.overrides.in_force()[0]
        assert (order.reason, round((order.until or 0) - order.since)) == ("swap memory", 1800)
        await it.until(lambda text: "is drained" in bottom(text))
        it.type("u")
        await it.until(lambda text: "swap memory [y: yes, else no]" in " ".join(text.split("\n")[-2:]))
        it.type("y")
        await it.until(lambda text: "is no longer drained" in bottom(text))
        await it.until(lambda text: "drain" not in row(text, A) + row(text, A, 1))
        assert not its.daemon.overrides.in_force()


async def test_the_last_server_is_drained_only_by_force(site: tuple[Site, Path]) -> None:
    its, socket = site
    assert its.daemon is not None
    async with top(socket) as it:
        await it.until(lambda text: names(text.split("\n")) == ["shop", "service", A, C, "spare", B, "mail", A])
        it.type("Gd\r\ry")
        asked = " ".join((await it.until("[F: yes, else no]")).split("\n")[-2:])
        assert "that would leave nobody to take the connections of mail - drain mail/" in asked
        it.type("y")
        await it.until("nothing was changed")
        assert not its.daemon.overrides.in_force()
        it.type("d\r\ry")
        await it.until("[F: yes, else no]")
        it.type("F")
        await it.until(lambda text: "up drain       0 " in row(text, A, 1) or "up drain       0 " in row(text, A))
        assert [order.reason for order in its.daemon.overrides.in_force()] == [""]


async def test_an_order_for_all_services_is_ended_when_that_is_confirmed(site: tuple[Site, Path]) -> None:
    its, socket = site
    assert its.daemon is not None
    body = {"subjects": [A], "action": "drain", "force": True, "reason": "all of it"}
    assert (await asyncio.to_thread(client.ask, str(socket), "POST", "/v1/overrides", body=body)).status == 200
    async with top(socket) as it:
        await it.until("2 overrides")
        it.type("gj")  # mail is first: nobody serves it
        await it.until(f"─ mail/servers/{A}:")
        it.type("uy")
        asked = " ".join((await it.until("[F: yes, else no]")).split("\n")[-3:])
        assert f"undrain {A} nevertheless?" in asked
        it.type("F")
        await it.until(lambda text: f"{A} is no longer drained" in bottom(text))
        assert not its.daemon.overrides.in_force()


async def test_another_size(site: tuple[Site, Path]) -> None:
    async with top(site[1]) as it:
        await it.until("2 services")
        it.resize(120, 30)
        await it.until(lambda text: "LAST ANSWER" in text and bottom(text).startswith("q quit"))
        it.resize(40, 10)
        await it.until(lambda text: text.count("\n") == 9 and bottom(text).startswith("q quit"))
        it.resize(12, 3)
        await it.until("at least 24")
        it.resize(80, 24)
        await it.until("Connection r…")


async def test_a_daemon_that_goes_and_comes_back(site: tuple[Site, Path], tmp_path: Path) -> None:
    its, _ = site
    assert its.daemon is not None
    path = tmp_path / "second.sock"
    async with contextlib.AsyncExitStack() as stack:
        async with serving(its.daemon, path):
            it = await stack.enter_async_context(top(path))
            await it.until("2 services")
        # the question that was on its way may have been hung up on: that is told first
        text = await it.until("this is old: no daemon answers on")
        assert "NO ANSWER for " in text
        assert "▾ shop" in text  # what was seen last stays
        async with serving(its.daemon, path):
            await it.until(lambda text: "NO ANSWER" not in text)


Listen = Callable[..., Listener]


async def test_a_daemon_that_is_slow_does_not_hold_up_the_keys(listen: Listen) -> None:
    async with top(listen(b"", hang=True).path) as it:
        await it.until("waiting for the daemon's answer")
        it.type("h")
        await it.until("any key: back")
        it.type("  q")
        assert await it.ended() == 0
        assert it.is_as_before()


async def test_nobody_there_is_one_line_and_status_4(tmp_path: Path) -> None:
    path = tmp_path / "absent"
    async with top(path, columns=200) as it:
        assert await it.ended() == 4
        assert it.is_as_before()
        said = it.received.rpartition(b"\x1b[?1049l")[2].decode()
        assert said == f"lvsctl: no daemon answers on {path}: is lvsctl running? (systemctl status lvsctl)\r\n"


def http(body: object) -> bytes:
    return b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(body).encode()


async def test_what_is_no_status_is_one_line(listen: Listen) -> None:
    async with top(listen(http({"services": 5})).path, columns=200) as it:
        assert await it.ended() == 1
        assert it.is_as_before()
        assert b"lvsctl: the daemon's answer (version unknown) is not what this lvsctl (" in it.received


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
async def test_a_signal_ends_it_as_any_program_and_the_terminal_is_given_back(
    site: tuple[Site, Path], number: signal.Signals
) -> None:
    async with top(site[1]) as it:
        await it.until("2 services")
        os.kill(it.pid, number)
        assert await it.ended() == -number
        assert it.is_as_before()


async def test_ctrl_c_cancels_what_is_being_typed_and_then_ends(site: tuple[Site, Path]) -> None:
    async with top(site[1]) as it:
        await it.until("2 services")
        it.type("/shop")
        await it.until("filter: shop_")
        it.type("\x03")
        await it.until("q quit")
        it.type("\x03")
        assert await it.ended() == 0
        assert it.is_as_before()


async def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_back(site: tuple[Site, Path]) -> None:
    async with console("bash", "--norc", "--noprofile", "-i", PS1="shell$ ") as it:
        await it.until("shell$")
        it.type(f"stty -g > {site[1].parent}/before\n")
        it.type(f"{LVSCTL} top --socket {site[1]} --interval 0.1\n")
        await it.until("2 services")
        it.type("\x1a")
        text = await it.until("Stopped")
        assert not it.cursor_hidden
        assert "2 services" not in text
        it.type(f"clear; stty -g | cmp {site[1].parent}/before && echo the same as be''fore\n")
        await it.until("the same as before")
        it.type("fg\n")
        await it.until(lambda text: "2 services" in text and "q quit" in text)
        assert it.cursor_hidden
        it.type("q")
        await it.until(lambda text: text.rstrip().endswith("shell$"))
        it.type("echo ended with $?\n")
        await it.until("ended with 0")


async def test_in_the_background_it_waits_for_fg(site: tuple[Site, Path]) -> None:
    async with console("bash", "--norc", "--noprofile", "-i", PS1="shell$ ") as it:
        await it.until("shell$")
        it.type(f"{LVSCTL} top --socket {site[1]} --interval 0.1\n")
        await it.until("2 services")
        it.type("\x1a")
        await it.until("Stopped")
        it.type("bg; until [[ $(jobs -s) ]]; do :; done; echo stopped ag''ain\n")
        await it.until("stopped again")
        it.type("fg\n")
        await it.until("2 services")
        it.type("q")
        await it.until(lambda text: text.rstrip().endswith("shell$"))
        it.type("echo ended with $?\n")
        await it.until("ended with 0")


async def test_ascii_where_the_locale_has_no_utf8(site: tuple[Site, Path]) -> None:
    async with top(site[1], LANG="C", columns=100) as it:
        await it.until(">v shop")
        it.type("q")
        await it.ended()
        assert it.received.isascii()


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "screen"}, True),
        ({"TERM": "vt100"}, False),
        ({"TERM": "vt220"}, False),
        ({"NO_COLOR": "1"}, False),
    ],
)
async def test_colours(site: tuple[Site, Path], environment: dict[str, str], colours: bool) -> None:
    async with top(site[1], **environment) as it:
        await it.until("DOWN")
        it.type("q")
        await it.ended()
        assert (b"\x1b[1;31m" in it.received) is colours  # red
        assert b"\x1b[1m" in it.received or b"\x1b[1;7m" in it.received


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
async def test_a_terminal_that_cannot_place_its_cursor(site: tuple[Site, Path], kind: str) -> None:
    async with top(site[1], TERM=kind) as it:
        assert await it.ended() == 1
        said = f"lvsctl: this terminal cannot place its cursor (TERM={kind}): `lvsctl status` prints the same once\r\n"
        assert it.received == said.encode()


@pytest.mark.parametrize("without", ["</dev/null", "<&-", ">&-"])
def test_no_terminal(without: str) -> None:
    run = subprocess.run(
        ["sh", "-c", f"{LVSCTL} top {without}"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    said = "lvsctl: top needs a terminal: `lvsctl status` prints the same once\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", said)


def test_without_the_extra_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['rich'] = None; from lvsctl.cli import cli; cli.main(['top'])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    said = "lvsctl: top needs the package rich: pip install 'lvsctl[tui]'\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", said)


async def test_a_thousand_services_cost_a_line_only_when_they_are_seen(listen: Listen) -> None:
    socket = listen(http(status(*documents.many(1000)))).path
    async with console(LVSCTL, "top", "--socket", socket, "--interval", "60") as it:
        await it.until("4/4 servers serve")  # painted last: the line below it is there before the first answer
        before = len(it.received)
        it.type("j")
        await it.until(lambda text: ">▸ web500" in text)
        assert len(it.received) - before < 2000  # two rows and the detail, not a screen
        it.type("G")
        await it.until(">▸ web998")
        it.type("/web7")
        text = await it.until("filter: web7_")
        assert text.split("\n")[2].startswith(">▾ web700")


async def test_a_bug_gives_the_terminal_back(listen: Listen) -> None:
    script = (
        "from lvsctl.cli.top import session\n"
        "def broken(*_): raise RuntimeError('in the drawing')\n"
        "session.frame = lambda *_, **__: broken()\n"
        f"from lvsctl.cli import cli; cli.main(['top', '--socket', {listen(b'', hang=True).path!r}])"
    )
    async with console(sys.executable, "-c", script, columns=200) as it:
        assert await it.ended() == 1
        assert it.is_as_before()
        assert (
            b"lvsctl: a bug in lvsctl (RuntimeError: in the drawing): run it again with LVSCTL_DEBUG=1" in it.received
        )


async def test_a_terminal_that_hangs_up_ends_it(site: tuple[Site, Path]) -> None:
    async with top(site[1]) as it:
        await it.until("2 services")
        it.hang_up()
        assert await it.ended() == -signal.SIGHUP


async def test_where_there_is_no_other_screen_the_shell_goes_on_below(site: tuple[Site, Path]) -> None:
    async with console("bash", "--norc", "--noprofile", "-i", PS1="shell$ ", TERM="linux", kind=pyte.Screen) as it:
        await it.until("shell$")
        it.type(f"{LVSCTL} top --socket {site[1]} --interval 0.1\n")
        await it.until("q quit")
        it.type("\x1a")
        await it.until("Stopped")
        it.type("fg\n")
        await it.until(lambda text: bottom(text).startswith("q quit"))
        it.type("q")
        text = await it.until(lambda text: text.endswith("\nshell$"))
        assert text.split("\n")[-2].startswith("q quit")


async def fill(it: Console, *, blocking: bool) -> None:
    """The terminal takes no more, and the program has more to write."""
    it.stall(blocking=blocking)
    async with asyncio.timeout(20):
        while not it.is_full:
            it.type("r")  # draws everything anew
            await asyncio.sleep(0.02)


async def test_who_writes_to_a_terminal_that_takes_nothing_can_be_ended(site: tuple[Site, Path]) -> None:
    async with top(site[1]) as it:
        await it.until("2 services")
        await fill(it, blocking=True)
        os.kill(it.pid, signal.SIGTERM)
        assert await it.ended() == -signal.SIGTERM
        assert it.is_as_before()


async def test_a_terminal_that_takes_nothing_for_a_while_is_waited_for(site: tuple[Site, Path]) -> None:
    async with top(site[1]) as it:
        await it.until("2 services")
        await fill(it, blocking=False)
        it.go_on()
        it.type("s")
        await it.until("SERVICE, by conf.d")
        it.type("q")
        assert await it.ended() == 0
        assert it.is_as_before()


async def test_who_was_stopped_draws_everything_anew(site: tuple[Site, Path]) -> None:
    async with top(site[1]) as it:
        await it.until("2 services")
        os.kill(it.pid, signal.SIGSTOP)
        it.type("s")
        it.blank()
        os.kill(it.pid, signal.SIGCONT)
        await it.until(lambda text: "2 services" in text and "SERVICE, by conf.d" in text)
        it.type("q")
        assert await it.ended() == 0
        assert it.is_as_before()
