"""One case played: directors on a switch, what is done to them, and what a bystander has seen of it, in figures."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from lvsctl.model import Instance, VrrpVersion
from tests.directors import score
from tests.directors.routers import Keepalived, Lvsctl, Router
from tests.directors.score import Living, Span
from tests.directors.switch import Switch
from tests.directors.watcher import Said, Watcher
from tests.pair.making import me

MARGIN: Final = 0.02
"""Seconds: timers are no finer on either side. Nobody waits for a processor where time travels."""


COPIES: Final = 0.001
"""Seconds in which an advert goes out to all peers."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Seconds, and how many the protocol has: so many at the least, and so many at the most."""

    what: str
    took: float
    least: float
    most: float

    @property
    def right(self) -> bool:
        return self.least - MARGIN <= self.took <= self.most + MARGIN

    def text(self, interval: float) -> str:
        """In intervals."""
        took, least, most = (seconds / interval for seconds in (self.took, self.least, self.most))
        if most == math.inf:
            return f"{self.what} {took:.2f}"
        allowed = f"{most:.2f}" if least == most else f"{least:.2f} to {most:.2f}"
        return f"{self.what} {took:.2f} ({allowed})"


def on(host: int, instance: Instance, hosts: Collection[int] = (1, 2), **changes: object) -> Instance:
    """As this host has it: its own source, and the others as peers if it has peers at all."""
    network = str(instance.source)[:-1]
    peers = tuple(ip_address(f"{network}{other}") for other in hosts if other != host) if instance.peers else ()
    return me(instance, source=ip_address(f"{network}{host}"), peers=peers, **changes)


def skew(instance: Instance, interval: float | None = None) -> float:
    """interval: of the active one (RFC 9568, 6.1; RFC 3768, 6.1, has the skew in seconds)."""
    unit = 1.0 if instance.version is VrrpVersion.V2 else interval or instance.interval
    return (256 - instance.priority) / 256 * unit


def patience(instance: Instance, interval: float | None = None) -> float:
    """Active_Down_Interval."""
    return 3 * (interval or instance.interval) + skew(instance, interval)


def met_again(instance: Instance) -> float:
    """The most that passes until the next advert of the other gets through, when nothing keeps it back any more.

    By unicast, a host that could not be reached has to be looked for, which is tried once a second (RFC 4861, 10:
    RETRANS_TIMER; Linux does the same for ARP).
    """
    return instance.interval + (1.0 if instance.peers else 0.0)


