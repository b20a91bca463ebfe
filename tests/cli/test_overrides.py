"""`lvsctl drain`, `disable`, `weight`, `enable` and `overrides`: what is asked, and what is shown of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lvsctl.cli import client, waiting
from lvsctl.cli.client import Answer
from lvsctl.errors import DaemonUnreachable, LvsctlError, StillConnected
from tests.cli.conftest import Listener, Run
from tests.cli.document import server, service, status

Listen = Callable[..., Listener]
Json = dict[str, Any]
VERSION = (
    "lvsctl: the daemon's answer (version unknown) is not what this lvsctl (0.1.0) expects: "
    "restart the daemon after an upgrade (systemctl restart lvsctl)\n"
)


def override(subject: str = "192.0.2.21", action: str = "drain", **more: Any) -> Json:
    return {
        "subject": subject,
        "action": action,
        "weight": None,
        "by": "alice (uid 1000)",
        "reason": "",
        "since": "2026-11-22T09:00:00.123Z",
        "until": None,
        "services": ["shop"],
        "servers": [{"service": "shop", "address": "192.0.2.21", "port": 80}],
        "file": None,
        **more,
    }


@pytest.fixture
def daemon(listen: Listen) -> Callable[..., Listener]:
    """A socket on which this is answered."""

    def start(body: Json, code: int = 200) -> Listener:
        text = json.dumps(body).encode()
        return listen(f"HTTP/1.0 {code} X\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)

    return start


Daemon = Callable[..., Listener]


def sent(listener: Listener) -> Json:
    """What the last request said."""
    found: Json = json.loads(listener.asked[-1].partition(b"\r\n\r\n")[2])
    return found


def test_drain(run: Run, daemon: Daemon) -> None:
    more = {"service": "api", "address": "2001:db8::1", "port": 8080}
    until = {"until": "2026-11-22T09:30:00.123Z"}
    one = override(servers=[*override()["servers"], more], **until)
    listener = daemon({"overrides": [one], "warnings": ["shop is persistent"]})
    result = run("drain", "--socket", listener.path, "192.0.2.21", "--for", "30m", "--reason", "new memory", "--force")
    assert (result.exit_code, result.stderr) == (0, "warning: shop is persistent\n")
    assert result.stdout == (
        "192.0.2.21 is drained until 2026-11-22T09:30:00Z: shop/192.0.2.21:80, api/[2001:db8::1]:8080\n"
    )
    assert listener.asked[0].startswith(b"POST /v1/overrides HTTP/1.0\r\n")
    assert sent(listener) == {
        "subjects": ["192.0.2.21"],
        "action": "drain",
        "for": 1800.0,
        "reason": "new memory",
        "force": True,
    }


def test_bytes_that_are_no_text_are_the_subject_of_nothing(run: Run, daemon: Daemon) -> None:
    listener = daemon({"error": "there is no server `web?`: `lvsctl status` lists them"}, 404)
    result = run("drain", "--socket", listener.path, "web\udcff")
    assert (result.exit_code, result.stderr) == (1, "lvsctl: there is no server `web?`: `lvsctl status` lists them\n")
    assert sent(listener)["subjects"] == ["web?"]


def test_disable_several_for_good(run: Run, daemon: Daemon) -> None:
    many = [{"service": "shop", "address": f"192.0.2.{n}", "port": 80} for n in range(1, 8)]
    both = [override(f"shop/{pool}", "disable", servers=many) for pool in ("service", "spare")]
    listener = daemon({"overrides": both, "warnings": []})
    result = run("disable", "--socket", listener.path, "shop/service", "shop/spare")
    assert (result.exit_code, result.stderr) == (0, "")
    shown = ", ".join(f"shop/192.0.2.{n}:80" for n in range(1, 5))
    assert result.stdout == (
        f"shop/service is disabled: {shown} and 3 servers more\nshop/spare is disabled: {shown} and 3 servers more\n"
    )
    assert len(listener.asked) == 1
    wish = {"action": "disable", "for": None, "reason": "", "force": False}
    assert sent(listener) == {"subjects": ["shop/service", "shop/spare"], **wish}


def test_weight(run: Run, daemon: Daemon) -> None:
    listener = daemon({"overrides": [override(action="weight", weight="50%")], "warnings": []})
    result = run("weight", "--socket", listener.path, "192.0.2.21", "50%")
    assert (result.exit_code, result.stdout) == (0, "192.0.2.21 is given the weight 50%: shop/192.0.2.21:80\n")
    assert (sent(listener)["action"], sent(listener)["weight"]) == ("weight", "50%")


def test_enable(run: Run, daemon: Daemon) -> None:
    held = "shop/192.0.2.21:80 is drained by maintenance directory (bob), without an end: rm /m/web1"
    listener = daemon({"ended": [override(), override(action="weight", weight="7")], "warnings": [held]})
    result = run("enable", "--socket", listener.path, "shop/192.0.2.21")
    assert (result.exit_code, result.stderr) == (0, f"warning: {held}\n")
    assert result.stdout == (
        "192.0.2.21 is no longer drained (ordered by alice (uid 1000))\n"
        "192.0.2.21 is no longer given the weight 7 (ordered by alice (uid 1000))\n"
    )
    assert listener.asked[0].startswith(b"DELETE /v1/overrides?subject=shop%2F192.0.2.21 HTTP/1.0\r\n")


@pytest.mark.parametrize(
    ("code", "says", "shown"),
    [
        (404, "there is no server `x`: did you mean `y`?", ""),
        (409, "that would leave nobody to take the connections of shop: it needs --force", ""),
        (503, "cannot write /var/lib/lvsctl/overrides.json: No space left on device", "the daemon cannot do it: "),
    ],
)
@pytest.mark.parametrize("command", ["drain x", "weight x 5", "enable x"])
def test_what_cannot_be_done_is_one_line(
    run: Run, daemon: Daemon, command: str, code: int, says: str, shown: str
) -> None:
    result = run(*command.split(), "--socket", daemon({"error": says}, code).path)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"lvsctl: {shown}{says}\n")


@pytest.mark.parametrize("command", ["drain x y", "enable x y"])
def test_of_several_all_are_done_or_none(run: Run, daemon: Daemon, command: str) -> None:
    why = "there is no server `y`: `lvsctl status` lists them"
    result = run(*command.split(), "--socket", daemon({"error": why}, 404).path)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"lvsctl: {why}; nothing was done\n")


def test_what_the_daemon_does_not_take_is_wrong_usage(run: Run, daemon: Daemon) -> None:
    why = "for: must be at most 31622400.0, not `99999999`"
    result = run("drain", "x", "--socket", daemon({"error": why}, 422).path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"lvsctl: {why} (see 'lvsctl drain --help')\n"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("drain", "Missing argument 'SUBJECT...'."),
        ("drain x --for 30", "Invalid value for '--for': `30` is not a duration: write it like 500ms, 2s, 5m or 1h30m"),
        ("drain x --for 0s", "Invalid value for '--for': it must be longer than 0s"),
        ("drain x --timeout 5m", "--timeout is for --wait: give both, or none"),
        (
            "drain x --wait --timeout soon",
            "Invalid value for '--timeout': `soon` is not a duration: write it like 500ms, 2s, 5m or 1h30m",
        ),
        ("drain x --reason a\tb", "Invalid value for '--reason': it must be one line of text"),
        (
            f"drain x --reason {'y' * 201}",
            "Invalid value for '--reason': it may have up to 200 characters, and has 201",
        ),
        (
            "weight x 5kg",
            "Invalid value for 'N|N%': `5kg` is not a weight: write a number up to 2147483647, or a share of the "
            "configured one, up to 1000%",
        ),
        (
            "weight x 50% --wait",
            "--wait waits for a server to have no connections: it goes with weight 0, or `drain`",
        ),
    ],
)
def test_wrong_usage(run: Run, command: str, says: str) -> None:
    result = run(*command.split(" "))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"lvsctl: {says} (see 'lvsctl {command.split(maxsplit=1)[0]} --help')\n"


def test_the_list(run: Run, daemon: Daemon) -> None:
    idle = override("shop/web9", "weight", weight="50%", services=[], servers=[], until="2026-11-22T09:30:00.000Z")
    listener = daemon({"overrides": [override(services=["shop", "api"], reason="a\x1bb"), idle]})
    result = run("overrides", "--socket", listener.path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "SUBJECT     ORDER       SERVICES                         SINCE                 UNTIL                 "
        "BY                REASON\n"
        "192.0.2.21  drain       shop, api                        2026-11-22T09:00:00Z  -                     "
        "alice (uid 1000)  a\\x1bb\n"
        "shop/web9   weight 50%  idle: matches nothing in conf.d  2026-11-22T09:00:00Z  2026-11-22T09:30:00Z  "
        "alice (uid 1000)  -\n"
    )
    nothing = daemon({"overrides": []})
    assert run("overrides", "--socket", nothing.path).stdout == "nothing is drained, disabled or given another weight\n"
    assert run("overrides", "--socket", nothing.path, "-o", "json").stdout == '{\n  "overrides": []\n}\n'


@pytest.mark.parametrize("command", ["drain x", "enable x", "overrides"])
@pytest.mark.parametrize("body", [{}, {"overrides": 1}, {"ended": [1], "warnings": []}, {"overrides": [{}]}])
def test_a_daemon_of_another_version(run: Run, daemon: Daemon, command: str, body: Json) -> None:
    result = run(*command.split(), "--socket", daemon(body).path)
    assert (result.exit_code, result.stderr) == (1, VERSION)


@pytest.mark.parametrize("command", ["drain x", "disable x", "weight x 1", "enable x", "overrides"])
def test_no_daemon(run: Run, command: str) -> None:
    assert run(*command.split(), "--socket", "/nonexistent/s").exit_code == 4


# --- waiting ------------------------------------------------------------------------------------------------------

IT = ("shop", "192.0.2.21", 80)


class Hour:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def as_told(active: int, inactive: int = 0, *, weight: int | None = 0, order: Json | None = None) -> Json:
    it = server("192.0.2.21", active=active, inactive=inactive, weight=weight, override=order or override())
    return status(service(pools=[{"name": "service", "active": True, "servers": [it, server("192.0.2.22")]}]))


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the daemon says from one look to the next; an error is raised; the last goes on."""

    def play(*looks: Json | Exception | Answer) -> None:
        left: Iterator[Json | Exception | Answer] = iter(looks)
        now = looks[-1]

        def ask(path: str, method: str, resource: str) -> Answer:
            assert (path, method, resource) == ("/s", "GET", "/v1/status?table=no")
            look = next(left, now)
            if isinstance(look, Exception):
                raise look
            return look if isinstance(look, Answer) else Answer(200, look)

        monkeypatch.setattr(client, "ask", ask)

    return play


