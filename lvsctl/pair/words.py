"""Why a role was taken, as it is told to operators. Pure."""

from __future__ import annotations

from collections.abc import Collection

from lvsctl.model import Instance
from lvsctl.pair import vrrp
from lvsctl.pair.packet import Advert
from lvsctl.pair.state import State, Why


def words(
    why: Why, me: Instance, before: State, now: float, *, heard: Advert | None = None, missing: Collection[str] = ()
) -> str:
    """before: what was remembered when it happened. heard: the last advert. missing: see `fitness.faults`."""
    match why:
        case Why.STARTED:
            return "started, and listens first"
        case Why.OWNER:
            return f"it owns the addresses (priority {before.priority})"
        case Why.SILENCE:
            return _silence(me, before, now)
        case Why.ORDERED:
            return "ordered to hand over"
        case Why.HELPLESS:
            return f"the addresses cannot be put on {me.interface}; the other director may take over"
        case Why.GROUP:
            return f"the sync group {me.group} moves together"
        case Why.FAULT:
            return "; ".join(missing) or in_fault_together(me)
        case Why.RECOVERED:
            return "what was missing is there again"
        case Why.STOPPED:
            return "lvsctl stops"
        case Why.REMOVED:
            return "it is not configured any more"
        case Why.ANEW:
            return "it is configured as another virtual router, and begins anew"
    return _compared(why, before, heard)


def in_fault_together(me: Instance) -> str:
    """Why it is in fault that lacks nothing itself."""
    return f"the sync group {me.group} has a member in fault"


def _silence(me: Instance, before: State, now: float) -> str:
    silent = now - before.heard
    if before.rival is None or silent > 2 * vrrp.patience(me, before):
        return "no other director is active"
    return f"nothing was heard of {before.rival} for {silent:.2f} s"


def _compared(why: Why, before: State, heard: Advert | None) -> str:
    """With the other router of whom an advert told us."""
    who = "another director" if heard is None else str(heard.source)
    theirs = "another priority" if heard is None else f"priority {heard.priority}"
    match why:
        case Why.RELEASED:
            return f"{who} handed over"
        case Why.PREEMPTED:
            return f"its priority {before.priority} is higher than that of {who}, which was active with {theirs}"
        case Why.HIGHER:
            return f"{who} is active with {theirs}, which is higher than {before.priority} here"
        case Why.TIE:
            return f"{who} is active with {theirs} as well, and the addresses decide for it"
    return f"this director was held up and sent nothing in time, and {who} has taken over"
