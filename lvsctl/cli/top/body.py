"""One row of the screen: a service, a pool or a server, in columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from lvsctl.cli.top import words
from lvsctl.cli.top.cells import Glyphs, Line, Span, Tone, cells, line
from lvsctl.cli.top.rows import Row, fullness
from lvsctl.cli.top.scene import Trail, Trails
from lvsctl.cli.top.seen import Pool, Server, Service
from lvsctl.cli.top.view import Sort

NEARLY = 0.8  # the share of its threshold at which a bar turns yellow


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells; 0: the column is left out. One more parts each column from the next, and one at the left marks the chosen.

    apart: the last answer has a column of its own; otherwise a server in trouble shows it in place of latencies.
    """

    name: int
    state: int
    weight: int
    bar: int
    connections: int
    latency: int
    trail: int
    rest: int
    apart: bool


def columns(width: int) -> Columns:
    """For 80 columns: an IPv4 address with its port, a bar of 8, some 20 for what was last answered.

    Of what a wider terminal has more, all get a share; a narrower one leaves out trail, bar, weight and connections,
    in this order.
    """
    more = max(width - 80, 0)
    name = min(23 + more // 4, 46) if width >= 60 else max(min(23, width - 16), 4)
    state = 10
    weight = 5 if width >= 54 else 0
    bar = min(8 + more // 6, 20) if width >= 64 else 0
    connections = (11 if width >= 96 else 9) if width >= 44 else 0
    used = 1 + sum(column + 1 for column in (name, state, weight, bar, connections) if column)
    rest = max(width - used, 0)
    latency = 6 if rest >= 6 else 0
    trail = min(max(rest - 14, 0), 6 + more // 5, 24) if width >= 72 else 0
    return Columns(name, state, weight, bar, connections, latency, trail, rest, apart=width >= 110)


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
        if service.state not in words.AS_IT_SHOULD_BE:
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
        name = self._name(server, "    " if len(service.pools) > 1 else "  ")
        fixed = self._fixed(name, words.verdict(server), weight, load, connections)
        return [*fixed, *self._answers(service, server)]

    def _name(self, server: Server, indent: str) -> str:
        """The address, with its name as far as there is room; a long one is cut in its middle."""
        if len(indent) + len(server.endpoint) > self.columns.name:
            return indent[:2] + self.glyphs.squeeze(server.endpoint, self.columns.name - 2)
        return f"{indent}{server.endpoint} {server.name}".rstrip()

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


def bar(count: int, limit: int | None, width: int, glyphs: Glyphs) -> tuple[str, Tone]:
    """`width` cells. Any connection at all shows, and only what is full looks full; blank without a limit."""
    if not limit or width <= 0:
        return " " * max(width, 0), Tone.PLAIN
    filled = min(max(round(width * count / limit), 1 if count else 0), width if count >= limit else width - 1)
    share = count / limit
    tone = Tone.BAD if share >= 1 else Tone.WARN if share >= NEARLY else Tone.GOOD
    return glyphs.full * filled + glyphs.empty * (width - filled), tone


def spark(trail: Trail, width: int, glyphs: Glyphs) -> str:
    """The last `width` polls, one cell each. What is usual stands at half height, so that an outlier stands out and a
    steady server looks steady; the highest fills its cell."""
    shown = trail[-width:] if width > 0 else ()
    known = [latency for latency in shown if latency is not None]
    top = max(2 * median(known), *known, 1e-6) if known else 1.0
    return "".join(glyphs.failed if latency is None else _level(latency / top, glyphs.levels) for latency in shown)


def _level(share: float, levels: str) -> str:
    return levels[min(int(share * len(levels)), len(levels) - 1)]
