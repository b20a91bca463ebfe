"""Who is told of alerts, and by what: receivers as configured, with their secrets out of sight."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
RESEND = 60.0
"""Seconds after which an Alertmanager is told again what is firing; after four times as long it forgets it."""


class Secret:
    """A text that is never shown: not by str, repr, format, a log or JSON. Compared by content."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: only for what is sent to the receiver."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "***"


class WebhookFormat(StrEnum):
    """ALERTMANAGER: the body that Alertmanager sends to webhooks, version 4. CLOUDEVENTS: version 1.0, structured."""

    ALERTMANAGER = "alertmanager"
    CLOUDEVENTS = "cloudevents"


class MailSecurity(StrEnum):
    """STARTTLS: refused without it. TLS: from the first byte. NONE: in the clear."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL of somebody's own. secrets: none, or one or two that sign each request (Standard Webhooks' `whsec_…`).

    url: may hold a token, so it is secret as a whole. headers: sent along. ca_file: instead of the system's.
    """

    url: Secret
    format: WebhookFormat = WebhookFormat.ALERTMANAGER
    headers: tuple[tuple[str, Secret], ...] = ()
    secrets: tuple[Secret, ...] = ()
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Every member of one cluster, by base URL without user and password ("http://am1:9093", with a prefix if any).

    It groups and repeats by itself, so it is given all that fires, and again every `RESEND` seconds. user, password:
    Basic authentication; token: Bearer.
    """

    urls: tuple[str, ...]
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook; its URL is the secret."""

    url: Secret


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """A service with an Events v2 integration."""

    routing_key: Secret
    url: str = PAGERDUTY


@dataclass(frozen=True, slots=True)
class Teams:
    """A Microsoft Teams workflow; its URL is the secret."""

    url: Secret


@dataclass(frozen=True, slots=True)
class Email:
    """Mail through one SMTP server. sender: the From address; to: at least one. user, password: AUTH, or neither."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    security: MailSecurity = MailSecurity.STARTTLS
    user: str | None = None
    password: Secret | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the operator's own, started without a shell.

    argv: the first is an absolute path; the others may hold a secret, so only the name of the first is shown.
    """

    argv: tuple[str, ...] = field(repr=False)


Channel: TypeAlias = Webhook | Alertmanager | Slack | PagerDuty | Teams | Email | Program


@dataclass(frozen=True, slots=True)
class Receiver:
    """One receiver by name.

    send_resolved: whether it hears of alerts that ended. timeout: seconds for one attempt. queue: notifications that
    may wait for it. retry_for: seconds after which one that cannot be delivered is given up,
    unless it has the end of something that was told.
    """

    name: str
    channel: Channel
    send_resolved: bool = True
    timeout: float = 15.0
    queue: int = 1000
    retry_for: float = 86400.0

    @property
    def feed(self) -> bool:
        """Whether it groups, silences and repeats by itself, and takes for ended what it is not told of."""
        return isinstance(self.channel, Alertmanager)
