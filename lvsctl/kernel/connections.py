"""The connection table: entries and persistence templates, and when the kernel forgets them."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_network
from typing import Final, TypeAlias

from lvsctl.errors import LvsctlError
from lvsctl.model import Address, AddressKey, Forward, MarkKey, Protocol, RealKey, ServiceKey, Timeouts

TIME_WAIT_TIMEOUT: Final = 120.0
CLOSE_TIMEOUT: Final = 10.0
STILL_IN_USE: Final = 60.0  # how long a template that ought to end lives on while it has connections

ServerId: TypeAlias = tuple[ServiceKey, RealKey]


class State(StrEnum):
    """ESTABLISHED alone is active. FIN_WAIT: closed, of which only the client's side was seen; TIME_WAIT: both were.

    OPENING lasts no time here: the handshake is done at once.
    """

    OPENING = "opening"
    ESTABLISHED = "established"
    FIN_WAIT = "fin-wait"
    TIME_WAIT = "time-wait"
    CLOSE = "close"
    UDP = "udp"


class End(StrEnum):
    """How a connection is closed: FIN by both sides, the client first; RST by the client."""

    FIN = "fin"
    RST = "rst"


def lifetime_in(state: State, timeouts: Timeouts) -> float:
    """Seconds that an entry in this state lives without a packet."""
    match state:
        case State.OPENING | State.ESTABLISHED:
            return timeouts.tcp
        case State.FIN_WAIT:
            return timeouts.tcp_fin
        case State.TIME_WAIT:
            return TIME_WAIT_TIMEOUT
        case State.CLOSE:
            return CLOSE_TIMEOUT
        case State.UDP:
            return timeouts.udp


def after(state: State, end: End, forward: Forward) -> State:
    """The state of a TCP connection after `end`. Only masquerading shows the director what the server sends."""
    if end is End.RST or state is State.CLOSE:
        return State.CLOSE
    if state is not State.ESTABLISHED:
        return state
    return State.TIME_WAIT if forward is Forward.MASQUERADE else State.FIN_WAIT


@dataclass(frozen=True, slots=True)
class Connection:
    """Identity of a connection. protocol: that of its packets, which a service by firewall mark does not tell."""

    service: ServiceKey
    client: Address
    port: int
    protocol: Protocol = Protocol.TCP

    @classmethod
    def to(cls, service: ServiceKey, client: Address, port: int, protocol: Protocol) -> Connection:
        """protocol: for a service by firewall mark, others have their own. LvsctlError: for one not modelled."""
        if isinstance(service, AddressKey):
            protocol = service.protocol
        if protocol is Protocol.SCTP:
            raise LvsctlError("connections by sctp are not modelled: use a service for tcp or udp")
        return cls(service, client, port, protocol)


@dataclass(frozen=True, slots=True)
class Client:
    """Who shares a template: the clients of a prefix, in one service.

    network: its first address. A template does not know how long its prefix was: where that is edited, an old template
    serves whoever's new prefix begins with the same address.
    """

    service: ServiceKey
    network: Address
    protocol: Protocol | None  # None where any will do

    @classmethod
    def of(cls, connection: Connection, prefix: int) -> Client:
        network = ip_network((connection.client, prefix), strict=False).network_address
        by_mark = isinstance(connection.service, MarkKey)
        return cls(connection.service, network, None if by_mark else connection.protocol)


@dataclass(frozen=True, slots=True)
class Entry:
    """A connection entry. forward: as it was when the connection began. template: by number.

    since: when its last packet came; it lives `lifetime` seconds from then.
    """

    server: ServerId
    forward: Forward
    state: State
    template: int | None
    since: float
    lifetime: float

    @property
    def active(self) -> bool:
        return self.state is State.ESTABLISHED

    @property
    def ends(self) -> float:
        return self.since + self.lifetime


@dataclass(frozen=True, slots=True)
class Template:
    """since: when it last made a connection; it lives `lifetime` seconds from then, and longer while one is left.

    controls: how many are left.
    """

    client: Client
    server: ServerId
    since: float
    lifetime: float
    controls: int = 0

    @property
    def ends(self) -> float:
        return self.since + self.lifetime


Ended: TypeAlias = Entry | Template


class Connections:
    """`now` and every other time is in seconds of one clock, the caller's."""

    def __init__(self) -> None:
        self._entries: dict[Connection, Entry] = {}
        self._templates: dict[int, Template] = {}
        self._by_client: dict[Client, int] = {}
        self._numbers = itertools.count(1)
        self._due: list[tuple[float, int, Connection | int]] = []

    def find(self, connection: Connection) -> Entry | None:
        return self._entries.get(connection)

    def put(self, connection: Connection, entry: Entry) -> None:
        """Make an entry, or change one: its state, its end."""
        if connection not in self._entries and entry.template is not None:
            self._control(entry.template, 1)
        self._entries[connection] = entry
        self._fall_due(entry.ends, connection)

    def remove(self, connection: Connection) -> Entry:
        """Forget an entry before its time."""
        entry = self._entries.pop(connection)
        if entry.template is not None:
            self._control(entry.template, -1)
        return entry

    def template_of(self, client: Client) -> int | None:
        """The number of the one that makes this client's connections."""
        return self._by_client.get(client)

    def template(self, number: int) -> Template:
        return self._templates[number]

    def add_template(self, template: Template) -> int:
        number = next(self._numbers)
        self._templates[number] = template
        self._by_client[template.client] = number
        self._fall_due(template.ends, number)
        return number

    def renew_template(self, number: int, now: float) -> None:
        """Each connection that it makes gives it its whole time again."""
        template = self._templates[number]
        self._templates[number] = renewed = replace(template, since=now)
        self._fall_due(renewed.ends, number)

    def invalidate(self, client: Client) -> None:
        """Its server cannot be used: the template is found no more, and waits for its end."""
        del self._by_client[client]

    def entries(self) -> Collection[Entry]:
        """Every connection that is there."""
        return self._entries.values()

    def templates(self) -> Mapping[int, Template]:
        """Every template that is there, by number, invalid ones too."""
        return self._templates

    def pass_time(self, now: float) -> Iterator[Ended]:
        """Forget what ends at `now` or before, in the order in which it ends."""
        while self._due and self._due[0][0] <= now:
            when, _, what = heapq.heappop(self._due)
            ended = self._end(what, when)
            if ended is not None:
                yield ended

    def _end(self, what: Connection | int, when: float) -> Ended | None:
        if isinstance(what, Connection):
            entry = self._entries.get(what)
            return self.remove(what) if entry is not None and entry.ends == when else None
        template = self._templates.get(what)
        if template is None or template.ends != when:
            return None
        if template.controls:
            self._templates[what] = kept = replace(template, since=when, lifetime=STILL_IN_USE)
            self._fall_due(kept.ends, what)
            return None
        if self._by_client.get(template.client) == what:
            del self._by_client[template.client]
        return self._templates.pop(what)

    def _control(self, number: int, change: int) -> None:
        template = self._templates[number]
        self._templates[number] = replace(template, controls=template.controls + change)

    def _fall_due(self, when: float, what: Connection | int) -> None:
        heapq.heappush(self._due, (when, next(self._numbers), what))
