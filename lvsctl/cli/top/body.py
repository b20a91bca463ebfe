"""One row of the screen: a service, a pool or a server, in columns."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.cli.top import words
from lvsctl.cli.top.bar import bar
from lvsctl.cli.top.cells import Glyphs, Line, Span, Tone, cells, line
from lvsctl.cli.top.columns import columns
from lvsctl.cli.top.rows import Row, fullness
from lvsctl.cli.top.seen import Pool, Server, Service
from lvsctl.cli.top.trail import Trails, spark
from lvsctl.cli.top.view import Sort


class Pen:
    """Draws rows for one width of the terminal, in one moment."""

    def __init__(self, glyphs: Glyphs, width: int, *, trails: Trails, now: float) -> None:
        self.glyphs = glyphs
        self.width = width
        self.trails = trails
        self.now = now
        self.columns = columns(width)

    def heading(self, sort: Sort, *, backwards: bool) -> Line:
        order = f"SERVICE, by {sort}" + (" backwards" if backwards else "")
        fixed = self._fixed(order, ("STATE", Tone.HEAD), "WGHT", ("LOAD", Tone.HEAD), "CONNS")
        spans = [(" ", Tone.HEAD), *((text, Tone.HEAD) for text, _ in fixed)]
        rest = f"{'LATENCY':<{self.columns.latency + self.columns.trail + 2}}" if self.columns.trail else ""
        last = "LAST ANSWER" if len(rest) + 11 <= self.columns.rest else "ANSWER"
        spans.append((self.glyphs.fit(rest + last, self.columns.rest), Tone.HEAD))
        return line(self.glyphs, self.width, spans)

    def row(self, row: Row, *, chosen: bool) -> Line:
        mark: Span = (">" if chosen else " ", Tone.STRONG)
        if row.server is not None:
            spans = self._server(row.service, row.server)
        elif row.pool is not None:
            spans = self._pool(row.service, row.pool)
        else:
            spans = self._service(row.service, opened=row.opened)
        return line(self.glyphs, self.width, [mark, *spans], chosen=chosen)

    def _service(self, service: Service, *, opened: bool) -> list[Span]:
        count, capacity = fullness(service)
        load = bar(count, capacity, self.columns.bar, self.glyphs)
        servers = [server for pool in service.pools for server in pool.servers]
        name = f"{self.glyphs.opened if opened else self.glyphs.closed} {service.name}"
        connections = words.ratio(count, capacity, self.columns.connections)
        fixed = self._fixed(name, words.service_state(service), words.serving(servers), load, connections)
        return [(fixed[0][0], Tone.STRONG), *fixed[1:], self._fill(*self._of_service(service, servers, opened=opened))]

    def _of_service(self, service: Service, servers: list[Server], *, opened: bool) -> Span:
        """The worst that there is to say; the key of a service that is well."""
        spill = service.spill
        if spill.exhausted:
            return "no server has room", Tone.BAD
        if spill.active:
            since = f" in {words.span(self.now - spill.since)}" if spill.since is not None else ""
            return f"{spill.spilled} conns{since}", Tone.WARN  # where they go says the pool's row, and the detail
        if service.state != "ok":
            return service.reason, Tone.BAD if service.state in ("down", "refused") else Tone.WARN
        down = [server for server in servers if server.health == "down"]
        if down and not opened:
            return f"{down[0].endpoint} {down[0].reason}", Tone.BAD
        if service.scheduler != service.wanted:
            return f"{service.scheduler} for {service.wanted}", Tone.WARN
        return service.key, Tone.FAINT

    def _pool(self, service: Service, pool: Pool) -> list[Span]:
        load = bar(pool.connections, pool.capacity, self.columns.bar, self.glyphs)
        connections = words.ratio(pool.connections, pool.capacity, self.columns.connections)
        serving = words.serving(list(pool.servers))
        fixed = self._fixed(f"  {pool.name}", words.pool_state(service, pool), serving, load, connections)
        takes = "new connections" if service.spill.pool == pool.name else ""
        return [*fixed, self._fill(takes, Tone.WARN if service.spill.active else Tone.FAINT)]

    def _server(self, service: Service, server: Server) -> list[Span]:
        load = bar(server.connections, server.upper, self.columns.bar, self.glyphs)
        weight = "-" if server.weight is None else words.number(server.weight, self.columns.weight)
        connections = words.ratio(server.connections, server.upper, self.columns.connections)
        indent = "    " if len(service.pools) > 1 else "  "
        name = indent[:2] + self.glyphs.squeeze(server.endpoint, self.columns.name - 2)
        if len(indent) + len(server.endpoint) <= self.columns.name:
            name = indent + server.endpoint
        fixed = self._fixed(name, words.verdict(server), weight, load, connections)
        return [*fixed, *self._answers(service, server)]

    def _answers(self, service: Service, server: Server) -> Iterator[Span]:
        """Latency, trail and last answer; where there is little room, only what matters most of it."""
        troubled = server.health == "down" or server.override is not None
        said = (server.reason or server.why), Tone.BAD if server.health == "down" else Tone.FAINT
        if server.override is not None:
            tell = words.overridden if self.columns.apart else words.briefly
            said = tell(server.override, self.now), Tone.WARN
        if troubled and not self.columns.apart:
            yield self._fill(*said)
            return
        latency, trail = words.milliseconds(server.latency), self.trails.get((service.name, server.endpoint), ())
        yield self.glyphs.fit(latency, self.columns.latency, right=True) + " ", Tone.PLAIN
        left = self.columns.rest - self.columns.latency - 1
        if self.columns.trail:
            drawn = spark(trail, self.columns.trail, self.glyphs)
            blank = " " * (self.columns.trail - cells(drawn) + 1)
            yield blank[1:] + drawn + " ", Tone.GOOD
            left -= self.columns.trail + 1
        code = said[0] if cells(said[0]) <= left else said[0].partition(" ")[0]
        yield self.glyphs.cut(said[0] if self.columns.apart else code, max(left, 0)), said[1]

    def _fixed(self, name: str, state: Span, weight: str, load: Span, connections: str) -> list[Span]:
        """The columns up to the last; those of no width are left out."""
        wanted = (
            ((name, Tone.PLAIN), self.columns.name, False),
            (state, self.columns.state, False),
            ((weight, Tone.PLAIN), self.columns.weight, True),
            (load, self.columns.bar, False),
            ((connections, Tone.PLAIN), self.columns.connections, True),
        )
        return [(self.glyphs.fit(text, cut, right=right) + " ", tone) for (text, tone), cut, right in wanted if cut]

    def _fill(self, text: str, tone: Tone) -> Span:
        return self.glyphs.cut(text, self.columns.rest), tone