def wait(timeout: float = 300.0) -> float:
    hour = Hour()
    return waiting.wait("/s", ["192.0.2.21"], [IT], timeout, clock=hour.clock, sleep=hour.sleep)


def test_it_waits_until_no_connection_of_any_kind_is_left(says: Callable[..., None]) -> None:
    says(as_told(0, weight=5), as_told(2, 3), as_told(0, 1), as_told(0))
    assert wait() == 3.0


def test_out_of_the_table_is_empty(says: Callable[..., None]) -> None:
    says(as_told(2, 3), as_told(0, weight=None))
    assert wait() == 1.0


def test_weight_0_is_as_good_as_a_drain(says: Callable[..., None]) -> None:
    says(as_told(0, order=override(action="weight", weight="0")))
    assert wait() == 0.0


def test_a_daemon_that_starts_anew_is_waited_for(says: Callable[..., None]) -> None:
    gone, silent = DaemonUnreachable("no daemon answers"), Answer(503, {"error": "the kernel is silent"})
    says(as_told(1), gone, silent, gone, as_told(0))
    assert wait() == 4.0
    says(as_told(1), gone)
    with pytest.raises(DaemonUnreachable):
        wait(5.0)


def test_at_the_deadline_it_says_what_is_left(says: Callable[..., None]) -> None:
    says(as_told(2, 1))
    with pytest.raises(StillConnected) as caught:
        wait(2.5)
    assert str(caught.value) == (
        "after 2.5 s there are connections left: 3 on shop/192.0.2.21:80; what was ordered goes on"
    )
    assert caught.value.exit_status == 5


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (None, "what was ordered of shop/192.0.2.21:80 has ended"),
        (
            override("shop/192.0.2.21", "weight", weight="3"),
            "shop/192.0.2.21:80 has the weight 3 by an order for shop/192.0.2.21",
        ),
    ],
)
def test_it_ends_meanwhile(says: Callable[..., None], order: Json | None, words: str) -> None:
    last = as_told(2)
    last["services"][0]["pools"][0]["servers"][0]["override"] = order
    says(as_told(2), last)
    with pytest.raises(LvsctlError) as caught:
        wait()
    assert (caught.value.exit_status, str(caught.value)) == (1, f"no longer waiting: {words}")


def test_an_interrupt_ends_the_waiting_alone(says: Callable[..., None]) -> None:
    says(as_told(2))

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(LvsctlError) as caught:
        waiting.wait("/s", ["192.0.2.21"], [IT], 9.0, sleep=interrupted)
    assert str(caught.value) == "no longer waiting: 192.0.2.21 stays as ordered (lvsctl enable ends it)"
