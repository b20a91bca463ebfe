"""A pair that stands in its town: both directors run, one is active, the servers serve.

with standing(tmp_path, Keepalived, Setup(interval=0.1)) as pair:
    with pair.traffic() as traffic:
        pair.town.unplug(...); pair.a.kill(); pair.b ...
    traffic.held, traffic.new                        # what the clients met with
    pair.settled()                                   # one active, both tables full and equal
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.directors.client import Held, New
from tests.directors.stack import STARTING, Setup, Stack, waited
from tests.directors.town import PORT, SYNC_FLUSH, VIP, Host, Town
from tests.directors.witness import Witness
from tests.e2e import stage

HELD: Final = 100
RATE: Final = 50


class Traffic:
    """ports: the local ones of the held connections. held, young, new: all of it, once it was ended."""

    def __init__(self, town: Town) -> None:
        command = [sys.executable, "-m", "tests.directors.client", VIP, str(PORT), str(HELD), str(RATE)]
        self._process = town.start(town.client, command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self.ports = frozenset(json.loads(self._out.readline()))
        self.held: list[Held] = []
        self.young: list[Held] = []
        self.new: list[New] = []

    def end(self) -> None:
        """Each held connection is asked once more."""
        self._process.terminate()
        told = json.loads(self._out.readline())
        self.held, self.young = ([Held(**one) for one in told[kind]] for kind in ("held", "young"))
        self.new = [New(**one) for one in told["new"]]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Pair:
    def __init__(self, town: Town, folder: Path, kind: type[Stack], setup: Setup) -> None:
        self.town = town
        self.setup = setup
        self.a, self.b = (kind(town, host, folder, setup) for host in town.directors)
        self.witness = Witness(town)

    def stack(self, host: Host) -> Stack:
        return self.a if host is self.town.a else self.b

    def start(self) -> None:
        """Both; `a` first, as where nobody preempts whoever is first stays active."""
        self.a.start()
        waited("a is active", lambda: self.town.vips() == [self.town.a], self.a)
        self.b.start()
        self.active(self.town.a)

    def settled(self) -> None:
        """Until one is active and the tables are as they ought to be, soon: full and equal, unless one rests."""
        waited("one is active", lambda: len(self.town.vips()) == 1, self.a, self.b)
        waited("the tables are as they ought to be", self._good, self.a, self.b)

    def active(self, host: Host) -> None:
        """Until this one is, alone, and all is settled, soon."""
        waited(f"{host.name} is active", lambda: self.town.vips() == [host], self.a, self.b)
        self.settled()

    def _good(self) -> bool:
        [active] = self.town.vips()
        there, beside = self.town.table(active), self.town.table(self.town.other(active))
        return len(there) == 1 + len(self.town.servers) and beside == ([] if self.setup.idle else there)

    @contextlib.contextmanager
    def traffic(self) -> Iterator[Traffic]:
        """Of clients, for as long as the block; it begins when all held connections had to be copied."""
        traffic = Traffic(self.town)
        try:
            time.sleep(2 * SYNC_FLUSH)
            yield traffic
            traffic.end()
        finally:
            traffic.close()


@contextlib.contextmanager
def servers(town: Town, folder: Path) -> Iterator[None]:
    """The servers serve."""
    running: list[subprocess.Popen[str]] = []
    try:
        for host in town.servers:
            command = [sys.executable, "-S", str(stage.WEBSERVER), host.name, host.address, VIP]
            running.append(town.start(host, command, stdout=subprocess.PIPE, cwd=folder))
        for one in running:
            assert one.stdout is not None
            assert one.stdout.readline() == "listening\n"
        yield
    finally:
        for one in running:
            one.kill()
            one.communicate()


@contextlib.contextmanager
def standing(town: Town, folder: Path, kind: type[Stack], setup: Setup) -> Iterator[Pair]:
    """Both directors of one kind, in a town whose servers serve; nothing of them is left behind."""
    pair = Pair(town, folder, kind, setup)
    try:
        with pair.witness.watching():
            pair.start()
            yield pair
    finally:
        pair.a.clear()
        pair.b.clear()
        for host in town.directors:
            town.plug(host)
        town.join()
        town.forget()


__all__ = ["HELD", "RATE", "STARTING", "Pair", "Setup", "Traffic", "servers", "standing"]
