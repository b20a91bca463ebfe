"""No secret gets out but to its receiver: not into logs, events, standings, reprs, the state directory or its names."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import pytest
import trustme

from lvsctl.events import DeliveryFailed, Event
from lvsctl.model import (
    Alertmanager,
    Channel,
    Email,
    MailSecurity,
    PagerDuty,
    Program,
    Receiver,
    Secret,
    Slack,
    Teams,
    Webhook,
)
from lvsctl.notify import alertmanager, email, pagerduty, slack, teams, webhook
from lvsctl.notify.delivery import Delivery
from tests.listener import listening
from tests.notify.made import fresh, notification
from tests.notify.server import Behaviour, Heard, Misbehaving, close, hang, raw, status

pytestmark = pytest.mark.usefixtures("brisk")


PATH = "T0000/B0000/path-s3cret"
HEADER = "header-s3cret"
PASSWORD = "pass word-s3cret"
TOKEN = "token-s3cret"
KEY = "routing-s3cret".ljust(32, "k")
SIGNING = base64.b64encode(b"signing-s3cret-of-32-bytes------").decode()

SPOKEN = [PATH, "path-s3cret", HEADER, PASSWORD, TOKEN, KEY, SIGNING, "signing-s3cret", "s3cret"]
WRITTEN = [
    *SPOKEN,
    *(quote(each, safe="") for each in SPOKEN),
    *(
        base64.b64encode(each.encode()).decode().rstrip("=")
        for each in (PASSWORD, f"me:{PASSWORD}", f"\0me\0{PASSWORD}")
    ),
]


def channels(url: str) -> dict[str, Channel]:
    """One of each kind that has secrets, all at one server."""
    host, _, port = url.partition("://")[2].partition(":")
    signed = (Secret(f"whsec_{SIGNING}"),)
    return {
        "webhook": Webhook(Secret(f"{url}/{PATH}"), headers=(("authorization", Secret(HEADER)),), secrets=signed),
        "userinfo": Webhook(Secret(f"http://me:{quote(PASSWORD)}@{host}:{port}/{PATH}")),
        "slack": Slack(Secret(f"{url}/{PATH}")),
        "teams": Teams(Secret(f"{url}/{PATH}?sig={TOKEN}")),
        "pagerduty": PagerDuty(Secret(KEY), f"{url}/v2/enqueue"),
        "basic": Alertmanager((url,), user="me", password=Secret(PASSWORD)),
        "bearer": Alertmanager((url,), token=Secret(TOKEN)),
        "email": Email(host, int(port), "a@b.example", ("c@d.example",), user="me", password=Secret(PASSWORD)),
        "nowhere": Slack(Secret(f"http://nobody.invalid/{PATH}")),
        "nonsense": Slack(Secret(f"http://[::1/{PATH}")),
        "untrusted": Teams(Secret(f"https://{host}:{port}/{PATH}")),
        "program": Program(("/bin/sh", "-c", f"echo {TOKEN}; echo {TOKEN} >&2; exit 3", TOKEN)),
        "newline": Webhook(Secret(url), headers=(("x-token", Secret(f"{TOKEN}\r\nx: y")),)),
    }


def clean(where: str, text: str) -> None:
    for secret in WRITTEN:
        assert secret not in text, f"{where} holds {secret!r}"


class Opened(Protocol):
    """Starts a server that behaves so, and a delivery: its URL, and the delivery. heard: gets what the server hears."""

    async def __call__(
        self,
        behaviour: Behaviour,
        directory: Path,
        events: list[Event],
        heard: list[Heard] | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> tuple[str, Delivery]: ...


@pytest.fixture
async def at() -> AsyncIterator[Opened]:
    """Both are closed whatever the test finds."""
    async with contextlib.AsyncExitStack() as closing:

        async def opened(
            behaviour: Behaviour,
            directory: Path,
            events: list[Event],
            heard: list[Heard] | None = None,
            trust: ssl.SSLContext | None = None,
        ) -> tuple[str, Delivery]:
            server = Misbehaving(otherwise=behaviour)
            server.heard = server.heard if heard is None else heard
            url = await server.start(trust)
            closing.push_async_callback(server.close)
            delivery = Delivery(directory, tell=events.append)
            closing.push_async_callback(delivery.close)
            return url, delivery

        yield opened


async def echo(writer: asyncio.StreamWriter) -> None:
    """Answers with all that it might have been told."""
    told = "".join(f"{each}\r\n" for each in SPOKEN)
    head = f"HTTP/1.1 400 {TOKEN}\r\nX-Path: {PATH}\r\nContent-Length: {len(told)}\r\n\r\n"
    writer.write((head + told).encode())
    await writer.drain()


@pytest.mark.parametrize(
    "behaviour",
    [
        status(200),
        echo,
        status(503),
        status(410),
        status(302, f"Location: http://127.0.0.1:1/{PATH}"),
        status(429, f"Retry-After: {TOKEN}"),
        raw(f"220 {PASSWORD}\r\n250 {PASSWORD}\r\n535 {PASSWORD}\r\n".encode()),
        raw(f"{PATH}\r\n\r\n".encode()),
        close,
        hang,
    ],
    ids=["taken", "echo", "down", "gone", "redirect", "busy", "smtp", "garbage", "hangs up", "silent"],
)
async def test_whatever_the_receiver_does(
    at: Opened,
    behaviour: Behaviour,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    events: list[Event] = []
    url, delivery = await at(behaviour, tmp_path / "notify", events)
    receivers = [Receiver(name, channel, timeout=0.4) for name, channel in channels(url).items()]
    await delivery.configure(receivers)
    for receiver in receivers:
        await delivery.submit(fresh(name=f"of-{receiver.name}", receiver=receiver.name))
    await asyncio.gather(*(tried(delivery, receiver.name) for receiver in receivers))
    clean("a standing", repr(delivery.standings()))
    clean("the delivery", repr(vars(delivery)))
    for task in asyncio.all_tasks():  # not its repr: it may wait for what the server has just said
        clean("a task", f"{task.get_name()} {task.get_coro()!r}")
    await delivery.close()
    clean("an event", repr(events))
    clean("the log", caplog.text)
    clean("stdout and stderr", "".join(capfd.readouterr()))
    for file in (tmp_path / "notify").iterdir():
        clean("a file's name", file.name)
        clean("a file", file.read_bytes().decode())


async def tried(delivery: Delivery, name: str) -> None:
    """Wait until it was told once, in vain or not."""
    while True:
        standing = next(each for each in delivery.standings() if each.receiver == name)
        numbers = standing.numbers
        if numbers.failed or numbers.delivered or numbers.refused or standing.disabled:
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", channels("http://127.0.0.1:1"))
def test_what_is_kept_in_memory_shows_none(name: str) -> None:
    channel = channels("http://127.0.0.1:1")[name]
    shown = [repr(channel), str(channel), f"{channel}", repr(Receiver(name, channel))]
    match channel:
        case Webhook():
            shown += [repr(webhook.request(part, channel, 0.0)) for part in webhook.parts(notification())]
        case Alertmanager():
            shown.append(repr(alertmanager.requests(notification(), channel, 0.0)))
        case Slack():
            shown.append(repr(slack.requests(notification(), channel)))
        case Teams():
            shown.append(repr(teams.requests(notification(), channel)))
        case PagerDuty():
            shown.append(repr(pagerduty.requests(notification(), channel)))
    for text in shown:
        clean(name, text)


@pytest.mark.parametrize("code", [302, 400, 401, 403, 404, 413, 422, 429, 500])
async def test_one_that_repeats_what_it_was_sent(
    at: Opened, code: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Path, headers and body, as the body and in the headers of its answer, and as the place to go instead."""
    caplog.set_level(logging.DEBUG)
    events: list[Event] = []
    heard: list[Heard] = []

    async def repeat(writer: asyncio.StreamWriter) -> None:
        last = heard[-1]
        body = f"{last.path}\n{last.headers}\n".encode() + last.body
        await status(code, f"Location: {last.path}", f"Retry-After: {last.path}", f"X-Said: {last.headers}", body=body)(
            writer
        )

    url, delivery = await at(repeat, tmp_path / "notify", events, heard)
    receivers = [
        Receiver(name, channel, timeout=5.0)
        for name, channel in channels(url).items()
        if name in ("webhook", "userinfo", "slack", "teams", "pagerduty", "basic", "bearer")
    ]
    await delivery.configure(receivers)
    await delivery.submit(*(fresh(name=f"of-{receiver.name}", receiver=receiver.name) for receiver in receivers))
    await asyncio.gather(*(tried(delivery, receiver.name) for receiver in receivers))
    for receiver in receivers:
        clean("a test", repr(await delivery.test(fresh(name="t", receiver=receiver.name))))
    assert all(one.numbers.failed or one.numbers.refused for one in delivery.standings())
    clean("a standing", repr(delivery.standings()))
    clean("an event", repr(events))
    clean("the log", caplog.text)


