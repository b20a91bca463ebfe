"""Directors and their network as a discrete-event simulation: real adverts as bytes, everything else pretended.

Time is a number. Whatever is random comes from one seed, so a run is repeated exactly by its seed. Two routers hear
each other on every link of their group or on none only if nothing was cut: links are cut one by one and each way apart.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lvsctl.model import Instance, Role
from lvsctl.pair import group, vrrp
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.packet import Advert, Codec, Refused
from lvsctl.pair.state import Action, Became, Cause, Event, Fit, Heard, Send, SetPriority, Start, Stop, Tick, Unfit, Why

DELAY = 0.002
"""Longest time on the wire, in seconds."""
LAG = 0.003
"""Longest time by which a running program is late."""


@dataclass
class Node:
    """A director: a program that may be dead or stopped, and what the kernel keeps for it meanwhile."""

    members: Sequence[Instance]
    states: group.States = ()
    running: bool = False
    frozen: bool = False
    deaf: bool = False  # frozen with its whole machine: what is sent to it meanwhile is lost
    backlog: list[tuple[int, Datagram]] = field(default_factory=list)
    newest: dict[bytes, int] = field(default_factory=dict)
    number: int = 0
    active_since: float | None = None

    def __post_init__(self) -> None:
        self.codecs = [Codec(member) for member in self.members]

    @property
    def active(self) -> bool:
        """Whether it is up and active; a frozen one does not count until it wakes up."""
        return self.running and not self.frozen and self.states[0].role is Role.ACTIVE

    @property
    def patience(self) -> float:
        return max(vrrp.patience(member, state) for member, state in zip(self.members, self.states, strict=True))


@dataclass(frozen=True)
class Taken:
    """A role that was taken."""

    at: float
    who: int
    role: Role | None
    why: Why


class Network:
    """The nodes, what is on its way, and what is cut."""

    def __init__(self, nodes: Sequence[Node], seed: int) -> None:
        self.nodes = nodes
        self.random = random.Random(seed)
        self.now = 1000.0
        self.cut: set[tuple[int, int, int]] = set()  # from, to, link
        self.down: set[tuple[int, int]] = set()  # who, link: without carrier
        self.loss = 0.0
        self.calm = dict.fromkeys(itertools.product(range(len(nodes)), repeat=2), self.now)
        self.log: list[Taken] = []
        self.refused: dict[Refused, int] = defaultdict(int)
        self.after: list[Callable[[Network], None]] = []  # called after every event: the laws
        self.taken: list[Callable[[Network, Taken], None]] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._arrival: dict[tuple[int, int, int], float] = defaultdict(float)

    # --- time -----------------------------------------------------------------------------------------------------

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), what))

    def run(self, until: float) -> None:
        while self._queue and self._queue[0][0] <= until:
            self.now, _, what = heapq.heappop(self._queue)
            what()
            for law in self.after:
                law(self)
        self.now = until

    # --- what can happen to a node --------------------------------------------------------------------------------

    def start(self, who: int) -> None:
        node = self.nodes[who]
        if not node.running:
            node.states, node.running, node.newest = group.initial(node.members), True, {}
            self.disturbed(who)
            self.step(who, Start())
            self.look_at_links(who)

    def stop(self, who: int) -> None:
        """SIGTERM."""
        node = self.nodes[who]
        if node.running and not node.frozen:
            self.step(who, Stop())
            self.kill(who)

    def kill(self, who: int) -> None:
        node = self.nodes[who]
        node.running = node.frozen = node.deaf = False
        node.backlog, node.active_since = [], None
        self.disturbed(who)

    def freeze(self, who: int, *, deaf: bool) -> None:
        node = self.nodes[who]
        node.frozen, node.deaf = node.running, deaf and node.running
        self.disturbed(who)

    def thaw(self, who: int) -> None:
        """What came meanwhile is read first, then the links and the clock are looked at."""
        node = self.nodes[who]
        if not node.frozen:
            return
        node.frozen = node.deaf = False
        self.disturbed(who)
        backlog, node.backlog = node.backlog, []
        given_up = any(self.now - state.sent > vrrp.PATIENCE * state.interval for state in node.states)
        for link, datagram in backlog:
            self._hear(who, link, datagram)
        if given_up and any(datagram.payload[2] for _, datagram in backlog):
            assert not node.active, f"{who} has slept its role away and somebody else is active"
        self.look_at_links(who)
        self._tick(who)

    def look_at_links(self, who: int) -> None:
        """As the kernel tells a program of its links, or answers it."""
        for link in range(len(self.nodes[who].members)):
            missing = Cause.CARRIER in self.nodes[who].states[link].faults if self.nodes[who].running else False
            if missing is not ((who, link) in self.down):
                self.step(who, Fit(Cause.CARRIER) if missing else Unfit(Cause.CARRIER), link)

    def step(self, who: int, event: Event, link: int | None = None) -> None:
        node = self.nodes[who]
        if not node.running or node.frozen:
            return
        before = node.states[0].role
        node.states, done = group.step(node.members, node.states, event, self.now, at=link)
        for at, action in done:
            self._do(who, at, action, before)
        timers = [state.timer for state in node.states if state.timer is not None]
        if timers:
            self.at(max(min(timers), self.now) + self.random.uniform(1e-6, LAG), lambda: self._tick(who))

    def disturbed(self, *who: int) -> None:
        """From now on, these may have missed something of anybody, and anybody of them."""
        for pair in self.calm:
            if set(who) & set(pair):
                self.calm[pair] = self.now

    def connected(self, one: int, other: int) -> bool:
        links = range(len(self.nodes[one].members))
        return not self.loss and all(
            self._carries(*pair, link) for pair in ((one, other), (other, one)) for link in links
        )

    def _carries(self, sender: int, to: int, link: int) -> bool:
        return (sender, to, link) not in self.cut and not {(sender, link), (to, link)} & self.down

    # --- inside ---------------------------------------------------------------------------------------------------

    def _do(self, who: int, link: int, action: Action, before: Role | None) -> None:
        node = self.nodes[who]
        if isinstance(action, Send):
            node.number += 1
            for datagram in node.codecs[link].encode(action.priority, node.number):
                self._carry(who, link, datagram)
        if isinstance(action, Became) and link == 0:
            node.active_since = self.now if action.role is Role.ACTIVE else None
            taken = Taken(self.now, who, action.role, action.why)
            self.log.append(taken)
            for law in self.taken:
                law(self, taken)

    def _carry(self, sender: int, link: int, datagram: Datagram) -> None:
        for to, node in enumerate(self.nodes):
            addressed = not node.members[link].peers or datagram.destination == node.members[link].source.packed
            lost = not self._carries(sender, to, link) or self.random.random() < self.loss
            if to == sender or not addressed or lost:
                continue
            way = (sender, to, link)
            self._arrival[way] = max(self._arrival[way], self.now + self.random.uniform(0, DELAY))
            self.at(self._arrival[way], lambda to=to: self._hear(to, link, datagram))  # type: ignore[misc]

    def _hear(self, who: int, link: int, datagram: Datagram) -> None:
        node = self.nodes[who]
        if not node.running or node.deaf:
            return
        if node.frozen:
            node.backlog.append((link, datagram))
            return
        found = node.codecs[link].decode(datagram, node.newest)
        if isinstance(found, Advert):
            node.newest[datagram.source] = found.number
            self.step(who, Heard(found), link)
        else:
            self.refused[found] += 1

    def _tick(self, who: int) -> None:
        node = self.nodes[who]
        if node.running and not node.frozen:
            for link, state in enumerate(node.states):
                if state.timer is not None and state.timer <= self.now:
                    self.step(who, Tick(), link)


def roles(node: Node) -> set[Role | None]:
    return {state.role for state in node.states}


def set_priority(network: Network, who: int, priority: int, links: Sequence[int]) -> None:
    for link in links:
        network.step(who, SetPriority(priority), link)
