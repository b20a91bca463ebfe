"""Mail: a message of plain text about a group, through one SMTP server.

aiosmtplib speaks SMTP (the `email` extra): STARTTLS without leftovers of the clear, AUTH in its variants and the dots
of DATA are more than they seem, and it needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import re
import socket
from dataclasses import replace
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as ON_THE_WIRE
from email.utils import parseaddr
from functools import partial

from lvsctl.errors import LvsctlError
from lvsctl.model import Alert, Email, MailSecurity, Notification
from lvsctl.notify.aside import aside, connected, own_name
from lvsctl.notify.outcome import Later, Outcome, Refused, Taken
from lvsctl.notify.trust import in_words, trust
from lvsctl.notify.words import cut, details, firing_first, headline, in_turn, one_line, title

SUBJECT = 200
"""Characters of a subject."""

SHOWN = 200
"""Alerts that are in a mail with all that is known of them. Of the others it has a line each."""

_LINE = 500
_TOO_LONG = 552  # the one 5yz that speaks of a full mailbox, not of this message (RFC 5321, 4.2.3)
_ENHANCED = re.compile(r"\b([45]\.\d{1,3}\.\d{1,3})\b")


def render(notification: Notification, mail: Email) -> EmailMessage:
    """The whole mail, the same at every attempt.

    All mails about a group refer to one id that no mail has, so that they stand together in a thread. Raises ValueError
    for an address that is none.
    """
    sender = _address(mail.sender)
    message = EmailMessage(ON_THE_WIRE)
    message["From"] = sender
    message["To"] = tuple(_address(address) for address in mail.to)
    message["Subject"] = _header(cut(title(notification), SUBJECT))
    message["Date"] = datetime.fromtimestamp(notification.at, UTC)
    message["Message-ID"] = _message_id(notification.id, sender.domain)
    message["References"] = _message_id(notification.group_key, sender.domain)
    message["In-Reply-To"] = _message_id(notification.group_key, sender.domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday notices do not answer it
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(_text(notification), cte="quoted-printable")
    return message


def _header(text: str) -> str:
    """One line without encoded words: the standard library decodes them, and a line break in one ends the header."""
    return one_line(text).replace("=?", "= ?")


def _address(text: str) -> Address:
    """Raises ValueError for what is no address; whatever stands in the text, it stays one address in one header."""
    name, spec = parseaddr(_header(text))
    try:
        found = Address(display_name=name, addr_spec=spec)
        if not found.domain.isascii():
            found = Address(found.display_name, found.username, found.domain.encode("idna").decode())
    except (ValueError, IndexError, MessageError) as error:
        raise ValueError(f"`{one_line(text)}` is no mail address") from error
    if not found.username or not found.domain:
        raise ValueError(f"`{one_line(text)}` is no mail address")
    return found


def _message_id(of: str, domain: str) -> str:
    """Of a hash: an id may hold anything, a header may not."""
    return f"<{hashlib.sha256(of.encode(errors='replace')).hexdigest()[:32]}@{domain}>"


def _text(notification: Notification) -> str:
    alerts = in_turn(notification.alerts)
    paragraphs = [one_line(title(notification)), *(_paragraph(alert) for alert in firing_first(alerts[:SHOWN]))]
    if brief := firing_first(alerts[SHOWN:]):
        paragraphs.append("\n".join(cut(headline(alert), _LINE) for alert in brief))
    return "\n\n".join(paragraphs) + "\n"


def _paragraph(alert: Alert) -> str:
    lines = [cut(headline(alert), _LINE), *(f"  {name}: {cut(text, _LINE)}" for name, text in details(alert))]
    return "\n".join(lines)


def recipients(mail: Email) -> tuple[str, ...]:
    """The addresses of the envelope: each gets a mail of its own, so that one who is refused costs nobody else his."""
    return tuple(_address(address).addr_spec for address in mail.to)


def check(mail: Email) -> None:
    """Raises LvsctlError, which says what to install, if mail cannot be sent here; ValueError for a wrong address."""
    _address(mail.sender)
    recipients(mail)
    try:
        import aiosmtplib  # noqa: F401, PLC0415
    except ImportError as error:
        raise LvsctlError("e-mail needs aiosmtplib: install it with `pip install 'lvsctl[email]'`") from error


async def send(notification: Notification, mail: Email, recipient: str) -> Outcome:
    """One attempt to hand the mail over for one recipient."""
    import aiosmtplib  # noqa: PLC0415 - only who sends mail has it

    context = await aside(partial(trust, mail.ca_file, mail.host))
    if isinstance(context, Later):
        return context
    written = render(notification, mail).as_bytes()
    name = await own_name()
    try:
        connection = await connected(mail.host, mail.port)
    except OSError as error:
        return _judged(mail.host, recipient, error)
    client = aiosmtplib.SMTP(
        hostname=mail.host,
        port=None,
        sock=connection,
        use_tls=mail.security is MailSecurity.TLS,
        start_tls=mail.security is MailSecurity.STARTTLS,
        tls_context=context,
        local_hostname=name,
        timeout=None,  # the deadline is the whole attempt's
    )
    try:
        await client.connect()
        if mail.user is not None:
            await client.login(mail.user, mail.password.reveal() if mail.password is not None else "")
        await client.sendmail(_address(mail.sender).addr_spec, [recipient], written)
        return Taken()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        return _judged(mail.host, recipient, error)
    finally:
        client.close()


def _judged(host: str, recipient: str, error: Exception) -> Outcome:
    """What the server said in numbers; never its words, in which it may repeat what it was given."""
    import aiosmtplib  # noqa: PLC0415

    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[first, *_]):
            outcome = answered(host, first.code, first.message, f"the recipient {recipient}")
            return replace(outcome, alone=True) if isinstance(outcome, Later) else outcome
        case aiosmtplib.SMTPAuthenticationError(code=code, message=said):
            return answered(host, code, said, "user and password")
        case aiosmtplib.SMTPSenderRefused(code=code, message=said):
            return answered(host, code, said, "the sender")
        case aiosmtplib.SMTPConnectResponseError(code=code) | aiosmtplib.SMTPHeloError(code=code):
            return Later(f"{host} answers {code} to the connection")  # which says nothing about the mail
        case aiosmtplib.SMTPResponseException(code=code, message=said):
            return answered(host, code, said, "the mail")
        case socket.gaierror():
            return Later(f"{host} cannot be found: its name does not resolve")
        case aiosmtplib.SMTPTimeoutError():
            return Later(f"{host} gives no answer in time")
        case aiosmtplib.SMTPServerDisconnected():
            return Later(f"{host} closed the connection")
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return Later(f"{host} cannot be asked: {in_words(cause)}")
        cause = cause.__cause__ or cause.__context__
    return Later(f"{host} lacks STARTTLS or AUTH, or does not speak SMTP as it should ({type(error).__name__})")


def answered(host: str, code: int, said: str, what: str) -> Outcome:
    """What a reply code to `what` means: 5yz is for good, all else for now (RFC 5321, 4.2.1)."""
    enhanced = _ENHANCED.search(said)
    why = f"{host} answers {code}{f' {enhanced[1]}' if enhanced else ''} to {what}"
    return Refused(why) if 500 <= code < 600 and code != _TOO_LONG else Later(why)
