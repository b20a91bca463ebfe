"""The pair document as text: a line for every instance with both directors' roles, and what lies behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lvsctl.cli.columns import Row, align, printable

Json = dict[str, Any]

_TITLES = ("INSTANCE", "ROLE", "PRIORITY", "PEER", "PRIORITY", "INTERFACE", "SINCE")
_INDENT = "  "
_AWAITED = {
    "vrrp": "that VRRP begins, when every check has answered, or after 10 s",
    "keepalived": "what keepalived tells of its next transition",
}
_ROLES = {"fault": "in fault", "": "without a role yet"}


def render(pair: Json, *, width: int | None) -> str:
    """The whole text. width: of the terminal, where cells are cut and lines are wrapped; None: no terminal."""
    rows: list[Row] = [*_head(pair), ""]
    if pair["instances"]:
        rows.append(_TITLES)
    for instance in pair["instances"]:
        rows.append(_instance(instance))
        rows += [_INDENT + line for line in _behind(instance)]
    rows += ["", *_sync(pair["sync"]), *_peer(pair["peer"])]
    rows += _hooks(pair["hooks"])
    return align([part for row in rows for part in _wrapped(row, width)], width=width)


def _head(pair: Json) -> Iterator[str]:
    yield f"{this_director(pair['role'])}; provider {pair['provider']}{_standby(pair)}"
    if pair["role"] is None and not pair["trouble"] and pair["provider"] in _AWAITED:
        yield f"awaited: {_AWAITED[pair['provider']]}"
    yield from (f"ATTENTION: {line}" for line in pair["attention"])
    if pair["role"] == "active":
        yield from (f"lvsctl failover would be refused: {line}" for line in pair["objections"])


def this_director(role: str | None) -> str:
    """Its role in a sentence."""
    return f"this director is {_ROLES.get(role or '', role)}"


def _standby(pair: Json) -> str:
    return ", and keeps no table while it is not active" if pair["standby"] == "idle" else ""


def _instance(instance: Json) -> list[str]:
    theirs = instance["peer"] or {}
    return [
        instance["name"],
        instance["role"] or "-",
        _priority(instance["priority"], instance["base"]),
        theirs.get("role") or "-",
        str(theirs.get("priority") or "-"),
        instance["interface"] or "-",
        moment(instance["since"]),
    ]


def _priority(offered: int, base: int) -> str:
    """`150`, or `100 (150)` where something takes from it; 0 is nobody's."""
    if not base:
        return "-"
    return str(base) if offered == base else f"{offered} ({base})"


def _behind(instance: Json) -> Iterator[str]:
    if instance["why"]:
        yield f"why: {instance['why']}"
    if instance["addresses"]:
        yield f"addresses: {', '.join(instance['addresses'])}"
    if instance["reasons"]:
        yield f"priority: {', '.join(instance['reasons'])}"
    if instance["neighbour"] is not None:
        yield f"hears {instance['neighbour']['address']}, active with priority {instance['neighbour']['priority']}"
    yield from (f"fault: {fault}" for fault in instance["faults"])


def _sync(sync: Json | None) -> Iterator[str]:
    if sync is None:
        yield "sync daemon: none, as conf.d has no `pair.sync`: connections are not copied"
        return
    runs = " and ".join(one["role"] for one in sync["running"])
    yield f"sync daemon: {f'{runs} on' if runs else 'none runs on'} {sync['interface']}, id {sync['id']}"


def _peer(peer: Json | None) -> Iterator[str]:
    if peer is None:
        yield "peer: not asked, as conf.d has no `pair.peer`"
        return
    yield f"peer {peer['address']}: {_heard(peer)}"
    if peer["common"]:
        seen = f"of {peer['common']} servers that both check, it sees {peer['there']} up, this director {peer['here']}"
        yield _INDENT + seen
    yield from (f"{_INDENT}{one}" for one in peer["disagreements"])
    if peer["lowering"]["penalty"]:
        yield f"{_INDENT}{peer['lowering']['why']}: -{peer['lowering']['penalty']}"


def _heard(peer: Json) -> str:
    if peer["heard"] is None:
        return f"not heard yet: {peer['lost']}" if peer["lost"] else "not heard yet"
    heard = f"heard {peer['heard']:.1f} s ago"
    return f"{heard}, lost: {peer['lost']}" if peer["lost"] else heard


def _hooks(hooks: list[Json]) -> Iterator[str]:
    for one in hooks:
        yield f"hook {one['hook']} of {one['instance']}: {_ran(one)}, at {moment(one['at'])}"


def _ran(hook: Json) -> str:
    if hook["duration"] is None:
        return "runs"
    return f"{'FAILED (' + hook['why'] + ')' if hook['why'] else 'ran well'}, in {hook['duration']:.1f} s"


def moment(text: str | None) -> str:
    """Without the fractions of a second."""
    return f"{text[:19]}Z" if text else "-"


def _wrapped(row: Row, width: int | None) -> list[Row]:
    """A line that is too long in several, the others below its text."""
    if width is None or not isinstance(row, str) or len(row) <= width:
        return [row]
    from textwrap import wrap  # noqa: PLC0415

    blank = " " * (len(row) - len(row.lstrip()) + 2)
    return list(wrap(printable(row), max(width, 40), subsequent_indent=blank, break_on_hyphens=False)) or [""]
