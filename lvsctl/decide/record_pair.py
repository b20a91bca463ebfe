"""What each event of the director pair says (see record.py)."""

from __future__ import annotations

from lvsctl import events as happened
from lvsctl.events import Event
from lvsctl.model import Level, Record, Role, Transition

SHOWN = 10
"""Differences that one record names; where a director is cut off there may be thousands."""

_INFO, _WARNING, _ERROR = Level.INFO, Level.WARNING, Level.ERROR


def pair_record(event: Event) -> Record | None:
    """The event in words; None if it is none of the pair."""
    return _of_roles(event) or _of_the_peer(event)


def _of_roles(event: Event) -> Record | None:
    match event:
        case happened.RoleChanged(transition=transition):
            return _of_transition(transition)
        case happened.PriorityChanged(instance=instance, before=before, after=after, reasons=reasons):
            offered = {"instance": instance, "before": before, "after": after, "why": list(reasons)}
            return Record("priority_changed", _INFO, "this director offers another priority", fields=offered)
        case happened.PairTroubled(trouble=trouble):
            facts = {"instance": trouble.instance, "what": trouble.what, "times": trouble.times}
            return Record("pair_trouble", _WARNING, "something is wrong with the pair", fields=facts)
        case happened.HookDone(hook=hook, instance=instance, duration=duration):
            ran = {"instance": instance, "hook": hook, "duration": round(duration, 3)}
            return Record("hook_done", _INFO, f"{hook} of {instance} has run", fields=ran)
        case happened.HookFailed(hook=hook, instance=instance, why=why, output=output):
            failed = {"instance": instance, "hook": hook, "why": why, "output": output}
            return Record("hook_failed", _WARNING, f"{hook} of {instance} failed", fields=failed)
    return None


def _of_transition(transition: Transition) -> Record:
    name, role = transition.instance, transition.role
    facts = {
        "instance": name,
        "before": str(transition.previous) if transition.previous is not None else None,
        "why": transition.why,
        "priority": transition.priority,
    }
    if role is None:
        return Record("role_stopped", _INFO, f"{name} takes part no more", fields=facts)
    level = _ERROR if role is Role.FAULT else _INFO
    return Record(f"role_{role}", level, f"{name} is {role}", fields=facts)


def _of_the_peer(event: Event) -> Record | None:
    match event:
        case happened.SyncFailed(role=role, why=why):
            words = "connections are not copied between the directors as they should be"
            return Record("sync_failed", _WARNING, words, fields={"sync": str(role), "why": why})
        case happened.SyncRestored(role=role, duration=duration):
            again = {"sync": str(role), "duration": round(duration, 3)}
            return Record("sync_restored", _INFO, "connections are copied again", fields=again)
        case happened.PeerLost(why=why):
            return Record("peer_lost", _WARNING, "the other director cannot be asked", fields={"why": why})
        case happened.PeerBack(duration=duration):
            words = "the other director answers again"
            return Record("peer_back", _INFO, words, fields={"duration": round(duration, 3)})
        case happened.OpinionsDiffer(what=what):
            seen = {"count": len(what), "what": list(what[:SHOWN])}
            return Record("opinions_differ", _WARNING, "the two directors see servers differently", fields=seen)
        case happened.OpinionsAgree(duration=duration):
            words = "the two directors see the same again"
            return Record("opinions_agree", _INFO, words, fields={"duration": round(duration, 3)})
        case happened.BothActive(instance=instance):
            words = f"both directors are active for {instance}"
            return Record("both_active", _ERROR, words, fields={"instance": instance})
        case happened.OneActive(instance=instance, duration=duration):
            words = f"one director is active for {instance} again"
            return Record("one_active", _INFO, words, fields={"instance": instance, "duration": round(duration, 3)})
    return None
