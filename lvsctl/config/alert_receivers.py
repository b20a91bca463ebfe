"""Compile one receiver of `alerts:`."""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from lvsctl.config import alerts as form
from lvsctl.config.alert_fields import INLINE, Given
from lvsctl.config.document import Place, shown
from lvsctl.model import (
    Alertmanager,
    Channel,
    Email,
    MailSecurity,
    PagerDuty,
    Problem,
    Program,
    Receiver,
    Secret,
    Severity,
    Slack,
    Teams,
    Webhook,
)

_PORTS = {MailSecurity.STARTTLS: 587, MailSecurity.TLS: 465, MailSecurity.NONE: 25}
_TELLING = re.compile(r"authorization|cookie|token|secret|password|key", re.IGNORECASE)
_TWO_LOGINS = (
    "`Authorization` and the login in the url are two logins, and a request can have one: leave one of them out"
)


def receiver_of(name: str, written: form.Receiver, place: Place, problems: list[Problem]) -> Receiver:
    """The receiver that is written at `place`; what is wrong with it goes to `problems`."""
    channel = _ChannelCompiler(problems).compile(written, place)
    return Receiver(name, channel, written.send_resolved, written.timeout, written.queue, written.retry_for)


class _ChannelCompiler:
    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems

    def compile(self, written: form.Receiver, place: Place) -> Channel:
        kind = next(name for name in form.CHANNELS if getattr(written, name) is not None)
        at = place.at(kind)
        match getattr(written, kind):
            case form.Webhook() as one:
                return self._webhook(one, at)
            case form.Alertmanager() as one:
                password, token = self._maybe(one.password, at, "password"), self._maybe(one.token, at, "token")
                return Alertmanager(one.urls, one.user, password, token, self._file(one.ca_file, at))
            case form.Slack() as one:
                return Slack(self._secret(one.url, at.within("url")))
            case form.PagerDuty() as one:
                return PagerDuty(self._secret(one.routing_key, at.within("routing_key")), one.url)
            case form.Teams() as one:
                return Teams(self._secret(one.url, at.within("url")))
            case form.Email() as one:
                return self._email(one, at)
            case form.Program() as one:
                return Program(one.command)
        raise AssertionError(kind)

    def _webhook(self, one: form.Webhook, at: Place) -> Webhook:
        headers = tuple(
            (name, self._secret(value, at.at("headers", name), warn=bool(_TELLING.search(name))))
            for name, value in one.headers.items()
        )
        secrets = tuple(self._secret(value, at.within("secrets")) for value in one.secrets)
        has_password = "@" in urlsplit(one.url.secret.reveal()).netloc
        url = self._secret(one.url, at.within("url"), warn=has_password)
        if has_password and any(name.lower() == "authorization" for name in one.headers):
            self._problems.append(at.at("headers").problem(_TWO_LOGINS))
        return Webhook(url, one.format, headers, secrets, self._file(one.ca_file, at))

    def _email(self, one: form.Email, at: Place) -> Email:
        password, ca_file = self._maybe(one.password, at, "password"), self._file(one.ca_file, at)
        port = one.port or _PORTS[one.security]
        return Email(one.host, port, one.sender, one.to, one.security, one.user, password, ca_file)

    def _maybe(self, given: Given | None, at: Place, key: str) -> Secret | None:
        return self._secret(given, at.at(key)) if given is not None else None

    def _secret(self, given: Given, place: Place, *, warn: bool = True) -> Secret:
        if given.inline and warn:
            self._problems.append(place.problem(INLINE, severity=Severity.WARNING))
        return given.secret

    def _file(self, path: str | None, at: Place) -> str | None:
        if path is not None and not FilePath(path).is_file():
            message = f"the file {shown(path)} does not exist or is not a regular file"
            self._problems.append(at.at("ca_file").problem(message))
        return path
