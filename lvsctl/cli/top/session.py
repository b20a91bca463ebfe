"""One look at a daemon: what was told and what was typed, in order, make the screen."""

from __future__ import annotations

from dataclasses import replace

from lvsctl.cli.top.asker import Answered, Broken, Done, Refused, Report, Unanswered
from lvsctl.cli.top.cells import Glyphs, Line
from lvsctl.cli.top.frame import frame, is_too_small, page
from lvsctl.cli.top.press import press, refused
from lvsctl.cli.top.rows import Row, rows, settle
from lvsctl.cli.top.scene import Scene, answered, unanswered
from lvsctl.cli.top.view import Message, Quit, View, Wish


class Session:
    """Holds the scene and the view; knows neither terminal nor clock. width, height: of the terminal, to be set."""

    def __init__(self, scene: Scene, glyphs: Glyphs, *, width: int = 80, height: int = 24) -> None:
        self.scene, self.view = scene, View()
        self.width, self.height = width, height
        self._glyphs = glyphs
        self._rows: list[Row] = []
        self._made_for: tuple[object, ...] | None = None

    def hear(self, report: Report, now: float) -> None:
        """Raises what is no news but an end: a bug, and that nobody has ever answered."""
        match report:
            case Answered(seen=seen, news=news):
                self.scene = answered(self.scene, seen, news, now)
            case Unanswered(error=error):
                if self.scene.seen is None:
                    raise error
                self.scene = unanswered(self.scene, str(error))
            case Done(text=text, bad=bad):
                self.view = replace(self.view, message=Message(text, bad))
            case Refused(why=why, again=again):
                self.view = refused(self.view, again, why)
            case Broken(error=bug):
                raise bug

    def press(self, key: str, now: float) -> Wish | None:
        """What the operator wishes done now."""
        if is_too_small(self.width, self.height):
            return Quit() if key in ("q", "ctrl-c") else None
        shown = self._settled(now)
        services = len(self.scene.seen.services) if self.scene.seen is not None else 0
        self.view, wish = press(self.view, key, shown, page=self._page(now), services=services, now=now)
        return wish

    def lines(self, now: float) -> tuple[Line, ...]:
        """The screen."""
        shown = self._settled(now)
        return frame(self.scene, self.view, shown, width=self.width, height=self.height, glyphs=self._glyphs, now=now)

    def _page(self, now: float) -> int:
        return page(self.scene, self.view, width=self.width, height=self.height, glyphs=self._glyphs, now=now)

    def _settled(self, now: float) -> list[Row]:
        """The rows are made anew only when something that makes them has changed: there may be ten thousand."""
        view = self.view
        makes = (self.scene.seen, view.sort, view.backwards, view.filter, view.opened, view.turned)
        if self._made_for is None or any(a is not b for a, b in zip(makes, self._made_for, strict=True)):
            self._rows = rows(self.scene.seen, view) if self.scene.seen is not None else []
            self._made_for = makes
        self.view = settle(view, self._rows, self._page(now))
        return self._rows
