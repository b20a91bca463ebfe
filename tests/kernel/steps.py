"""What happens to a virtual service, as data: steps to play, and how to draw them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from hypothesis import strategies as st

from lvsctl.kernel.connections import End
from lvsctl.model import Forward, Protocol

SERVER_COUNT = 6
CLIENT_COUNT = 3


@dataclass(frozen=True)
class Look:
    """Nothing happens. What a story does not need to fail shrinks to it."""


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
    """The client of the nth connection so far begins it anew, from the same port."""

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


Step: TypeAlias = Look | Add | Edit | Delete | Open | Again | Close | Send | Wait | Schedule | Remake


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


servers = st.integers(0, SERVER_COUNT - 1)
numbers = st.integers(0, 30)
weights = st.sampled_from((0, 1, 1, 1, 2, 2, 3, 4, 6))
thresholds = st.sampled_from(((0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 3), (4, 2), (5, 0), (8, 3)))


@st.composite
def placed(draw: st.DrawFn, kind: type[Add] | type[Edit]) -> Add | Edit:
    upper, lower = draw(thresholds)
    return kind(draw(servers), draw(weights), upper, lower)


@dataclass(frozen=True)
class Setting:
    """What stories are drawn from. pauses: how long a Wait may be; schedulers: what a service may get on the way."""

    pauses: tuple[float, ...]
    pauses_share: int = 2
    forwards: tuple[Forward, ...] = (Forward.ROUTE, Forward.MASQUERADE)
    protocols: tuple[Protocol, ...] = (Protocol.TCP,)
    persistence: tuple[int, ...] = (0,)
    schedulers: tuple[str, ...] = ()
    remade: bool = False

    def steps(self) -> st.SearchStrategy[Step]:
        rare: list[st.SearchStrategy[Step]] = [
            st.just(Look()),
            st.builds(Delete, servers),
            st.builds(Again, numbers),
            st.builds(Send, numbers),
        ]
        rare += [st.builds(Schedule, st.sampled_from(self.schedulers))] * (2 if self.schedulers else 0)
        rare += [st.just(Remake())] if self.remade else []
        usual: list[st.SearchStrategy[Step]] = [
            *[st.builds(Open, st.integers(0, CLIENT_COUNT - 1))] * 10,
            *[placed(Add)] * 2,
            *[placed(Edit)] * 3,
            *[st.builds(Close, numbers, st.just(End.FIN))] * 2,
            *[st.builds(Close, numbers, st.just(End.RST))] * 2,
            *[st.builds(Wait, st.sampled_from(self.pauses))] * self.pauses_share,
        ]
        return st.sampled_from(rare + usual).flatmap(lambda strategy: strategy)


@st.composite
def stories(draw: st.DrawFn, scheduler: str, setting: Setting) -> Story:
    """At least 40 steps after three servers were added."""
    first = [Add(number, draw(weights), *draw(thresholds)) for number in range(3)]
    return Story(
        scheduler,
        [*first, *draw(st.lists(setting.steps(), min_size=40, max_size=60))],
        forward=draw(st.sampled_from(setting.forwards)),
        protocol=draw(st.sampled_from(setting.protocols)),
        persistence=draw(st.sampled_from(setting.persistence)),
        one_packet=draw(st.booleans()),
        expire_quiescent=draw(st.booleans()),
    )
