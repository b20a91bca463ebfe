"""Turn checks as written into the questions that are asked and the ways in which answers are judged."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from re import Pattern
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from lvsctl.checkapi import AnyKind, Params
from lvsctl.config.check import Asked, CheckKeys
from lvsctl.config.document import Path, Place, shown
from lvsctl.config.merge import Merged
from lvsctl.config.values import in_words
from lvsctl.config.wording import did_you_mean, faulty_kind
from lvsctl.model import Address, Check, CheckId, Problem, Question, QuestionId, RealKey, Severity, Target

DEFAULT_INTERVAL = 2.0
DEFAULT_TIMEOUT = 1.0
DEFAULT_RISE = 2
DEFAULT_FALL = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A check with everything known but the server. digest: of what is asked, the server apart."""

    kind: str
    params: Params
    digest: str
    address: Address | None
    port: int | None
    timeout: float
    interval: float
    fast_interval: float
    down_interval: float
    rise: int
    fall: int


class Questions:
    """Collects the questions and checks of all services; equal questions become one.

    complete: whether every file could be read; if not, a name that is not found proves nothing.
    """

    def __init__(
        self, merged: Merged, kinds: Mapping[str, AnyKind], problems: list[Problem], *, complete: bool
    ) -> None:
        self.questions: dict[QuestionId, Question] = {}
        self.checks: dict[CheckId, Check] = {}
        self._merged = merged
        self._kinds = kinds
        self._problems = problems
        self._complete = complete
        self._prepared: dict[tuple[str, Path], Prepared | None] = {}
        self._keys: dict[frozenset[str], bytes] = {}

    def prepare_named(self) -> None:
        """Look at every named check, so that a mistake in one that nobody uses is found too."""
        for name in self._merged.checks:
            self._named(name)

    def prepare(self, written: tuple[str | Asked, ...], place: Place) -> tuple[Prepared, ...]:
        """The checks written at `place`. Those with mistakes are reported once and left out."""
        places = [place.at(index) for index in range(len(written))] if isinstance(place.value, list) else [place]
        found = [self._one(one, at) for one, at in zip(written, places, strict=False)]
        return tuple(prepared for prepared in found if prepared is not None)

    def ask(self, prepared: Prepared, server: RealKey) -> CheckId | None:
        """Ask this of that server; None if there is no port to ask."""
        port: int | None = server.port if prepared.port is None else prepared.port
        if port == 0:
            port = self._kinds[prepared.kind].usual_port(prepared.params)
        if port is None:
            return None
        target = Target(prepared.address or server.address, port)
        question = Question(
            id=QuestionId(f"{prepared.kind}:{target}:{prepared.digest}"),
            kind=prepared.kind,
            target=target,
            params=prepared.params,
            timeout=prepared.timeout,
            interval=prepared.interval,
            fast_interval=prepared.fast_interval,
            down_interval=prepared.down_interval,
        )
        known = self.questions.get(question.id)
        self.questions[question.id] = _oftenest(known, question) if known else question
        check = Check(
            CheckId(f"{question.id}:{prepared.rise}/{prepared.fall}"), question.id, prepared.rise, prepared.fall
        )
        self.checks[check.id] = check
        return check.id

    def _one(self, written: str | Asked, place: Place) -> Prepared | None:
        """A named check first, then an installed kind without parameters."""
        if isinstance(written, Asked):
            return self._once(place, lambda: self._prepare(written, place))
        if written in self._merged.checks:
            return self._named(written)
        if written in self._merged.broken or (written not in self._kinds and not self._complete):
            return None
        return self._once(place, lambda: self._bare_kind(written, place))

    def _named(self, name: str) -> Prepared | None:
        place, written = self._merged.checks[name]
        if isinstance(written, str):
            return self._once(place, lambda: self._bare_kind(written, place))
        return self._once(place, lambda: self._prepare(written, place))

    def _once(self, place: Place, prepare: Callable[[], Prepared | None]) -> Prepared | None:
        """What stands at a place is prepared, and complained about, once, however many servers it is for."""
        known = (place.document.file, place.path)
        if known not in self._prepared:
            self._prepared[known] = prepare()
        return self._prepared[known]

    def _bare_kind(self, name: str, place: Place) -> Prepared | None:
        if place.path[0] == "checks" and name in self._merged.checks:
            message = f"`{shown(name)}` is a named check itself: write a mapping here, or the name of an installed kind"
            self._problems.append(place.problem(message))
            return None
        if name not in self._kinds:
            self._problems.append(place.problem(self._no_such_check(name)))
            return None
        try:
            params: Params = self._kinds[name].params.model_validate({})
        except ValidationError:
            message = f"the check kind `{name}` needs parameters: write a mapping, `{name}: {{…}}`"
            self._problems.append(place.problem(message))
            return None
        except Exception as error:  # whatever the validators of somebody's kind raise
            self._problems.append(place.problem(faulty_kind(name, type(error).__name__)))
            return None
        return self._prepare(Asked(CheckKeys(), name, params, frozenset()), place)

    def _no_such_check(self, name: str) -> str:
        meant = did_you_mean(name, sorted({*self._merged.checks, *self._kinds}))
        kinds = ", ".join(sorted(self._kinds)) or "none"
        hint = f"did you mean `{meant}`?" if meant else f"define it under `checks:` (installed kinds: {kinds})"
        return f"there is no check `{shown(name)}`, neither a named one nor an installed kind: {hint}"

    def _prepare(self, asked: Asked, place: Place) -> Prepared | None:
        keys, defaults = asked.keys, self._merged.defaults
        interval = keys.interval or defaults.interval or DEFAULT_INTERVAL
        timeout = keys.timeout or defaults.timeout or DEFAULT_TIMEOUT
        try:
            hash(asked.params)
        except TypeError:
            self._problems.append(place.problem(faulty_kind(asked.kind, "its parameters cannot be hashed")))
            return None
        if timeout > interval:
            self._problems.append(_slow(place, timeout=timeout, interval=interval))
        return Prepared(
            kind=asked.kind,
            params=asked.params,
            digest=self._digest(asked, timeout),
            address=keys.address,
            port=keys.port,
            timeout=timeout,
            interval=interval,
            fast_interval=keys.fast_interval or defaults.fast_interval or interval,
            down_interval=keys.down_interval or defaults.down_interval or interval,
            rise=keys.rise or defaults.rise or DEFAULT_RISE,
            fall=keys.fall or defaults.fall or DEFAULT_FALL,
        )

    def _digest(self, asked: Asked, timeout: float) -> str:
        """Twelve hex digits, the same in every process. Two secrets give two; guessing one from it is made slow."""
        secrets = set(asked.secrets)
        content = json.dumps([asked.kind, timeout, _canonical(asked.params, secrets)], sort_keys=True)
        key = self._key(frozenset(secrets))
        return hmac.new(key, content.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]

    def _key(self, secrets: frozenset[str]) -> bytes:
        """Ids are shown and logged, so a secret goes into them through a function that is slow on purpose (40 ms)."""
        if not secrets:
            return b"lvsctl"
        if secrets not in self._keys:
            phrase = json.dumps(sorted(secrets)).encode()
            self._keys[secrets] = hashlib.scrypt(phrase, salt=b"lvsctl question id", n=2**14, r=8, p=1)
        return self._keys[secrets]


