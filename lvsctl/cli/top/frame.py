"""The whole screen: header, remarks, rows, what is known of the chosen one, events, and the line for keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lvsctl.cli.columns import counted
from lvsctl.cli.top import words
from lvsctl.cli.top.body import Pen
from lvsctl.cli.top.cells import Glyphs, Line, Span, Tone, cells, line
from lvsctl.cli.top.detail import detail
from lvsctl.cli.top.foot import HELP, foot
from lvsctl.cli.top.rows import Row
from lvsctl.cli.top.scene import Scene
from lvsctl.cli.top.view import Helping, View

SMALLEST = (24, 5)
"""Cells and lines, below which nothing of use can be shown, and no key but those that quit may do anything."""

PATIENCE = 3.0
"""Seconds that an answer may take before it is said to be missing."""

_ROLES = {"active": Tone.GOOD, "standby": Tone.PLAIN, "fault": Tone.BAD}


def is_too_small(width: int, height: int) -> bool:
    """Whether the operator would not see what he does."""
    return width < SMALLEST[0] or height < SMALLEST[1]


def page(scene: Scene, view: View, *, width: int, height: int, glyphs: Glyphs, now: float) -> int:
    """How many rows there is room for."""
    return _Page(scene, view, width, height, glyphs, now=now).rows


def frame(
    scene: Scene, view: View, shown: Sequence[Row], *, width: int, height: int, glyphs: Glyphs, now: float
) -> tuple[Line, ...]:
    """Exactly `height` lines of exactly `width` cells. view: settled on the rows for this size. now: Unix time."""
    if is_too_small(width, height):
        return _filled([line(glyphs, width, [(f"at least {SMALLEST[0]}x{SMALLEST[1]}", Tone.BAD)])], width, height)
    if isinstance(view.mode, Helping):
        help_ = HELP if len(HELP) < height else [text for text in HELP if text]
        lines = [line(glyphs, width, [(text, Tone.PLAIN)]) for text in help_[: height - 1]]
        return (*_filled(lines, width, height - 1), line(glyphs, width, [("any key: back", Tone.STRONG)]))
    return _Page(scene, view, width, height, glyphs, now=now).lines(shown)


def _filled(lines: list[Line], width: int, height: int) -> tuple[Line, ...]:
    return (*lines, *[Line(((" " * width, Tone.PLAIN),))] * (height - len(lines)))[:height]


class _Page:
    """What goes where. The rows get what the other parts leave, and these give way on a low screen."""

    def __init__(self, scene: Scene, view: View, width: int, height: int, glyphs: Glyphs, *, now: float) -> None:
        self.scene, self.view, self.width, self.height, self.glyphs = scene, view, width, height, glyphs
        self.now = now
        most = 3 if height >= 20 else 2 if height >= 16 else 1
        self.remarks = [part for said in self._remarks() for part in glyphs.wrap(said, width, min(most, 2))][:most]
        self.foot = foot(view, width, glyphs, most=min(4, height - 3 - len(self.remarks)))  # a row stays to be seen
        spare = height - 2 - len(self.foot) - len(self.remarks)
        self.details = 3 if spare >= 12 else 2 if spare >= 6 else 0
        tells = bool(scene.happened)
        self.events = min(4 + (height - 24) // 4, 10) if tells and spare >= 15 else 3 if tells and spare >= 11 else 0
        self.rows = max(spare - self.details - self.events, 1)

    def lines(self, shown: Sequence[Row]) -> tuple[Line, ...]:
        pen = Pen(self.glyphs, self.width, trails=self.scene.trails or {}, now=self.now)
        top, at = self.view.top, self.view.at
        visible = enumerate(shown[top : top + self.rows], top)
        body = [pen.row(row, chosen=index == at) for index, row in visible] or [self._nothing()]
        above = [self._header(), *self._told(), pen.heading(self.view.sort, backwards=self.view.backwards)]
        middle = _filled(body, self.width, self.rows)
        below = [*self._detail(shown), *self._happenings(), *self.foot]
        return _filled([*above, *middle, *below], self.width, self.height)

    def _nothing(self) -> Line:
        if self.scene.seen is None:
            text = "waiting for the daemon's answer"
        elif self.view.filter:
            text = f"nothing matches `{self.view.filter}` (Esc shows all)"
        else:
            text = "the configuration has no services"
        return line(self.glyphs, self.width, [(f"  {text}", Tone.WARN)])

    def _header(self) -> Line:
        clock = words.clock(self.now, self.scene.zone)
        left = line(self.glyphs, self.width - cells(clock) - 1, self._summary())
        return Line((*left.spans, (f" {clock}", Tone.FAINT)))

    def _summary(self) -> Iterator[Span]:
        """Counts, those of trouble first: what is cut off a narrow screen is the version."""
        yield self.scene.host, Tone.STRONG
        seen = self.scene.seen
        if seen is None:
            return
        servers = [server for service in seen.services for pool in service.pools for server in pool.servers]
        down = sum(server.health == "down" for server in servers)
        said = sum(server.override is not None for server in servers)
        spills = sum(service.spill.active for service in seen.services)
        dead = sum(words.gravity(service) >= 6 for service in seen.services)
        if seen.role:
            yield f"  {seen.role}", _ROLES.get(seen.role, Tone.WARN)
        yield f"  {counted(len(seen.services), 'service')}", Tone.PLAIN
        if dead:
            yield f" {dead} DOWN", Tone.BAD
        if spills:
            yield f" {spills} spilling", Tone.WARN
        yield f"  {counted(len(servers), 'server')}", Tone.PLAIN
        if down:
            yield f" {down} DOWN", Tone.BAD
        if said:
            yield f" {counted(said, 'override')}", Tone.WARN
        yield f"  lvsctl {seen.version}", Tone.FAINT

    def _remarks(self) -> list[str]:
        """That the daemon is silent comes first: then everything else is old."""
        if self.scene.seen is None or self.scene.answered is None:
            return []
        silent = self.now - self.scene.answered
        failure = self.scene.failure or ("still waiting" if silent > self.scene.interval + PATIENCE else "")
        if not failure:
            return [*self.scene.seen.remarks]
        return [f"NO ANSWER for {words.span(silent)}, this is old: {failure}", *self.scene.seen.remarks]

    def _told(self) -> Iterator[Line]:
        for remark in self.remarks:
            yield line(self.glyphs, self.width, [(remark, Tone.BAD)])

    def _detail(self, shown: Sequence[Row]) -> list[Line]:
        if not self.details:
            return []
        row = shown[self.view.at] if shown else None
        title, text, tone = detail(row, self.now, self.scene.zone) if row is not None else ("", "", Tone.PLAIN)
        wrapped = self.glyphs.wrap(text, self.width - 1, self.details - 1)
        lines = [line(self.glyphs, self.width, [(f" {part}", tone)]) for part in wrapped]
        return [self._rule(title), *_filled(lines, self.width, self.details - 1)]

    def _happenings(self) -> list[Line]:
        if not self.events:
            return []
        newest = [one for one in reversed(self.scene.happened or ()) if words.tellable(one)][: self.events - 1]
        lines = list[Line]()
        for one in newest:
            text, tone = words.told(one)
            lines.append(
                line(self.glyphs, self.width, [(f" {words.clock(one.at, self.scene.zone)} ", Tone.FAINT), (text, tone)])
            )
        return [self._rule("events, newest first"), *_filled(lines, self.width, self.events - 1)]

    def _rule(self, title: str) -> Line:
        title = self.glyphs.squeeze(title, self.width - 4)
        text = f"{self.glyphs.rule}{f' {title} ' if title else ''}"
        return line(self.glyphs, self.width, [(text + self.glyphs.rule * (self.width - cells(text)), Tone.FAINT)])