async def test_one_that_is_not_trusted(at: Opened, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It says who it is, and is not: an authority that nobody knows, a name that is another's."""
    caplog.set_level(logging.DEBUG)
    authority = trustme.CA()
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(trust)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    events: list[Event] = []
    url, delivery = await at(status(200), tmp_path / "notify", events, trust=trust)
    userinfo = url.replace("https://", f"https://me:{quote(PASSWORD)}@")
    named = {
        "unknown": Slack(Secret(f"{url}/{PATH}")),
        "another": Webhook(Secret(f"{userinfo}/{PATH}"), ca_file=str(tmp_path / "ca.pem")),
        "no authority": Webhook(Secret(f"{userinfo}/{PATH}"), ca_file=str(tmp_path / "none.pem")),
    }
    await delivery.configure([Receiver(name, channel, timeout=30.0) for name, channel in named.items()])
    await delivery.submit(*(fresh(name=f"of-{name}", receiver=name) for name in named))
    await asyncio.gather(*(tried(delivery, name) for name in named))
    assert [one.why.partition(":")[0] for one in delivery.standings()] == [
        "127.0.0.1 cannot be asked",
        "the CA file for 127.0.0.1 cannot be read",
        "127.0.0.1 cannot be asked",
    ]
    clean("a standing", repr(delivery.standings()))
    clean("an event", repr(events))
    clean("the log", caplog.text)


async def test_a_mail_server_that_repeats_the_password(caplog: pytest.LogCaptureFixture) -> None:
    """It asks for it in the clear, because it was configured so, and then repeats it in its refusal."""
    caplog.set_level(logging.DEBUG)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(b"250-mail\r\n250 AUTH PLAIN\r\n")
            else:
                writer.write(b"535 5.7.8 not " + PASSWORD.encode() + b" " + line)

    async with listening(handler) as port:
        mail = Email(
            "127.0.0.1", port, "a@b.example", ("c@d.example",), MailSecurity.NONE, user="me", password=Secret(PASSWORD)
        )
        outcome = await email.send(notification(), mail, "c@d.example")
    clean("the outcome", repr(outcome))
    clean("the log", caplog.text)
    assert "535 5.7.8" in repr(outcome)


async def test_a_failure_names_the_host_and_nothing_else(at: Opened, tmp_path: Path) -> None:
    events: list[Event] = []
    url, delivery = await at(status(404), tmp_path, events)
    await delivery.configure([Receiver("slack", Slack(Secret(f"{url}/{PATH}")))])
    await delivery.submit(fresh(receiver="slack"))
    await tried(delivery, "slack")
    assert events == [DeliveryFailed("slack", "127.0.0.1 answers 404 (Not Found)", 0)]


def test_this_test_can_fail() -> None:
    with pytest.raises(AssertionError):
        clean("a url", f"https://hooks.example/{PATH}")