def _oftenest(one: Question, other: Question) -> Question:
    return replace(
        one,
        interval=min(one.interval, other.interval),
        fast_interval=min(one.fast_interval, other.fast_interval),
        down_interval=min(one.down_interval, other.down_interval),
    )


def _slow(place: Place, *, timeout: float, interval: float) -> Problem:
    key = next((key for key in ("timeout", "interval") if isinstance(place.value, dict) and key in place.value), None)
    message = (
        f"a probe may take {in_words(timeout)} and the interval is {in_words(interval)}: a server that hangs is asked "
        f"less often than that; raise `interval` or lower `timeout`"
    )
    return (place.at(key) if key else place).problem(message, severity=Severity.WARNING)


def _canonical(value: Any, secrets: set[str]) -> Any:
    """The value as JSON can say it, equal for equal values in every process. Secret values are added to `secrets`."""
    match value:
        case SecretStr():
            secrets.add(value.get_secret_value())
            return value.get_secret_value()
        case SecretBytes():
            secrets.add(value.get_secret_value().hex())
            return value.get_secret_value().hex()
        case BaseModel():
            return {name: _canonical(getattr(value, name), secrets) for name in type(value).model_fields}
        case dict():
            return {str(key): _canonical(item, secrets) for key, item in value.items()}
        case list() | tuple():
            return [_canonical(item, secrets) for item in value]
        case set() | frozenset():
            return sorted((_canonical(item, secrets) for item in value), key=json.dumps)
        case Enum():
            return _canonical(value.value, secrets)
        case Pattern():
            return [value.flags, _canonical(value.pattern, secrets)]
        case bytes():
            return value.hex()
        case None | bool() | int() | float() | str():
            return value
    return [type(value).__name__, str(value)]
