"""What becomes of the moments that are remembered when the clock is set back: none of them may lie in the future."""

from __future__ import annotations

from dataclasses import replace

from lvsctl.decide.alerting.state import Entry, Group, State

NOTICED = 5.0
"""Seconds by which a clock may go back unnoticed: nobody waits for longer than that because of it."""


def set_back(state: State, now: float) -> State:
    """The state with every moment in it brought back by as much as the clock was; as it is, if that was not much.

    Else a group that was told in a future that never came would wait for it, and nobody would hear. What operators set
    an end to ends when they said.
    """
    by = state.at - now
    if by <= NOTICED:
        return state
    return replace(
        state,
        entries={key: _entry(entry, by) for key, entry in state.entries.items()},
        groups={key: _group(group, by) for key, group in state.groups.items()},
        visited=None,
    )


def _entry(entry: Entry, by: float) -> Entry:
    """The alert's own times stay: receivers know it by when it began."""
    return replace(
        entry,
        once_until=_earlier(entry.once_until, by),
        changed_at=entry.changed_at - by,
        changes=tuple(at - by for at in entry.changes),
        flap_until=_earlier(entry.flap_until, by),
    )


def _group(group: Group, by: float) -> Group:
    sent_at, news_at, due = (_earlier(at, by) for at in (group.sent_at, group.news_at, group.due))
    return replace(group, sent_at=sent_at, news_at=news_at, due=due)


def _earlier(at: float | None, by: float) -> float | None:
    return None if at is None else at - by
