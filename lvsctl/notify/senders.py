"""How each kind of receiver is told: one value a receiver, made from its configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias, assert_never
from urllib.parse import urlsplit

from lvsctl.errors import LvsctlError
from lvsctl.model import (
    RESEND,
    Alertmanager,
    Email,
    Notification,
    PagerDuty,
    Program,
    Receiver,
    Slack,
    Teams,
    Webhook,
)
from lvsctl.notify import alertmanager, email, pagerduty, program, signing, slack, teams, webhook
from lvsctl.notify.aside import aside
from lvsctl.notify.http import Client, Request, host
from lvsctl.notify.outcome import Later, Outcome

Attempt: TypeAlias = Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Letter:
    """One part of a notification: most have one, PagerDuty one for each event.

    name: of what it says; where another notification about the same group has a part of that name, they say the same.
    """

    name: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Sender:
    """How one receiver is told.

    letters: the parts of a notification, always in the same order. kind, where: as they may be shown. pace: seconds
    from one part to the next, at least. renew: seconds after which what is firing is told again, None for never.
    """

    kind: str
    where: str
    letters: Callable[[Notification], tuple[Letter, ...]]
    pace: float
    renew: float | None = None


def check(receiver: Receiver) -> None:
    """Raises LvsctlError if it can never be told anything here."""
    try:
        match receiver.channel:
            case Webhook(secrets=secrets):
                for secret in secrets:
                    signing.key(secret)
            case Email() as mail:
                email.check(mail)
    except ValueError as error:
        raise LvsctlError(str(error)) from error


def opened(receiver: Receiver, client: Client, today: Callable[[], float]) -> Sender:
    """The sender for a receiver. today: tells Unix time."""
    deadline = receiver.timeout
    match receiver.channel:
        case Webhook() as hook:
            where = host(hook.url)
            return Sender("webhook", where, partial(_signed, hook, client, today, _Within(deadline, where)), 0.5)
        case Alertmanager() as cluster:
            where = ", ".join(urlsplit(url).netloc.rpartition("@")[2] for url in cluster.urls)
            letters = partial(_to_cluster, cluster, client, today, deadline)
            return Sender("alertmanager", where, letters, 0.0, renew=RESEND)
        case Slack() as channel:
            where, each = host(channel.url), partial(slack.requests, slack=channel)
            return _posting("slack", where, each, client=client, deadline=deadline, pace=1.0)
        case PagerDuty() as service:
            where, each = urlsplit(service.url).hostname or "", partial(pagerduty.requests, service=service)
            return _posting("pagerduty", where, each, client=client, deadline=deadline, pace=0.5)
        case Teams() as team:
            where, each = host(team.url), partial(teams.requests, teams=team)
            return _posting("teams", where, each, client=client, deadline=deadline, pace=0.5)
        case Email() as mail:
            return Sender("email", mail.host, partial(_mails, mail, _Within(deadline, mail.host)), 1.0)
        case Program() as started:
            name = Path(started.argv[0]).name
            return Sender("program", name, partial(_run, started, _Within(deadline, name)), 0.5)
    assert_never(receiver.channel)


@dataclass(frozen=True, slots=True)
class _Within:
    """Puts a deadline of some seconds around all that one attempt takes."""

    deadline: float
    where: str

    async def __call__(self, attempt: Attempt) -> Outcome:
        try:
            async with asyncio.timeout(self.deadline):
                return await attempt()
        except TimeoutError:
            return Later(f"{self.where} is not done within {self.deadline:g} s")


def _posting(
    kind: str,
    where: str,
    requests: Callable[[Notification], tuple[Request, ...]],
    *,
    client: Client,
    deadline: float,
    pace: float,
) -> Sender:
    within = _Within(deadline, where)

    def letters(notification: Notification) -> tuple[Letter, ...]:
        wanted = requests(notification)
        parts = _numbered(notification, (partial(within, partial(client.post, request)) for request in wanted))
        return tuple(replace(part, name=request.name or part.name) for part, request in zip(parts, wanted, strict=True))

    return Sender(kind, where, letters, pace)


def _numbered(notification: Notification, attempts: Iterable[Attempt]) -> tuple[Letter, ...]:
    """Parts of one whole: what another notification says is something else."""
    return tuple(Letter(f"{notification.id} {number}", attempt) for number, attempt in enumerate(attempts))


def _signed(
    hook: Webhook, client: Client, today: Callable[[], float], within: _Within, notification: Notification
) -> tuple[Letter, ...]:
    async def attempt(part: webhook.Part) -> Outcome:  # signed anew each time, with the time of the attempt
        return await client.post(webhook.request(part, hook, today()))

    attempts = (partial(within, partial(attempt, part)) for part in webhook.parts(notification))
    return _numbered(notification, attempts)


def _to_cluster(
    cluster: Alertmanager, client: Client, today: Callable[[], float], deadline: float, notification: Notification
) -> tuple[Letter, ...]:
    async def attempt() -> Outcome:
        wanted = await aside(partial(alertmanager.requests, notification, cluster, today()))  # it may be thousands
        return await alertmanager.to_all(client.post, wanted, deadline)

    return _numbered(notification, [attempt])


def _mails(mail: Email, within: _Within, notification: Notification) -> tuple[Letter, ...]:
    recipients = email.recipients(mail)
    attempts = (partial(within, partial(email.send, notification, mail, recipient)) for recipient in recipients)
    return _numbered(notification, attempts)


def _run(started: Program, within: _Within, notification: Notification) -> tuple[Letter, ...]:
    return _numbered(notification, [partial(within, partial(program.send, notification, started))])
