"""Matchers as operators write them, and whether they apply to an alert."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from lvsctl.model import Alert, Matcher, MatchOp, Silence

_MATCHER = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(=~|!~|!=(?!=)|=(?!=))(.*)", re.DOTALL)


def matcher(text: str) -> Matcher:
    """`service=shop`, `server=~10\\.0\\..*`, `pool!=spare`, or an alert's name alone. Raises ValueError with why."""
    found = _MATCHER.fullmatch(text)
    if found is None and re.fullmatch(r"[A-Za-z]+", text):
        return Matcher("alertname", MatchOp.IS, text)
    if found is None:
        raise ValueError(f"`{text}` is no matcher: write it like service=shop, server=~10\\.0\\..* or ServerDown")
    made = Matcher(found[1], MatchOp(found[2]), _unquoted(found[3]))
    if made.op in (MatchOp.LIKE, MatchOp.UNLIKE):
        try:
            re.compile(made.value)
        except re.error as error:
            raise ValueError(f"`{made.value}` is no regular expression: {error}") from None
    return made


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def everything(matchers: Sequence[Matcher]) -> bool:
    """Whether they would apply to any alert there can be: to one without labels they all do."""
    return all(_applies(one, "") for one in matchers)


def matches(matchers: Iterable[Matcher], alert: Alert) -> bool:
    """Whether all of them apply."""
    return all(_applies(one, alert.label(one.label)) for one in matchers)


def silenced_by(silences: Iterable[Silence], alert: Alert) -> str | None:
    """The id of a silence that applies, if there is one."""
    return next((silence.id for silence in silences if matches(silence.matchers, alert)), None)


def _applies(one: Matcher, value: str) -> bool:
    match one.op:
        case MatchOp.IS:
            return value == one.value
        case MatchOp.IS_NOT:
            return value != one.value
        case MatchOp.LIKE:
            return _pattern(one.value).fullmatch(value) is not None
        case MatchOp.UNLIKE:
            return _pattern(one.value).fullmatch(value) is None


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
