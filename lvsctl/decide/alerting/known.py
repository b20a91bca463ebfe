"""What matchers may name: the labels and alerts that there are; and which names nothing in conf.d has now."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from lvsctl.decide.alerting.catalogue import FLAPPING, KINDS, LABELS
from lvsctl.decide.explain.subject import nearest
from lvsctl.model import AlertSeverity, Matcher, MatchOp, Spec

ALERTS = tuple(sorted([*(kind.name for kind in KINDS.values()), FLAPPING.capitalize()]))

_CLOSED: Mapping[str, Sequence[str]] = {"alertname": ALERTS, "severity": tuple(AlertSeverity)}
_CALLED = {"alertname": "alert", "severity": "severity"}


def mistake(matchers: Iterable[Matcher], spec: Spec) -> str | None:
    """Why one of them can never mean anything: labels, alerts and severities are closed sets. None: they all may."""
    labels = sorted({*LABELS, *(name for name, _ in spec.alerting.labels)})
    for one in matchers:
        if one.label not in labels:
            return f"there is no label `{one.label[:60]}`: {_hint(one.label, labels)}"
        known = _CLOSED.get(one.label, ())
        if known and not any(_means(one, name) for name in known):
            hint = f"did you mean `service={one.value}`?" if one.value in spec.services else _hint(one.value, known)
            return f"there is no {_CALLED[one.label]} `{one.value[:60]}`: {hint}"
    return None


def strangers(matchers: Iterable[Matcher], spec: Spec) -> list[str]:
    """A line for every value that nothing in conf.d has; it may come to be there."""
    names = _names(spec)
    return [
        f"there is no {one.label} `{one.value[:60]}` in conf.d now{_unless(one, names)}"
        for one in matchers
        if one.op is MatchOp.IS and one.value and one.value not in names.get(one.label, (one.value,))
    ]


def _names(spec: Spec) -> dict[str, Collection[str]]:
    pools = [pool for service in spec.services.values() for pool in service.pools]
    keys = [server.key for pool in pools for server in pool.servers]
    return {
        "service": spec.services.keys(),
        "pool": {pool.name for pool in pools},
        "server": {str(key) for key in keys},
        "host": {str(key.address) for key in keys},
    }


def _unless(one: Matcher, names: Mapping[str, Collection[str]]) -> str:
    if one.label == "server" and one.value in names["host"]:
        return f": servers have their port there; did you mean `host={one.value}`?"
    near = nearest(one.value, sorted(names[one.label]))
    return f": {near}" if near else ""


def _hint(word: str, known: Sequence[str]) -> str:
    return nearest(word, list(_likely(word, known))) or f"known are {', '.join(known)}"


def _likely(word: str, known: Iterable[str]) -> Iterator[str]:
    """Those that differ from it in capitals alone, else all."""
    same = [name for name in known if name.lower() == word.lower()]
    yield from same or known


def _means(one: Matcher, name: str) -> bool:
    """Whether the matcher speaks of this name, be it to leave it out."""
    if one.op in (MatchOp.IS, MatchOp.IS_NOT):
        return one.value == name
    return re.fullmatch(one.value, name) is not None
