"""What packets and time do to a table: connections are scheduled, counted and forgotten as the kernel does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lvsctl.decide import overload
from lvsctl.decide.overload import LoadedServer
from lvsctl.kernel import scheduling
from lvsctl.kernel.connections import (
    Client,
    Connection,
    Connections,
    End,
    Ended,
    Entry,
    ServerId,
    State,
    Template,
    after,
    lifetime_in,
)
from lvsctl.kernel.scheduling.turn import Servers, Turn
from lvsctl.model import (
    AddressKey,
    Generation,
    Protocol,
    RealAttrs,
    RealKey,
    ServiceAttrs,
    ServiceFlag,
    ServiceKey,
    Timeouts,
)


@dataclass(slots=True)
class Virtual:
    """A service. servers: in the order in which they were added. scheduled: connections ever."""

    attrs: ServiceAttrs
    turn: Turn
    servers: dict[RealKey, LoadedServer] = field(default_factory=dict)
    scheduled: int = 0

    @property
    def listed(self) -> Servers:
        """As the kernel lists them."""
        return tuple(reversed(self.servers.values()))


class Director:
    """The services of one network namespace. Nothing here refuses an operation: see `judging`.

    A deleted server is kept aside while something in the connection table refers to it: added again to the same
    service, or to one that was deleted and made again, it has its old counts and its old flag. (The kernel keeps it
    some minutes longer, in which only the count of connections ever can tell.)

    scheduled: connections ever, of all services that there were.
    expire_quiescent: the sysctl expire_quiescent_template, by which weight 0 frees a client from its template. The
    others are as the kernel sets them: expire_nodest_conn=0, conn_reuse_mode=1, sloppy_tcp=0.
    """

    def __init__(self, generation: Generation, *, expire_quiescent: bool = False) -> None:
        self.services: dict[ServiceKey, Virtual] = {}
        self.connections = Connections()
        self.timeouts = Timeouts(900, 120, 300)
        self.now = 0.0
        self.scheduled = 0
        self._generation = generation
        self._expire_quiescent = expire_quiescent
        self._trash: dict[ServerId, LoadedServer] = {}

    def add_service(self, key: ServiceKey, attrs: ServiceAttrs) -> None:
        self.services[key] = Virtual(attrs, scheduling.bind(attrs.scheduler, (), self._generation))

    def edit_service(self, key: ServiceKey, attrs: ServiceAttrs) -> None:
        service = self.services[key]
        if attrs.scheduler != service.attrs.scheduler:
            service.turn = scheduling.bind(attrs.scheduler, service.listed, self._generation)
        service.attrs = attrs

    def delete_service(self, key: ServiceKey) -> None:
        for server in self.services.pop(key).servers.values():
            self._discard((key, server.key), server)
        for which in [which for which in self._trash if which[0] == key]:
            self._trash[which] = replace(self._trash[which], scheduled=0)  # the next service counts for itself

    def add_server(self, key: ServiceKey, server: RealKey, attrs: RealAttrs) -> None:
        service = self.services[key]
        known = self._trash.pop((key, server), None)
        loaded = LoadedServer(server, attrs) if known is None else overload.edited(known, attrs, self._generation)
        service.servers[server] = loaded
        service.turn = service.turn.added(server, service.listed)

    def edit_server(self, key: ServiceKey, server: RealKey, attrs: RealAttrs) -> None:
        service = self.services[key]
        service.servers[server] = overload.edited(service.servers[server], attrs, self._generation)
        service.turn = service.turn.edited(server, service.listed)

    def delete_server(self, key: ServiceKey, server: RealKey) -> None:
        service = self.services[key]
        service.turn = service.turn.deleted(server, service.listed)
        self._discard((key, server), service.servers.pop(server))

    def zero(self, key: ServiceKey | None) -> None:
        """Begin to count anew how many connections there ever were, of one service, or of all and in all."""
        if key is None:
            self.scheduled = 0
        for service in self.services.values() if key is None else [self.services[key]]:
            service.scheduled = 0
            service.servers = {key: replace(server, scheduled=0) for key, server in service.servers.items()}

    def connect(self, connection: Connection, now: float) -> RealKey | None:
        """A client connects, or sends its first datagram: the server that gets it, None if nobody does.

        A connection that is there already goes on: with TCP as the packets of a client that begins it anew.
        """
        self.pass_time(now)
        entry = self.connections.find(connection)
        if entry is None:
            return self._schedule(connection)
        if entry.state in (State.TIME_WAIT, State.CLOSE) and entry.template is None:
            return self._begin_anew(connection)
        if not self._is_there(entry.server):
            return None
        self._become(connection, entry, State.UDP if entry.state is State.UDP else State.ESTABLISHED)
        return entry.server[1]

    def send(self, connection: Connection, now: float) -> bool:
        """The client sends something within a connection; False: it reaches no server."""
        return self._go_on(connection, now, lambda entry: entry.state)

    def end(self, connection: Connection, how: End, now: float) -> bool:
        """A TCP connection is closed; False: nobody hears of it. Of UDP nothing can be closed."""
        if connection.protocol is Protocol.UDP:
            return False
        return self._go_on(connection, now, lambda entry: after(entry.state, how, entry.forward))

    def pass_time(self, now: float) -> None:
        """Let `now` be; it never goes back."""
        self.now = max(self.now, now)
        for ended in self.connections.pass_time(self.now):
            self._unbind(ended)

    def server(self, which: ServerId) -> LoadedServer:
        """A server of a service, or one that was deleted and still has connections."""
        service, key = which
        return self.services[service].servers[key] if self._is_there(which) else self._trash[which]

    def _is_there(self, which: ServerId) -> bool:
        service = self.services.get(which[0])
        return service is not None and which[1] in service.servers

    def _discard(self, which: ServerId, server: LoadedServer) -> None:
        if not server.idle:
            self._trash[which] = server

    def _keep(self, which: ServerId, server: LoadedServer) -> None:
        if self._is_there(which):
            self.services[which[0]].servers[which[1]] = server
        elif server.idle:
            del self._trash[which]
        else:
            self._trash[which] = server

    def _go_on(self, connection: Connection, now: float, state: Callable[[Entry], State]) -> bool:
        self.pass_time(now)
        entry = self.connections.find(connection)
        if entry is None or not self._is_there(entry.server):
            return False
        self._become(connection, entry, state(entry))
        return True

    def _begin_anew(self, connection: Connection) -> RealKey | None:
        """The same client port for a new connection: the closed one counts until the new one has its server."""
        closed = self.connections.remove(connection)
        server = self._schedule(connection)
        self._unbind(closed)
        return server

    def _schedule(self, connection: Connection) -> RealKey | None:
        service = self.services.get(connection.service)
        if service is None:
            return None
        if service.attrs.persistence:
            return self._schedule_persistent(connection, service)
        every_port = isinstance(connection.service, AddressKey) and connection.service.port == 0
        picked = None if every_port else self._pick(service)
        if picked is not None:
            self._bind(connection, service, picked, template=None)
        return picked

    def _pick(self, service: Virtual) -> RealKey | None:
        picked, service.turn = service.turn.pick(service.listed)
        return picked

    def _schedule_persistent(self, connection: Connection, service: Virtual) -> RealKey | None:
        client = Client.of(connection, service.attrs.persistence_prefix)
        number = self._valid_template(client)
        if number is None:
            picked = self._pick(service)
            if picked is None:
                return None
            number = self._new_template(client, picked, service.attrs.persistence)
        self.connections.renew_template(number, self.now)
        server = self.connections.template(number).server[1]
        self._bind(connection, service, server, template=number)
        return server

    def _valid_template(self, client: Client) -> int | None:
        number = self.connections.template_of(client)
        if number is None:
            return None
        server = self.connections.template(number).server
        if self._is_there(server) and not (self._expire_quiescent and self.server(server).attrs.weight == 0):
            return number
        self.connections.invalidate(client)
        return None

    def _new_template(self, client: Client, server: RealKey, timeout: float) -> int:
        which = (client.service, server)
        self._keep(which, overload.bound(self.server(which), self._generation, template=True))
        return self.connections.add_template(Template(client, which, self.now, timeout))

    def _bind(self, connection: Connection, service: Virtual, key: RealKey, *, template: int | None) -> None:
        which = (connection.service, key)
        service.scheduled += 1
        self.scheduled += 1
        server = overload.bound(self.server(which), self._generation)
        if connection.protocol is Protocol.UDP and service.attrs.flags & ServiceFlag.ONE_PACKET:
            self._keep(which, overload.unbound(server, self._generation))
            return
        self._keep(which, server)
        udp = connection.protocol is Protocol.UDP
        entry = Entry(which, server.attrs.forward, State.UDP if udp else State.OPENING, template, self.now, 0)
        self._become(connection, entry, State.UDP if udp else State.ESTABLISHED)

    def _become(self, connection: Connection, entry: Entry, state: State) -> None:
        """A packet within the connection: its new state, and its whole time again."""
        changed = replace(entry, state=state, since=self.now, lifetime=lifetime_in(state, self.timeouts))
        self.connections.put(connection, changed)
        server = self.server(entry.server)
        activated = changed.active - entry.active
        server = replace(server, active=server.active + activated, inactive=server.inactive - activated)
        self._keep(entry.server, server)

    def _unbind(self, ended: Ended) -> None:
        active, template = isinstance(ended, Entry) and ended.active, isinstance(ended, Template)
        server = overload.unbound(self.server(ended.server), self._generation, active=active, template=template)
        self._keep(ended.server, server)
