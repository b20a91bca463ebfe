"""The grammar of `alerts:`: receivers, routes, quiet hours."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, Strict, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from lvsctl.config.alert_fields import (
    Days,
    HeaderName,
    LabelName,
    Mailbox,
    OpenUrl,
    SecretText,
    SecretUrl,
    SigningSecret,
    TimeOfDay,
    Url,
    Zone,
    as_mapping,
    either,
)
from lvsctl.config.faults import fault, raise_faults
from lvsctl.config.fields import (
    ONE_OR_MANY,
    Boolean,
    Directory,
    Form,
    Maybe,
    Name,
    OrText,
    OrTexts,
    Pause,
    Port,
    Some,
    Timing,
)
from lvsctl.model import PAGERDUTY, AlertSeverity, MailSecurity, WebhookFormat


class Webhook(Form):
    url: SecretUrl = Field(description="Where to POST.")
    format: WebhookFormat = Field(WebhookFormat.ALERTMANAGER, description="Of the body.")
    headers: Annotated[dict[HeaderName, SecretText], BeforeValidator(as_mapping)] = Field(
        default_factory=dict, description="Sent along."
    )
    secrets: Annotated[tuple[SigningSecret, ...], Field(max_length=2), ONE_OR_MANY, OrText()] = Field(
        (), description="Sign each request (Standard Webhooks); two while one replaces the other."
    )
    ca_file: Maybe[Directory] = Field(None, description="Authorities to trust instead of the system's.")


class Alertmanager(Form):
    urls: Annotated[Some[tuple[Url, ...]], ONE_OR_MANY, OrText()] = Field(description="Every member of one cluster.")
    user: Maybe[str] = Field(None, description="For Basic authentication.")
    password: Maybe[SecretText] = Field(None, description="For Basic authentication.")
    token: Maybe[SecretText] = Field(None, description="For Bearer authentication.")
    ca_file: Maybe[Directory] = Field(None, description="Authorities to trust instead of the system's.")

    @model_validator(mode="after")
    def _fit(self) -> Alertmanager:
        if (self.user is None) != (self.password is None):
            raise_faults([fault((), "needs both `user` and `password`, or neither")])
        if self.user is not None and self.token is not None:
            raise_faults([fault(("token",), "is not needed with `user` and `password`: remove one of the two")])
        return self


class Slack(Form):
    url: SecretUrl = Field(description="Of the incoming webhook; it is the secret.")


class PagerDuty(Form):
    routing_key: SecretText = Field(description="Of the service's Events v2 integration.")
    url: OpenUrl = Field(PAGERDUTY, description="Another region's.")


class Teams(Form):
    url: SecretUrl = Field(description="Of the workflow; it is the secret.")


class Email(Form):
    host: str = Field(description="SMTP server.")
    port: Maybe[Port] = Field(None, description="Default 587; 465 with `security: tls`, 25 with `security: none`.")
    security: MailSecurity = Field(MailSecurity.STARTTLS, description="starttls (required), tls, or none.")
    user: Maybe[str] = Field(None, description="To log in with.")
    password: Maybe[SecretText] = Field(None, description="To log in with.")
    sender: Mailbox = Field(alias="from", description="Address of the sender.")
    to: Annotated[Some[tuple[Mailbox, ...]], ONE_OR_MANY, OrText()] = Field(description="Addresses.")
    ca_file: Maybe[Directory] = Field(None, description="Authorities to trust instead of the system's.")

    @model_validator(mode="after")
    def _fit(self) -> Email:
        if (self.user is None) != (self.password is None):
            raise_faults([fault((), "needs both `user` and `password`, or neither")])
        if self.password is not None and self.security is MailSecurity.NONE:
            message = "would send the password in the clear: write `security: starttls` or `security: tls`"
            raise_faults([fault(("security",), message)])
        return self


class Program(Form):
    command: Some[tuple[str, ...]] = Field(description="The program, by its whole path, and its arguments.")

    @model_validator(mode="after")
    def _fit(self) -> Program:
        if not self.command[0].startswith("/"):
            raise_faults([fault(("command", 0), "must be a whole path: begin it with /")])
        return self


class Receiver(Form):
    webhook: Maybe[Annotated[Webhook, BeforeValidator(either("url")), OrText()]] = Field(None, description="POST.")
    alertmanager: Maybe[Annotated[Alertmanager, BeforeValidator(either("urls", many=True)), OrTexts()]] = Field(
        None, description="A cluster of Alertmanagers, which groups and repeats by itself."
    )
    slack: Maybe[Annotated[Slack, BeforeValidator(either("url")), OrText()]] = Field(None, description="A channel.")
    pagerduty: Maybe[Annotated[PagerDuty, BeforeValidator(either("routing_key")), OrText()]] = Field(
        None, description="A service."
    )
    teams: Maybe[Annotated[Teams, BeforeValidator(either("url")), OrText()]] = Field(None, description="A channel.")
    email: Maybe[Email] = Field(None, description="Mail.")
    program: Maybe[Program] = Field(None, description="A program of your own; the notification is its input.")
    send_resolved: Boolean = Field(True, description="Whether it hears what is over.")
    timeout: Timing = Field(15.0, description="For one attempt. Default 15s.")
    queue: Annotated[int, Strict(), Field(ge=1, le=100_000)] = Field(1000, description="Notifications that may wait.")
    retry_for: Timing = Field(
        86400.0,
        description="After this long a notification is given up, unless it has the end of what was told. Default 24h.",
    )

    @model_validator(mode="after")
    def _fit(self) -> Receiver:
        named = [name for name in CHANNELS if getattr(self, name) is not None]
        if not named:
            raise_faults([fault((), f"does not say by what: add one of {', '.join(CHANNELS)}")])
        if len(named) > 1:
            both = " and ".join(f"`{name}`" for name in named)
            raise_faults([fault((), f"has {both}: make two receivers of it, and name both in `to`")])
        return self


CHANNELS = ("webhook", "alertmanager", "slack", "pagerduty", "teams", "email", "program")


def _or_off(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return Flapping.model_construct(changes=0) if value == "off" else handler(value)


By: TypeAlias = Annotated[tuple[str, ...], ONE_OR_MANY, OrText()]
Words: TypeAlias = Annotated[Some[tuple[str, ...]], ONE_OR_MANY, OrText()]


class Grouping(Form):
    """What a route takes from `alerts` unless it says otherwise."""

    group_by: Maybe[By] = Field(
        None, description="Labels; alerts that have them in common are one message. each: none is. [alertname, service]"
    )
    group_wait: Maybe[Pause] = Field(None, description="News are collected for so long. Default 30s.")
    group_interval: Maybe[Pause] = Field(None, description="Between messages about one group. Default 5m.")
    repeat_interval: Maybe[Timing] = Field(None, description="What goes on is told again after this. Default 4h.")


class Route(Grouping):
    to: Words = Field(description="Receivers.")
    event: Maybe[Words] = Field(None, description="Events that begin an alert, such as server_down. Default: any.")
    service: Maybe[Words] = Field(
        None, description="Names of services, with * and ?. Default: any, and alerts of none."
    )
    severity: Maybe[Annotated[Some[tuple[AlertSeverity, ...]], ONE_OR_MANY, OrText()]] = Field(
        None, description="critical, warning, info. Default critical and warning; with `event`: any."
    )
    continue_: Boolean = Field(False, alias="continue", description="Whether later routes are tried as well.")
    quiet: Maybe[Words] = Field(None, description="Hours, by name, in which it is held.")


class Quiet(Form):
    days: Maybe[Days] = Field(None, description="mon-fri, or a list; those on which it begins. Default: all.")
    start: TimeOfDay = Field(alias="from", description='"22:00"')
    end: TimeOfDay = Field(alias="to", description='"07:00"; not after `from`: of the next day.')
    zone: Zone = Field(description="Time zone, such as Europe/Berlin.")


class Flapping(Form):
    changes: Annotated[int, Strict(), Field(ge=3, le=1000)] = Field(6, description="Beginnings and ends. Default 6.")
    within: Timing = Field(600.0, description="In this time. Default 10m.")
    stable: Timing = Field(300.0, description="Without a change for so long, and it is over. Default 5m.")
    longest: Timing = Field(3600.0, description="To which that doubles each time. Default 1h.")

    @model_validator(mode="after")
    def _fit(self) -> Flapping:
        if self.longest < self.stable:
            raise_faults([fault(("longest",), "is shorter than `stable`: make it longer")])
        return self


class Alerts(Grouping):
    receivers: Maybe[dict[Name, Receiver]] = Field(None, description="Who can be told, by name.")
    routes: Maybe[tuple[Route, ...]] = Field(None, description="Who is told of what; the first that matches.")
    quiet: Maybe[dict[Name, Quiet]] = Field(None, description="Hours in which routes are held, by name.")
    flapping: Maybe[Annotated[Flapping, WrapValidator(_or_off), OrText()]] = Field(
        None, description="When what comes and goes is one alert; off: never."
    )
    labels: Maybe[dict[LabelName, str]] = Field(None, description="Put on every alert.")
