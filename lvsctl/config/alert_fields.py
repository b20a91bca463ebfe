"""The scalars of `alerts:`: secrets, URLs, times of day. What may be secret is never quoted in a message."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated, Any, NoReturn, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from lvsctl.config.document import shown
from lvsctl.config.faults import OWN
from lvsctl.config.secrets import Unresolved, look_up, mentions
from lvsctl.config.wording import did_you_mean
from lvsctl.model import Secret

INLINE = "is a secret in the file itself: write `${file:/path}`, `${env:NAME}` or `${cred:NAME}` instead"
"""What is said of a `Given` that is inline."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SIGNING = "is no signing secret: write `whsec_` and the base64 of 24 to 64 bytes (openssl rand -base64 32 makes them)"


@dataclass(frozen=True, slots=True)
class Given:
    """A secret, and whether it stands in the file itself."""

    secret: Secret
    inline: bool


def _refuse(message: str) -> NoReturn:
    raise PydanticCustomError(OWN, "{message}", {"message": message})


def _given(value: Any) -> Given:
    if not isinstance(value, str):
        _refuse("must be text: put it in quotes")
    if not mentions(value):
        return Given(Secret(_of_one_line(value)), inline=True)
    try:
        return Given(Secret(_of_one_line(look_up(value))), inline=False)
    except Unresolved as why:
        _refuse(str(why))


def _of_one_line(text: str) -> str:
    if not text or not text.isprintable():
        _refuse("must be one line of text, and is not; what it holds is not shown because it is secret")
    return text


def _secret_url(given: Given) -> Given:
    if problem := _not_a_url(given.secret.reveal()):
        _refuse(f"{problem}; what it holds is not shown because it is secret")
    return given


def _url(value: str) -> str:
    return _without_login(value, "has a password in it: write `user` and `password` beside it")


def _open_url(value: str) -> str:
    return _without_login(value, "has a password in it, which nobody asks for there: leave it out")


def _without_login(value: str, otherwise: str) -> str:
    if problem := _not_a_url(value):
        raise ValueError(problem)
    if "@" in urlsplit(value).netloc:
        _refuse(otherwise)
    return value.rstrip("/")


def _not_a_url(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    return None if fine and text.isprintable() and " " not in text else "must be an http or https URL"


def _signing(given: Given) -> Given:
    text = given.secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64:
        _refuse(_SIGNING)
    return given


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        _refuse("must be a mapping of names to values")
    return value


def either(key: str, *, many: bool = False) -> Callable[[Any], Any]:
    """Let a value stand for a mapping that has it under `key`."""

    def expand(value: Any) -> Any:
        if isinstance(value, str):
            return {key: [value] if many else value}
        if many and isinstance(value, list):
            return {key: value}
        if not isinstance(value, dict):
            _refuse(f"must be a mapping with `{key}`")
        return value

    return expand


def _header(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        raise ValueError(f"`{shown(name)}` is not the name of a header")
    return name


def _mailbox(value: str) -> str:
    if not re.fullmatch(r"[^\s@<>,;]+@[^\s@<>,;]+", value):
        raise ValueError(f"`{shown(value)}` is not a mail address, such as ops@example.com")
    return value


def _minutes(value: Any) -> int:
    match = re.fullmatch(r"([01]?[0-9]|2[0-4]):([0-5][0-9])", value) if isinstance(value, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else 1441
    if minutes > 1440:
        raise ValueError(f"`{shown(value)}` is not a time of day: write it like 07:00 or 22:30")
    return minutes


def _days(value: Any) -> frozenset[int]:
    words = value if isinstance(value, list) else [value]
    return frozenset(day for word in words for day in _span(word))


def _span(word: Any) -> list[int]:
    ends = word.lower().split("-") if isinstance(word, str) else []
    if not 1 <= len(ends) <= 2 or any(end not in _DAYS for end in ends):
        raise ValueError(f"`{shown(word)}` is not a day: write {', '.join(_DAYS)}, or from one to another like mon-fri")
    first, last = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
    return [(first + number) % 7 for number in range((last - first) % 7 + 1)]


def _zone(value: Any) -> tzinfo:
    try:
        return ZoneInfo(value)
    except (OSError, ValueError, TypeError, KeyError):
        known = sorted(available_timezones())
    if not known:
        raise ValueError("this host knows no time zones: install tzdata")
    meant = did_you_mean(str(value), known)
    hint = f"did you mean `{meant}`?" if meant else "write it like Europe/Berlin or UTC"
    raise ValueError(f"`{shown(value)}` is no time zone: {hint}")


def _label(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError(f"`{shown(name)}` is not the name of a label: use small letters, digits and `_`")
    return name


_TEXT = WithJsonSchema({"type": "string"})

SecretText: TypeAlias = Annotated[Given, PlainValidator(_given), _TEXT]
SecretUrl: TypeAlias = Annotated[SecretText, AfterValidator(_secret_url)]
SigningSecret: TypeAlias = Annotated[SecretText, AfterValidator(_signing)]
Url: TypeAlias = Annotated[str, AfterValidator(_url)]
OpenUrl: TypeAlias = Annotated[str, AfterValidator(_open_url)]
HeaderName: TypeAlias = Annotated[str, AfterValidator(_header)]
Mailbox: TypeAlias = Annotated[str, AfterValidator(_mailbox)]
LabelName: TypeAlias = Annotated[str, AfterValidator(_label)]
TimeOfDay: TypeAlias = Annotated[int, PlainValidator(_minutes), _TEXT]
Days: TypeAlias = Annotated[
    frozenset[int],
    PlainValidator(_days),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Zone: TypeAlias = Annotated[tzinfo, PlainValidator(_zone), _TEXT]
as_mapping = _mapping
