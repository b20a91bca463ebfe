"""Mail: what it looks like, and that an SMTP server of somebody else's takes it, with STARTTLS and AUTH."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from hypothesis import given, settings
from hypothesis import strategies as st

from lvsctl.errors import LvsctlError
from lvsctl.model import Email, MailSecurity, Notification, Secret
from lvsctl.notify import email
from lvsctl.notify.email import answered, render
from lvsctl.notify.outcome import Later, Outcome, Refused, Taken
from tests.listener import listening
from tests.notify.made import alert, notification

PASSWORD = "correct horse battery staple"
MAIL = Email("mail.example", 587, "Alerts <lvsctl@lb1.example>", ("ops@example.org", "Night Shift <night@example.org>"))


def read(message: EmailMessage) -> EmailMessage:
    """As the other side reads it."""
    parsed = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_what_it_looks_like() -> None:
    told = notification(alert("a", severity="critical", why="refused"), alert("b", ended=5))
    mail = read(render(told, MAIL))
    assert {name: str(mail[name]) for name in ("From", "To", "Subject", "Date", "Auto-Submitted")} == {
        "From": "Alerts <lvsctl@lb1.example>",
        "To": "ops@example.org, Night Shift <night@example.org>",
        "Subject": "[FIRING:1] shop",
        "Date": "Mon, 21 Sep 2026 14:13:30 +0000",
        "Auto-Submitted": "auto-generated",
    }
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == (
        "[FIRING:1] shop\n\n"
        "FIRING critical: server a of shop is down\n"
        "  since: 2026-09-21 14:13:20 UTC\n  why: refused\n  director: lb1\n  server: a\n  service: shop\n\n"
        "RESOLVED warning: server b of shop is down\n"
        "  since: 2026-09-21 14:13:20 UTC\n  ended: 2026-09-21 14:13:25 UTC\n  director: lb1\n  server: b\n"
        "  service: shop\n"
    )


def test_of_hundreds_some_are_told_in_full_and_each_in_a_line() -> None:
    firing, over = [alert(f"f{n}") for n in range(150)], [alert(f"o{n}", ended=5) for n in range(450)]
    text = read(render(notification(*firing, *over), MAIL)).get_content().replace("\r\n", "\n")
    for one in (*firing, *over):
        state = "FIRING" if one.firing else "RESOLVED"
        assert text.count(f"{state} warning: server {one.label('server')} of shop is down\n") == 1
    assert text.count("  since: ") == email.SHOWN
    assert text.endswith("RESOLVED warning: server o449 of shop is down\n")


def test_mails_about_one_group_stand_in_one_thread() -> None:
    first, second, other = (
        render(told, MAIL)
        for told in (notification(name="n1"), notification(name="n2"), notification(name="n3", group="web"))
    )
    assert first["References"] == second["References"] != other["References"]
    assert len({mail["Message-ID"] for mail in (first, second, other)}) == 3
    assert render(notification(name="n1"), MAIL).as_bytes() == first.as_bytes(), "the same at every attempt"


texts = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(
    [
        "\r\nBcc: x@evil.example\r\n\r\nhello",
        "\n.\r\nQUIT\r\n",
        "=?utf-8?q?=0d=0aBcc:_x?=",
        "=??Q?=0D=0A0",
        "=" * 300,
        "=??" * 100,
        "\udc80",
        "x" * 5000,
    ]
)


@settings(max_examples=50)
@given(texts, texts, texts)
def test_nothing_that_stands_in_an_alert_becomes_a_header_or_an_end(group: str, summary: str, name: str) -> None:
    told = notification(alert(summary=summary, why=summary), group=group or "-", name=name or "-")
    usual = render(notification(), MAIL)
    written = render(told, MAIL).as_bytes()
    head, _, _ = written.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))}
    assert names <= {key.encode() for key in usual}
    assert all(len(line) <= 998 for line in written.split(b"\r\n"))
    assert b"\n" not in written.replace(b"\r\n", b"") and b"\r" not in written.replace(b"\r\n", b"")


@pytest.mark.parametrize("text", ["nobody", "a@", "@b", "", "a b@c", "a@b>\r\nBcc: <x@y", "a@b, c@d"], ids=repr)
def test_what_is_no_address(text: str) -> None:
    try:
        mail = render(notification(), replace(MAIL, to=(text,)))
    except ValueError as error:
        assert str(error).endswith("is no mail address")
    else:
        assert "Bcc" not in mail and len(mail["To"].addresses) == 1


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "aiosmtplib", None)
    with pytest.raises(LvsctlError) as refused:
        email.check(MAIL)
    assert str(refused.value) == "e-mail needs aiosmtplib: install it with `pip install 'lvsctl[email]'`"


@pytest.mark.parametrize(
    ("code", "said", "means"),
    [
        (450, "4.2.0 greylisted", Later("m answers 450 4.2.0 to the mail")),
        (421, "busy", Later("m answers 421 to the mail")),
        (552, "5.2.2 mailbox full", Later("m answers 552 5.2.2 to the mail")),
        (550, "5.1.1 no such user", Refused("m answers 550 5.1.1 to the mail")),
        (554, "your password is hunter2", Refused("m answers 554 to the mail")),
    ],
)
def test_what_a_reply_means(code: int, said: str, means: Outcome) -> None:
    assert answered("m", code, said, "the mail") == means


# --- a real server -------------------------------------------------------------------------------------------------


@dataclass
class Postbox:
    """An aiosmtpd server: who wrote what to whom. refuse: what it answers to a recipient."""

    ca_file: str
    refuse: dict[str, str] = field(default_factory=dict)
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert session.ssl is not None, "nothing is sent in the clear"
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content))
        return "250 OK"

    def mail(self) -> Email:
        return Email(
            "127.0.0.1",
            self.port,
            "lvsctl@lb1.example",
            ("ops@example.org", "night@example.org"),
            user="lvsctl",
            password=Secret(PASSWORD),
            ca_file=self.ca_file,
        )


@pytest.fixture
async def postbox(tmp_path: Path) -> AsyncIterator[Postbox]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(trust)
    box = Postbox(str(tmp_path / "ca.pem"))

    def known(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"lvsctl", PASSWORD.encode())
        return AuthResult(success=right, handled=right)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(
            box,
            hostname="mail",
            tls_context=trust,
            require_starttls=True,
            auth_required=True,
            authenticator=known,
            loop=loop,
        ),
        "127.0.0.1",
        0,
    )
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()
    await asyncio.sleep(0.05)  # its connections end by themselves


async def told(mail: Email, recipient: str = "ops@example.org", one: Notification | None = None) -> Outcome:
    async with asyncio.timeout(10):
        return await email.send(one or notification(), mail, recipient)


async def test_a_server_takes_it(postbox: Postbox) -> None:
    one = notification(alert("a", summary="grüße\n.\n.."))
    for recipient in email.recipients(postbox.mail()):
        assert await told(postbox.mail(), recipient, one) == Taken()
    assert [(sender, to) for sender, to, _ in postbox.mails] == [
        ("lvsctl@lb1.example", ["ops@example.org"]),
        ("lvsctl@lb1.example", ["night@example.org"]),
    ]
    assert postbox.mails[0][2] == render(one, postbox.mail()).as_bytes()


async def test_one_recipient_is_refused_the_other_comes_later(postbox: Postbox) -> None:
    postbox.refuse = {"ops@example.org": "550 5.1.1 who", "night@example.org": "450 4.2.0 not now"}
    assert await told(postbox.mail()) == Refused("127.0.0.1 answers 550 5.1.1 to the recipient ops@example.org")
    later = await told(postbox.mail(), "night@example.org")
    assert later == Later("127.0.0.1 answers 450 4.2.0 to the recipient night@example.org", alone=True)


async def test_a_wrong_password_is_not_repeated(postbox: Postbox) -> None:
    mail = replace(postbox.mail(), password=Secret("hunter2-SECRET"))
    outcome = await told(mail)
    assert outcome == Refused("127.0.0.1 answers 535 5.7.8 to user and password")


async def test_a_certificate_must_be_trusted(postbox: Postbox) -> None:
    outcome = await told(replace(postbox.mail(), ca_file=None))
    assert isinstance(outcome, Later) and "its certificate is not trusted" in outcome.why
    assert postbox.mails == []


async def test_nothing_goes_out_in_the_clear_where_starttls_is_missing() -> None:
    async with listening(_plain) as port:
        outcome = await told(replace(MAIL, host="127.0.0.1", port=port, user="u", password=Secret(PASSWORD)))
    assert outcome == Later("127.0.0.1 lacks STARTTLS or AUTH, or does not speak SMTP as it should (SMTPException)")


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server without STARTTLS that would take a password all the same."""
    writer.write(b"220 mail\r\n")
    while line := await reader.readline():
        assert not line.upper().startswith((b"AUTH", b"MAIL"))
        writer.write(b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n" if line.upper().startswith(b"EHLO") else b"500 what\r\n")


async def test_name_servers_that_are_silent_hold_up_no_mail_to_an_address(
    postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getfqdn", lambda: over.wait(30))
    try:
        assert await told(postbox.mail()) == Taken()
    finally:
        over.set()


async def test_a_name_that_does_not_resolve() -> None:
    outcome = await told(replace(MAIL, host="mail.invalid"))
    assert outcome == Later("mail.invalid cannot be found: its name does not resolve")


def test_a_domain_with_other_letters_is_written_as_the_wire_wants_it() -> None:
    mail = replace(MAIL, to=("Jürgen <ops@münchen.example>",))
    assert email.recipients(mail) == ("ops@xn--mnchen-3ya.example",)
    assert read(render(notification(), mail))["To"] == "Jürgen <ops@xn--mnchen-3ya.example>"


async def test_nobody_listens() -> None:
    outcome = await told(replace(MAIL, host="127.0.0.1", port=1))
    assert outcome == Later("127.0.0.1 cannot be asked: Connection refused")


async def test_a_server_that_says_nothing_is_for_the_deadline() -> None:
    async with listening(_silent) as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await email.send(notification(), replace(MAIL, host="127.0.0.1", port=port), "a@b.example")


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("greeting", [b"554 go away\r\n", b"421 busy\r\n"])
async def test_a_greeting_says_nothing_about_the_mail(greeting: bytes) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()

    async with listening(greet) as port:
        outcome = await told(replace(MAIL, host="127.0.0.1", port=port))
    assert outcome == Later(f"127.0.0.1 answers {greeting[:3].decode()} to the connection")


async def test_tls_from_the_first_byte(postbox: Postbox) -> None:
    """To a server that does not speak it."""
    outcome = await told(replace(postbox.mail(), security=MailSecurity.TLS))
    assert isinstance(outcome, Later)
