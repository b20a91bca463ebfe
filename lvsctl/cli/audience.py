"""Whether anybody still reads what is printed: who only waits would find out at a next line that may never come."""

from __future__ import annotations

import select
import sys


class Gone(Exception):
    """Nobody reads the output any more, as after `| head -n 1`."""


def wait(source: int | None = None, *, seconds: float | None = None) -> None:
    """Until there is something to read from the descriptor `source`, or the time is over; raises Gone before that."""
    waiting = select.poll()
    if source is not None:
        waiting.register(source, select.POLLIN)
    output = _output()
    if output is not None:
        waiting.register(output, 0)  # errors are told unasked: a pipe without a reader is one
    ready = waiting.poll(None if seconds is None else seconds * 1000)
    if any(number == output for number, _ in ready):
        raise Gone


def _output() -> int | None:
    try:
        return sys.stdout.fileno() if sys.stdout is not None else None
    except (OSError, ValueError):  # closed, or no file
        return None
