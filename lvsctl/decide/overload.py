"""OVERLOAD: when the kernel takes a real server for full, and when it has room again.

T is the number of its connections in any state, persistence templates not counted; u and l are its thresholds;
L is l, or 75% of u, rounded up, where l is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lvsctl.model import Generation, RealAttrs, RealKey


@dataclass(frozen=True, slots=True)
class LoadedServer:
    """A real server with what the kernel keeps of its load.

    active: connections that are established; inactive: in any other state; persistent: persistence templates;
    scheduled: connections ever, since it was added or zeroed.
    """

    key: RealKey
    attrs: RealAttrs
    active: int = 0
    inactive: int = 0
    persistent: int = 0
    scheduled: int = 0
    overloaded: bool = False

    @property
    def total(self) -> int:
        return self.active + self.inactive

    @property
    def idle(self) -> bool:
        """Nothing in the connection table refers to it."""
        return self.total == self.persistent == 0

    @property
    def available(self) -> bool:
        """The schedulers may give it a new connection."""
        return self.attrs.weight > 0 and not self.overloaded


def lower_bound(attrs: RealAttrs) -> int:
    """L: below so many connections an overloaded server has room again."""
    return attrs.lower or attrs.upper - attrs.upper // 4


def bound(server: LoadedServer, generation: Generation, *, template: bool = False) -> LoadedServer:
    """`server` after a connection, or a persistence template, was bound to it; a connection is inactive at first."""
    if template:
        server = replace(server, persistent=server.persistent + 1)
    else:
        server = replace(server, inactive=server.inactive + 1, scheduled=server.scheduled + 1)
    full = 0 < server.attrs.upper <= server.total
    if full and (generation is Generation.OLD or (not template and server.total == server.attrs.upper)):
        return replace(server, overloaded=True)
    return server


def unbound(
    server: LoadedServer, generation: Generation, *, template: bool = False, active: bool = False
) -> LoadedServer:
    """`server` after a connection, `active` or not, or a template, ended."""
    if template:
        server = replace(server, persistent=server.persistent - 1)
    elif active:
        server = replace(server, active=server.active - 1)
    else:
        server = replace(server, inactive=server.inactive - 1)
    below = lower_bound(server.attrs) - 1
    if generation is Generation.OLD:
        drained = server.attrs.upper == 0 or server.total <= below
    else:
        drained = not template and server.total == below
    return replace(server, overloaded=False) if drained else server


def edited(server: LoadedServer, attrs: RealAttrs, generation: Generation) -> LoadedServer:
    """`server` with new attributes: edited, or deleted and added again while connections to it were left."""
    overloaded = flag_after_edit(server.overloaded, server.total, server.attrs, attrs, generation)
    return replace(server, attrs=attrs, overloaded=overloaded)


def flag_after_edit(overloaded: bool, total: int, before: RealAttrs, after: RealAttrs, generation: Generation) -> bool:
    """What an edit of the attributes makes of the flag of a server with `total` connections."""
    if generation is Generation.OLD:
        return overloaded and 0 < after.upper <= before.upper
    if (after.upper, after.lower) == (before.upper, before.lower):
        return overloaded
    if 0 < after.upper <= total:
        return True
    return overloaded and after.upper > 0 and total >= lower_bound(after)
