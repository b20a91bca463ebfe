"""Wait until another director is active, as the one here sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from lvsctl.cli import answers, client
from lvsctl.errors import DaemonUnreachable, LvsctlError, NobodyElse

PACE = 0.2
"""Seconds between two looks."""

Json = dict[str, Any]


Held = Mapping[str, str | None]
"""The instances for which this director is active, and since when."""


def begin(socket: str) -> Held:
    """What is to be handed over. Raises LvsctlError where nothing would ever tell that another director is active."""
    pair = answers.told(socket, "GET", "/v1/pair")
    with answers.expected(socket):
        seen = pair["provider"] == "vrrp" or pair["peer"] is not None
    if not seen:
        what = f"with the provider {pair['provider']} nothing tells whether another director is active"
        raise LvsctlError(f"{what}: leave --wait out, or let the two talk (`pair.peer` in conf.d)")
    with answers.expected(socket):
        return {one["name"]: one["since"] for one in pair["instances"] if one["role"] == "active"}


def wait(
    socket: str,
    held: Held,
    timeout: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[float, str]:
    """Seconds until this director was active for nothing and another for everything; and who that is.

    An instance is with the other where that has said so since the handover, or is heard as the active one. A daemon
    that does not answer for a while is waited for, too. Raises NobodyElse at the deadline, and LvsctlError when
    somebody ends the waiting.
    """
    began, left = clock(), "the daemon does not answer"
    try:
        while True:
            try:
                waited = clock() - began
                pair = _pair(socket)
                left = missing(pair, held, waited)
            except DaemonUnreachable:
                if clock() - began >= timeout:
                    raise
            else:
                if not left:
                    return clock() - began, _others(pair)
            if clock() - began >= timeout:
                raise NobodyElse(f"after {timeout:g} s {left}: `lvsctl pair status` shows both directors")
            sleep(min(PACE, max(timeout - (clock() - began), 0.0)))
    except KeyboardInterrupt as error:
        raise LvsctlError("no longer waiting: what was handed over stays so") from error


def missing(pair: Json, held: Held, waited: float) -> str:
    """What is not yet as it ought to be after a failover, "" for nothing.

    held: before it; waited: seconds since then. A transition is told when the addresses are gone, which is a moment
    after the role is another. What the peer said before it is no word on this handover: it may have been active until
    it was preempted, or fell silent, just then.
    """
    mine = [one["name"] for one in pair["instances"] if one["role"] == "active" or _is_leaving(one, held)]
    if mine:
        return f"this director is active for {', '.join(mine)}"
    peer = pair["peer"]
    asked = peer is not None and peer["heard"] is not None and peer["heard"] < waited
    alone = [one["name"] for one in pair["instances"] if not _is_elsewhere(one, asked=asked)]
    return f"nobody is known to be active for {', '.join(alone)}" if alone else ""


def _is_leaving(instance: Json, held: Held) -> bool:
    return instance["name"] in held and held[instance["name"]] == instance["since"]


def _is_elsewhere(instance: Json, *, asked: bool) -> bool:
    peer = instance["peer"] if asked else None
    return instance["neighbour"] is not None or (peer is not None and peer["role"] == "active")


def _others(pair: Json) -> str:
    """The addresses that are known of whoever is active now."""
    heard = [one["neighbour"]["address"] for one in pair["instances"] if one["neighbour"] is not None]
    asked = [pair["peer"]["address"]] if pair["peer"] is not None else []
    return ", ".join(dict.fromkeys(heard or asked)) or "the other director"


def _pair(socket: str) -> Json:
    answer = client.ask(socket, "GET", "/v1/pair")
    if answer.status != 200:
        raise DaemonUnreachable(f"the daemon cannot tell: {client.refusal(answer)}")
    return answer.body
