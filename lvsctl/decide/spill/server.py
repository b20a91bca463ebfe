"""OVERLOAD of one real server, estimated from looks.

Exact where the counts leave no doubt: at the upper threshold or above it a server is full (new code), below the lower
one it is not. Between the two the estimate is what it was before, and is wrong in three cases, each until the count
leaves that range: the server went up to the upper threshold and came back, or down below the lower one and came back,
between two looks that show it in the range; somebody else edited its thresholds between two looks, and not just after
the first of them, where lvsctl edits; a template came or went on a server whose threshold was lowered below its count
(old code). Two traces of the first case are used: a full server gets no connection, so one that got some had room in
between; a lower pool gets connections only while all above it are full. With persistence there are no such traces.
The old code lets one more in after its upper threshold was lowered below its count: until the count is seen to grow,
such a server is taken to have room.
"""

from __future__ import annotations

from lvsctl.decide.overload import flag_after_edit, lower_bound
from lvsctl.decide.spill.load import ServerLoad
from lvsctl.model import Generation, RealAttrs, RealCounters


def seen(
    before: ServerLoad | None,
    attrs: RealAttrs,
    counters: RealCounters,
    kinds: tuple[Generation, ...],
    *,
    persistent: bool,
) -> ServerLoad:
    """A server as it is seen now. before: as it was seen last, None if it never was. persistent: its service is."""
    active, inactive, templates, traffic = counters
    total, ever = active + inactive, traffic.connections
    if before is None:
        flags = (_first(attrs, total),) * len(kinds)
    elif total == before.total and (attrs is before.attrs or attrs == before.attrs):
        if ever == before.ever and templates == before.templates:
            return before
        flags = before.flags
    else:
        flags = tuple(
            _flag(before, flag, attrs, total, kind, persistent=persistent)
            for flag, kind in zip(before.flags, kinds, strict=True)
        )
    return ServerLoad(attrs, total, ever, templates, flags)


def was_full(server: ServerLoad, before: ServerLoad | None) -> ServerLoad:
    """`server`, of which is known that it was full at some moment since it was seen as `before`.

    If it has not drained below its lower threshold since, it is taken to be full still.
    """
    attrs = server.attrs
    if attrs.upper == 0 or server.total < lower_bound(attrs) or (before is not None and before.attrs != attrs):
        return server
    were = before.flags if before is not None else (None,) * len(server.flags)
    relieved = (was is True and flag is False for was, flag in zip(were, server.flags, strict=True))
    return server._replace(flags=tuple(not one for one in relieved))


def _first(attrs: RealAttrs, total: int) -> bool | None:
    if 0 < attrs.upper <= total:
        return True
    return None if attrs.upper and total >= lower_bound(attrs) else False


def _flag(
    before: ServerLoad, flag: bool | None, attrs: RealAttrs, total: int, kind: Generation, *, persistent: bool
) -> bool | None:
    """An edit is taken to have come just after the last look: that is when lvsctl edits."""
    flag = _edited(before, flag, attrs, kind)
    if attrs.upper == 0:
        return False
    full, drained = total >= attrs.upper, total < lower_bound(attrs)
    grew, shrank = total > before.total, total < before.total
    if kind is Generation.NEW and (full or drained):
        return full
    if full and (grew or flag is None):
        return True
    if drained and (shrank or flag is None):
        return False
    if flag and grew and not full and not persistent:
        return False
    return flag


def _edited(before: ServerLoad, flag: bool | None, attrs: RealAttrs, kind: Generation) -> bool | None:
    one, other = (
        flag_after_edit(value, before.total, before.attrs, attrs, kind)
        for value in ((False, True) if flag is None else (flag, flag))
    )
    return one if one is other else None
