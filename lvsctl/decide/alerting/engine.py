"""One step: what happened goes in, and who is to be told what comes out, with the moment of the next step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lvsctl.decide.alerting.book import Book
from lvsctl.decide.alerting.groups import FEED, Terms, visit
from lvsctl.decide.alerting.happening import Happening, SilenceBegun, SilenceEnded, Standing
from lvsctl.decide.alerting.muting import mutes
from lvsctl.decide.alerting.routing import Address, addresses
from lvsctl.decide.alerting.setback import set_back
from lvsctl.decide.alerting.state import Entry, Group, Key, State, Visited
from lvsctl.model import Alerting, Grouping, Notification, Quiet, Route, Silence, Told


@dataclass(frozen=True, slots=True)
class Step:
    """What came of it. notifications: the new ones, which are in the outbox, too. next_at: None: nothing waits."""

    state: State
    notifications: tuple[Notification, ...]
    next_at: float | None


def step(state: State, alerting: Alerting, happenings: Iterable[Happening], now: float) -> Step:
    """The state after `happenings`, in their order, at `now` (Unix time, as all times in it)."""
    state = set_back(state, now)
    book = Book(state.entries, state.hosts, alerting, now)
    silences = tuple(silence for silence in state.silences if silence.until > now)
    for happening in happenings:
        match happening:
            case Told(at=at, record=record):
                book.hear(record, at)
            case Standing():
                book.compare(happening)
            case SilenceBegun(silence):
                silences = (*silences, silence)
            case SilenceEnded(id=gone):
                silences = tuple(silence for silence in silences if silence.id != gone)
    book.pass_time()
    groups = _routed(state, book, alerting, now)
    visited = _view(state, book, silences, alerting)
    groups, made = _visit_all(groups, book.entries, visited, _stale(state, book, visited), now)
    book.forget(groups.values())
    after = State(
        entries=book.entries if book.touched else state.entries,
        groups=groups,
        silences=silences,
        outbox=(*state.outbox, *made),
        hosts=book.hosts,
        routed=_routes(alerting),
        at=now,
        visited=visited,
    )
    return Step(after, made, _next_at(after, book))


# --- groups -------------------------------------------------------------------------------------------------------


def _routes(alerting: Alerting) -> tuple[str, ...]:
    return tuple(f"{route.id}>{','.join(route.receivers)}>{route.proceed}" for route in alerting.routes)


def _routed(state: State, book: Book, alerting: Alerting, now: float) -> dict[str, Group]:
    """The groups with what has begun in them. Where the routes are others, everything that was not told is sent anew.

    What a receiver was told in a group stays in that group until it ends, so that it is neither told twice nor left.
    """
    groups = {key: group for key, group in state.groups.items() if group.receiver in alerting.receivers}
    if state.routed == _routes(alerting):
        keys = book.begun
    else:
        groups = {key: replace(group, members=group.told) for key, group in groups.items()}
        keys = {key for key, entry in book.entries.items() if entry.firing or entry.flap_until is not None}
    told = {(group.receiver, key) for group in groups.values() for key in group.told} if keys else set()
    come: defaultdict[str, set[Key]] = defaultdict(set)
    for key in sorted(keys):
        for address in addresses(book.entries[key], alerting):
            at = _address(address, alerting)
            if (at.receiver, key) not in told:
                name = at.key
                come[name].add(key)
                if name not in groups:
                    groups[name] = Group(name, at.route.id, at.receiver, at.labels, made=now)
    return groups | {name: replace(groups[name], members=groups[name].members | new) for name, new in come.items()}


def _address(address: Address, alerting: Alerting) -> Address:
    return replace(address, labels=()) if alerting.receivers[address.receiver].feed else address


def _view(state: State, book: Book, silences: tuple[Silence, ...], alerting: Alerting) -> Visited:
    """What is muted now: as before, if nothing is otherwise."""
    before = state.visited
    if before is not None and not book.touched and silences == state.silences:
        return Visited(alerting, before.muted)
    return Visited(alerting, frozenset(mutes(book.entries, silences)))


def _stale(state: State, book: Book, visited: Visited) -> frozenset[Key] | None:
    """The conditions whose groups have to be looked at, due or not; None: all."""
    before = state.visited
    if before is None or before.alerting is not visited.alerting:
        return None
    return frozenset(book.touched | (before.muted ^ visited.muted))


def _visit_all(
    groups: Mapping[str, Group],
    entries: Mapping[Key, Entry],
    visited: Visited,
    stale: frozenset[Key] | None,
    now: float,
) -> tuple[dict[str, Group], tuple[Notification, ...]]:
    alerting, muted = visited.alerting, visited.muted
    by_id = {route.id: route for route in alerting.routes}
    left: dict[str, Group] = {}
    made: list[Notification] = []
    for key, before in groups.items():
        if stale is not None and not _concerned(before, stale, now):
            left[key] = before
            continue
        receiver = alerting.receivers[before.receiver]
        grouping, quiet = _manner(by_id.get(before.route)) if not receiver.feed else (FEED, ())
        after, message = visit(before, Terms(receiver, grouping, quiet, entries, muted), now)
        if message is not None:
            made.append(message)
        if after.members or after.told:
            left[key] = after
    return left, tuple(made)


def _concerned(group: Group, stale: frozenset[Key], now: float) -> bool:
    is_due = group.due is not None and group.due <= now
    return is_due or not (stale.isdisjoint(group.members) and stale.isdisjoint(group.told))


def _manner(route: Route | None) -> tuple[Grouping, tuple[Quiet, ...]]:
    """Of a route that is no more: the defaults, for what is left to say there."""
    return (route.grouping, route.quiet) if route is not None else (Grouping(), ())


def _next_at(state: State, book: Book) -> float | None:
    times = [group.due for group in state.groups.values() if group.due is not None]
    times += [silence.until for silence in state.silences]
    if (later := book.next_at()) is not None:
        times.append(later)
    return min(times, default=None)