class Play:
    """figures: what was to be seen. What is done is done at once; only `passes` and `spoken` let time pass."""

    def __init__(
        self, switch: Switch, watcher: Watcher, routers: Mapping[int, Router], names: Mapping[int, str]
    ) -> None:
        self.switch = switch
        self.routers = routers
        self.figures: list[Figure] = []
        self.interval = max(each.interval for router in routers.values() for each in router.instances)
        self._names = names
        self._watcher = watcher
        self._living: list[Living] = []
        self._allowed = 0.0

    def me(self, host: int, name: str = "web") -> Instance:
        [found] = [each for each in self.routers[host].instances if each.name == name]
        return found

    # --- what is done ---------------------------------------------------------------------------------------------

    def start(self, *hosts: int) -> float:
        now = time.monotonic()
        for host in hosts:
            self._note(host, lives=True)
            self.routers[host].start()
        return now

    def passes(self, intervals: float) -> float:
        time.sleep(intervals * self.interval)
        return time.monotonic()

    def spoken(self, host: int) -> float:
        """Waits until it has just sent an advert: what happens to it now is noticed as late as can be. When."""
        at = self._watcher.advert(host, 5 * self.interval)
        time.sleep(COPIES)
        return at

    def stop(self, host: int) -> float:
        return self._end(host, signal.SIGTERM)

    def kill(self, host: int) -> float:
        return self._end(host, signal.SIGKILL)

    def release(self, host: int) -> float:
        """Of lvsctl alone."""
        self.routers[host].signal(signal.SIGUSR1)
        return time.monotonic()

    def freeze(self, host: int) -> float:
        self.routers[host].signal(signal.SIGSTOP)
        return self._note(host, lives=False)

    def thaw(self, host: int) -> float:
        self.routers[host].signal(signal.SIGCONT)
        return self._note(host, lives=True)

    def _end(self, host: int, number: signal.Signals) -> float:
        now = time.monotonic()
        self.routers[host].signal(number)
        self.routers[host].end()
        self._note(host, lives=False)
        return now

    def _note(self, host: int, *, lives: bool) -> float:
        self._living.append(Living(time.monotonic(), host, lives))
        return self._living[-1].at

    # --- what is to be seen ---------------------------------------------------------------------------------------

    def takes(self, host: int, since: float, most: float, *, least: float | None = None, name: str = "web") -> float:
        """It is active, and became so seconds after `since`: `most`, or from `least` to `most`. When."""
        became = self.active(host, name)
        self._figure(f"{self._names[host]} after", became - since, most if least is None else least, most)
        return became

    def active(self, host: int, name: str = "web") -> float:
        """It is active. Since when."""
        assert self.is_active(host, name), f"{host} is not active for {name}\n{self.log()}"
        return self._held(host, name)[-1][0]

    def is_active(self, host: int, name: str = "web") -> bool:
        return any(end == math.inf for _, end in self._held(host, name))

    def gives(self, host: int, since: float, most: float, *, name: str = "web") -> None:
        """It has none of the addresses any more, and had its last one at most so many seconds after `since`."""
        spans = self._held(host, name)
        assert spans and since <= spans[-1][1] < math.inf, f"{host} is still active for {name}\n{self.log()}"
        took = Figure(f"{self._names[host]} not active after", spans[-1][1] - since, 0.0, most)
        assert took.right, f"{took.text(self.interval)}\n{self.log()}"

    def keeps(self, host: int, since: float, name: str = "web") -> None:
        """It has been active all the time."""
        assert self.active(host, name) <= since, f"{host} was not active for {name} all the time\n{self.log()}"

    def never(self, host: int, since: float = 0.0, name: str = "web") -> None:
        """It has had none of the addresses from then on."""
        assert all(end <= since for _, end in self._held(host, name)), f"{host} was active for {name}\n{self.log()}"

    def allow(self, seconds: float) -> None:
        """The protocol lets two be active for so much longer."""
        self._allowed += seconds

    def judge(self, name: str = "web") -> None:
        """At the end: never were there two for longer than allowed; all figures are as they must be."""
        now = time.monotonic()
        speaking = self._speaking(name, now - 2 * self.interval)
        assert len(speaking) == 1, f"{speaking} speak\n{self.log()}"
        spans = {host: score.held(self._watcher.seen, host, self._virtual(name), now) for host in self.routers}
        alive = {host: score.both(spans[host], score.lived(self._living, host, now)) for host in spans}
        two = score.twice([*alive.values()])
        self._figure("two for", two, 0.0, self._allowed)
        left = score.twice([*spans.values()]) - two
        if left > MARGIN:
            self.figures.append(Figure("addresses left by a dead one beside them for", left, 0.0, math.inf))

    def text(self) -> str:
        return "; ".join(dict.fromkeys(figure.text(self.interval) for figure in self.figures))

    def log(self) -> str:
        """All that there is, for whoever has to find out what went wrong."""
        seen = "\n".join(map(str, sorted((*self._watcher.seen, *self._living), key=lambda one: one.at)))
        told = "\n".join(f"--- {host}\n{router.told()}" for host, router in self.routers.items())
        return f"{seen}\n{told}"

    def _figure(self, what: str, took: float, least: float, most: float) -> None:
        figure = Figure(what, took, least, most)
        self.figures.append(figure)
        assert figure.right, f"{figure.text(self.interval)}\n{self.log()}"

    def _speaking(self, name: str, since: float) -> set[int]:
        vrid = self.me(next(iter(self.routers)), name).vrid
        said = (one for one in self._watcher.seen if isinstance(one, Said))
        return {one.host for one in said if one.vrid == vrid and one.at > since}

    def _held(self, host: int, name: str) -> list[Span]:
        return score.held(self._watcher.seen, host, self._virtual(name), math.inf)

    def _virtual(self, name: str) -> set[str]:
        return {str(address.ip) for address in self.me(next(iter(self.routers)), name).addresses}


class Kind(StrEnum):
    LVSCTL = "lvsctl"
    KEEPALIVED = "keepalived"


@contextlib.contextmanager
def played(folder: Path, cast: Sequence[tuple[Kind, Sequence[Instance]]]) -> Iterator[Play]:
    """A switch, and on its hosts directors of these kinds, not yet started: the first is host 1."""
    with Switch(len(cast)).standing() as switch, contextlib.closing(Watcher(switch)) as watcher:
        routers: dict[int, Router] = {}
        for host, (kind, instances) in enumerate(cast, 1):
            name = switch.host(host)
            if kind is Kind.LVSCTL:
                routers[host] = Lvsctl(name, instances)
            else:
                (folder / str(host)).mkdir()
                routers[host] = Keepalived(name, instances, folder / str(host))
        kinds = [kind for kind, _ in cast]
        names = {host: kind if kinds.count(kind) == 1 else f"{kind} {host}" for host, kind in enumerate(kinds, 1)}
        try:
            yield Play(switch, watcher, routers, names)
        finally:
            for router in routers.values():
                router.close()
