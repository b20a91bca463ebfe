"""The state as JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lvsctl.decide.alerting.state import Entry, Group, State
from lvsctl.model import Matcher, MatchOp, Silence, labels
from lvsctl.model.alert_json import alert_from_json, alert_json, notification_from_json, notification_json

VERSION = 1

Json = dict[str, Any]


def state_json(state: State) -> Json:
    """The whole state."""
    return {
        "version": VERSION,
        "entries": {key: _entry(entry) for key, entry in state.entries.items()},
        "groups": [_group(group) for group in state.groups.values()],
        "silences": [_silence(silence) for silence in state.silences],
        "outbox": [notification_json(notification) for notification in state.outbox],
        "hosts": dict(state.hosts),
        "routed": list(state.routed),
        "at": state.at,
    }


def state_from_json(value: Mapping[str, Any]) -> State:
    """The inverse; raises KeyError, ValueError, TypeError or AttributeError on anything else."""
    if value["version"] != VERSION:
        raise ValueError(f"version {value['version']} is not {VERSION}")
    groups = [_group_from(item) for item in value["groups"]]
    state = State(
        entries={str(key): _entry_from(item) for key, item in value["entries"].items()},
        groups={group.key: group for group in groups},
        silences=tuple(_silence_from(item) for item in value["silences"]),
        outbox=tuple(notification_from_json(item) for item in value["outbox"]),
        hosts={str(host): int(count) for host, count in value["hosts"].items()},
        routed=tuple(str(one) for one in value["routed"]),
        at=float(value.get("at", 0.0)),
    )
    if any(not state.entries.keys() >= group.members | group.told for group in groups):
        raise ValueError("a group without its alerts")
    return state


def _silence(silence: Silence) -> Json:
    return {
        "id": silence.id,
        "matchers": [[one.label, str(one.op), one.value] for one in silence.matchers],
        "by": silence.by,
        "reason": silence.reason,
        "since": silence.since,
        "until": silence.until,
    }


def _silence_from(value: Mapping[str, Any]) -> Silence:
    matchers = tuple(Matcher(str(label), MatchOp(op), str(text)) for label, op, text in value["matchers"])
    return Silence(
        str(value["id"]),
        matchers,
        str(value["by"]),
        str(value["reason"]),
        float(value["since"]),
        float(value["until"]),
    )


def _entry(entry: Entry) -> Json:
    return {
        "alert": alert_json(entry.alert),
        "event": entry.event,
        "once": entry.once,
        "once_until": entry.once_until,
        "changed_at": entry.changed_at,
        "changes": list(entry.changes),
        "flaps": entry.flaps,
        "flap_until": entry.flap_until,
    }


def _entry_from(value: Mapping[str, Any]) -> Entry:
    return Entry(
        alert_from_json(value["alert"]),
        str(value["event"]),
        bool(value["once"]),
        _time(value["once_until"]),
        float(value["changed_at"]),
        tuple(float(one) for one in value["changes"]),
        int(value["flaps"]),
        _time(value["flap_until"]),
    )


def _group(group: Group) -> Json:
    return {
        "key": group.key,
        "route": group.route,
        "receiver": group.receiver,
        "labels": dict(group.labels),
        "made": group.made,
        "members": sorted(group.members),
        "told": sorted(group.told),
        "sent_at": group.sent_at,
        "news_at": group.news_at,
        "sent": group.sent,
        "due": group.due,
    }


def _group_from(value: Mapping[str, Any]) -> Group:
    return Group(
        str(value["key"]),
        str(value["route"]),
        str(value["receiver"]),
        labels({str(name): str(item) for name, item in value["labels"].items()}),
        float(value["made"]),
        frozenset(str(key) for key in value["members"]),
        frozenset(str(key) for key in value["told"]),
        _time(value["sent_at"]),
        _time(value["news_at"]),
        int(value["sent"]),
        _time(value["due"]),
    )


def _time(value: float | None) -> float | None:
    return None if value is None else float(value)
