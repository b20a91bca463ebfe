"""Wait until servers have no connections left, as the daemon counts them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from lvsctl.cli import client
from lvsctl.cli.show_status import endpoint_text
from lvsctl.errors import DaemonUnreachable, LvsctlError, StillConnected

PACE = 1.0
"""Seconds between two looks."""

Json = dict[str, Any]
Server = tuple[str, str, int]
"""Service, address and port."""


def wait(
    socket: str,
    subjects: Sequence[str],
    servers: Sequence[Server],
    timeout: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Seconds until the last connection of these servers was gone. subjects: what they were ordered as.

    A server counts as empty when it gets no new connections and has none, in whatever state; persistence templates are
    no connections. A daemon that does not answer for a while is waited for, too. Raises StillConnected at the deadline,
    and LvsctlError when somebody ends the order meanwhile, or the waiting.
    """
    began = clock()
    left: dict[Server, int] | None = None
    try:
        while True:
            try:
                left = _left(_status(socket), servers)
            except DaemonUnreachable:
                if clock() - began >= timeout:
                    raise
            if left is not None and not left:
                return clock() - began
            if clock() - began >= timeout:
                raise StillConnected(_late(left or {}, timeout))
            sleep(min(PACE, max(timeout - (clock() - began), 0.0)))
    except KeyboardInterrupt as error:
        stay = f"{', '.join(subjects)} {'stays' if len(subjects) == 1 else 'stay'} as ordered"
        raise LvsctlError(f"no longer waiting: {stay} (lvsctl enable ends it)") from error


def _status(socket: str) -> Json:
    """The kernel that cannot be asked for a moment is as good as a daemon that does not answer."""
    answer = client.ask(socket, "GET", "/v1/status?table=no")
    if answer.status != 200:
        raise DaemonUnreachable(f"the daemon cannot tell: {answer.body.get('error', f'HTTP status {answer.status}')}")
    return answer.body


def _left(status: Json, servers: Sequence[Server]) -> dict[Server, int]:
    """Connections of those that are not empty yet; 0 for one that still may get some."""
    left: dict[Server, int] = {}
    for service in status["services"]:
        for pool in service["pools"]:
            for server in pool["servers"]:
                who = service["name"], server["address"], server["port"]
                if who not in servers:
                    continue
                if not _is_out(server.get("override")):
                    raise LvsctlError(_ended(who, server.get("override")))
                count = server["active"] + server["inactive"]
                if server["weight"] or count:
                    left[who] = count
    return left


def _is_out(override: Json | None) -> bool:
    """Whether an order keeps new connections away."""
    return override is not None and (override["action"] != "weight" or override["weight"] in ("0", "0%"))


def _ended(who: Server, override: Json | None) -> str:
    name = _name(who)
    if override is None:
        return f"no longer waiting: what was ordered of {name} has ended"
    return f"no longer waiting: {name} has the weight {override['weight']} by an order for {override['subject']}"


def _late(left: dict[Server, int], timeout: float) -> str:
    words = [f"{count} on {_name(who)}" for who, count in left.items()]
    return f"after {timeout:g} s there are connections left: {', '.join(words)}; what was ordered goes on"


def _name(who: Server) -> str:
    service, address, port = who
    return f"{service}/{endpoint_text({'address': address, 'port': port})}"
