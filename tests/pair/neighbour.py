"""A keepalived as the other director: its notify FIFO read as lvsctl reads it, and signals to both of its processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lvsctl.model import Instance
from lvsctl.pair.keepalived import Lines, from_line
from tests.pair.stage import STARTING, waited
from tests.pair.wire import keepalived


class Neighbour:
    """A running keepalived, with its files in `folder`. states: keepalived's words, as it has told them."""

    def __init__(self, folder: Path) -> None:
        self.states: list[str] = []
        self._folder = folder
        os.mkfifo(folder / "notify")
        self._fifo = os.open(folder / "notify", os.O_RDWR | os.O_NONBLOCK)
        self._lines = Lines()

    def close(self) -> None:
        os.close(self._fifo)

    def until(self, state: str, *, within: float) -> float:
        """When, on CLOCK_MONOTONIC, it was seen to be in this state."""
        waited(lambda: self.state() == state, within + STARTING, (self._folder / "keepalived.log").read_text)
        return time.monotonic()

    def signal(self, number: signal.Signals) -> float:
        """To both of its processes. When."""
        now = time.monotonic()
        for name in ("vrrp.pid", "pid"):
            os.kill(int((self._folder / name).read_text()), number)
        return now

    def state(self) -> str:
        """The last that it has told; "" before the first."""
        try:
            told = os.read(self._fifo, 65536)
        except BlockingIOError:
            told = b""
        for line in self._lines.feed(told):
            notice = from_line(line)
            self.states += [notice.state] if notice else []
        return self.states[-1] if self.states else ""


@contextmanager
def neighbour(folder: Path, instance: Instance) -> Iterator[Neighbour]:
    """As `wire.keepalived`; terminated at the end."""
    made = Neighbour(folder)
    try:
        with keepalived(folder, instance):
            yield made
    finally:
        made.close()
