"""What happens to a virtual service, as data: steps to play, and stories made of them by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeAlias

from lvsctl.kernel.connections import End
from lvsctl.model import Forward, Protocol

SERVER_COUNT = 6
CLIENT_COUNT = 3


@dataclass(frozen=True)
class Add:
    server: int
    weight: int = 1
    upper: int = 0
    lower: int = 0


@dataclass(frozen=True)
class Edit:
    server: int
    weight: int = 1
    upper: int = 0
    lower: int = 0


@dataclass(frozen=True)
class Delete:
    server: int


@dataclass(frozen=True)
class Open:
    """A new connection, from a port that was not used before."""

    client: int = 0


@dataclass(frozen=True)
class Again:
    """The client of the nth connection that is not forgotten begins it anew, from the same port."""

    nth: int


@dataclass(frozen=True)
class Close:
    nth: int
    how: End = End.FIN


@dataclass(frozen=True)
class Send:
    nth: int


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Schedule:
    """The service gets another scheduler."""

    name: str


@dataclass(frozen=True)
class Remake:
    """The service is deleted and made again, without its servers."""


Step: TypeAlias = Add | Edit | Delete | Open | Again | Close | Send | Wait | Schedule | Remake


@dataclass(frozen=True)
class Story:
    """One service, and what happens to it.

    persistence: seconds. one_packet: the flag, which is for UDP. expire_quiescent: see `Director`.
    """

    scheduler: str
    steps: list[Step] = field(default_factory=list)
    forward: Forward = Forward.ROUTE
    protocol: Protocol = Protocol.TCP
    persistence: int = 0
    one_packet: bool = False
    expire_quiescent: bool = False


WEIGHTS = ((1,), (1, 1, 2), (5, 5, 1), (0, 1, 2), (2, 4, 6), (2, 3, 4, 4), (0, 1, 1, 2, 3, 4, 6))
LIMITS = (
    ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (4, 2), (5, 0), (8, 3)),
    ((3, 0), (3, 1), (3, 2), (3, 3)),
    ((1, 0), (2, 1), (2, 2)),
    ((2, 1), (4, 1), (6, 1), (0, 0)),
)
PAUSES = ((1, 11, 15), (11, 70), (1, 15, 30, 70, 95, 140, 210))
"""Of each, a story draws from one row: where every story has a little of everything, none has much of anything."""


@dataclass(frozen=True)
class Setting:
    """What stories are drawn from. schedulers: what a service may get on the way."""

    pauses: tuple[tuple[float, ...], ...] = PAUSES
    forwards: tuple[Forward, ...] = (Forward.ROUTE, Forward.MASQUERADE)
    protocols: tuple[Protocol, ...] = (Protocol.TCP,)
    persistence: tuple[int, ...] = (0,)
    schedulers: tuple[str, ...] = ()
    remade: bool = False


class Teller:
    """Tells one story: it settles first how many servers, which limits, and how often there is a step of each kind."""

    def __init__(self, scheduler: str, setting: Setting, chance: Random) -> None:
        self._chance = chance
        self._setting = setting
        self._schedulers = [scheduler, *chance.sample(setting.schedulers, min(2, len(setting.schedulers)))]
        self._count = chance.randint(2, SERVER_COUNT)
        self._weights = chance.choice(WEIGHTS)
        self._limits = chance.choice(LIMITS)
        self._pauses = chance.choice(setting.pauses or ((0,),))

    def story(self) -> Story:
        """At least 40 steps after the servers were added."""
        chance, setting = self._chance, self._setting
        kinds, shares = zip(*self._kinds().items(), strict=True)
        steps: list[Step] = [Add(number, *self._load()) for number in range(self._count)]
        steps += [kind() for kind in chance.choices(kinds, shares, k=chance.randint(40, 60))]
        return Story(
            self._schedulers[0],
            steps,
            forward=chance.choice(setting.forwards),
            protocol=chance.choice(setting.protocols),
            persistence=chance.choice(setting.persistence),
            one_packet=chance.random() < 0.5,
            expire_quiescent=chance.random() < 0.5,
        )

    def _kinds(self) -> dict[Callable[[], Step], int]:
        chance, setting = self._chance, self._setting
        return {
            lambda: Open(chance.randrange(CLIENT_COUNT)): chance.randint(3, 8),
            lambda: Add(self._server(), *self._load()): chance.randint(0, 2),
            lambda: Edit(self._server(), *self._load()): chance.randint(0, 4),
            lambda: Delete(self._server()): chance.randint(0, 1),
            lambda: Again(chance.randrange(100)): chance.randint(0, 2),
            lambda: Close(chance.randrange(100), End.FIN): chance.randint(0, 3),
            lambda: Close(chance.randrange(100), End.RST): chance.randint(0, 5),
            lambda: Send(chance.randrange(100)): chance.randint(0, 1),
            lambda: Wait(chance.choice(self._pauses)): chance.randint(0, 3) if setting.pauses else 0,
            lambda: Schedule(chance.choice(self._schedulers)): 1 if setting.schedulers else 0,
            Remake: 1 if setting.remade and chance.random() < 0.3 else 0,
        }

    def _server(self) -> int:
        return self._chance.randrange(self._count)

    def _load(self) -> tuple[int, int, int]:
        return self._chance.choice(self._weights), *self._chance.choice(self._limits)


def shorter(story: Story) -> Iterator[Story]:
    """The story without some of its steps: many at first, then fewer, one in the end."""
    size = len(story.steps) // 2
    while size:
        for start in range(0, len(story.steps), size):
            yield replace(story, steps=story.steps[:start] + story.steps[start + size :])
        size //= 2
