"""Alerts, receivers and silences as text."""

from __future__ import annotations

from typing import Any

from lvsctl.cli.columns import Row, align, counted

Json = dict[str, Any]


def alerts(body: Json, *, width: int | None = None) -> str:
    """What fires, then the receivers that are in trouble. width: of the terminal."""
    rows: list[Row] = [_alert(one) for one in body["alerts"]]
    head: list[Row] = [("SEVERITY", "ALERT", "STATE", "SINCE", "TOLD", "SUMMARY")] if rows else ["nothing fires"]
    return align([*head, *rows, *(line for one in body["receivers"] for line in _trouble(one))], width=width)


def _alert(one: Json) -> Row:
    state = one["state"] + (f" ({one['by']})" if one["by"] else "")
    told = ",".join(one["told"]) or "-"
    return one["severity"], one["alert"], state, one["since"], told, one["summary"]


def _trouble(one: Json) -> list[Row]:
    name = f"receiver {one['name']} ({one['kind']}, {one['where']})"
    waiting = f"; {counted(one['waiting'], 'notification')} waiting" if one["waiting"] else ""
    if one["disabled"]:
        return [f"{name} wants to hear of nothing more: {one['why']}{waiting}"]
    if one["failing_since"] is not None:
        return [f"{name} cannot be told since {one['failing_since']}: {one['why']}{waiting}"]
    return []


def silences(body: Json, *, width: int | None = None) -> str:
    """The silences that hold."""
    if not body["silences"]:
        return "nothing is silenced\n"
    rows: list[Row] = [
        (one["id"], one["until"], " ".join(one["matchers"]), one["by"], one["reason"] or "-")
        for one in body["silences"]
    ]
    return align([("ID", "UNTIL", "MATCHERS", "BY", "REASON"), *rows], width=width)
