"""Waiting until it is certain which of the kernel's timers have gone off, which they do late."""

from __future__ import annotations

import time
from collections.abc import Iterator

from lvsctl.kernel.connections import STILL_IN_USE, Connections, Entry, Template
from lvsctl.kernel.memory import MemoryIpvs

TICK = 0.05  # seconds: the coarsest clock of a kernel, and the time that a step may take


class Undecided(Exception):
    """The kernel's timers, or this machine, are not exact enough to tell which of two things happened first."""


def settle(model: MemoryIpvs, seconds: float) -> None:
    """Let so much time pass here and in the model, and more until no timer may go off, or may be late, soon.

    Raises Undecided.
    """
    until = time.monotonic() + seconds
    while (due := min(_due(model.connections), key=_end, default=None)) and due.ends <= until + TICK:
        _judge(due, model.connections)
        until = max(until, due.ends + _lateness(due))
        model.pass_time(due.ends)
    time.sleep(max(0.0, until - time.monotonic()))
    model.pass_time(until)


def _due(connections: Connections) -> Iterator[Entry | Template]:
    yield from connections.entries()
    yield from connections.templates().values()


def _end(due: Entry | Template) -> float:
    return due.ends


def _lateness(due: Entry | Template) -> float:
    """A timer goes off late by an eighth of its time at most.

    A template that lives on has waited for late timers before, three times at most with the timeouts given here.
    """
    times = 3 if isinstance(due, Template) and due.lifetime == STILL_IN_USE else 1
    return times * due.lifetime / 8 + TICK


def _judge(due: Entry | Template, connections: Connections) -> None:
    """A template that ends is asked whether it has connections left. Raises Undecided if one ends just then."""
    templates = connections.templates()
    for entry in connections.entries():
        template = None if entry.template is None else templates[entry.template]
        if template is None or not (due is entry or due is template):
            continue
        if entry.ends <= template.ends + _lateness(template) and template.ends <= entry.ends + _lateness(entry):
            raise Undecided
