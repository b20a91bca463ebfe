"""Takes conf.d as it is now: all of it, or nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from lvsctl.config.load import Loaded, load
from lvsctl.daemon.systemd import notify
from lvsctl.errors import ConfigError, LvsctlError
from lvsctl.events import Reloaded, ReloadRefused
from lvsctl.model import Problem

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon

log = structlog.get_logger("lvsctl")


@dataclass(slots=True)
class LastLoad:
    """What the control socket tells of the configuration in force and of the newest attempt to replace it."""

    at: float
    ok: bool = True
    problems: tuple[Problem, ...] = field(default=())


class Loading:
    """One reload after the other. last: how the newest ended."""

    def __init__(self, daemon: Daemon, loaded: Loaded) -> None:
        """loaded: what the daemon starts with."""
        self.last = LastLoad(at=daemon.started, problems=loaded.warnings)
        self._daemon = daemon
        self._turn = asyncio.Lock()

    async def reload(self) -> tuple[Problem, ...]:
        """Take conf.d as it is now; returns its warnings. With an LvsctlError, which is logged, nothing has changed."""
        daemon = self._daemon
        async with self._turn:
            if daemon.ready:  # else the manager waits for the first complete round still
                notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                loaded = await asyncio.to_thread(load, daemon.config, daemon.kinds)
                await self._take(loaded)
            except LvsctlError as error:
                self._keep(error)
                raise
            finally:
                if daemon.ready:
                    notify("READY=1")
            return loaded.warnings

    def _keep(self, error: LvsctlError) -> None:
        """The configuration in force goes on."""
        here = Problem(str(self._daemon.config), 0, 0, "", str(error))
        problems = error.problems if isinstance(error, ConfigError) else (here,)
        self.last.ok, self.last.problems = False, problems
        self._daemon.metrics.loaded(ok=False, at=time.time())
        self._daemon.tell(ReloadRefused(problems))
        for problem in problems:
            log.error("not reloaded", problem=str(problem))

    async def _take(self, loaded: Loaded) -> None:
        daemon, spec = self._daemon, loaded.spec
        missing = await daemon.lookout.missing(spec)
        table = await daemon.ipvs.read()
        await daemon.listeners.take(spec.metrics.listen)
        try:
            await daemon.alerts.take(spec.alerting)  # last of all that can be refused
        except LvsctlError:
            await daemon.listeners.take(daemon.world.spec.metrics.listen)
            raise
        if daemon.stopping:  # the runner is closed, or is about to be
            raise LvsctlError("the daemon is stopping: conf.d is read again when it starts")
        daemon.world.replace(spec, table=table, missing=missing)  # all at once: a round may be waiting
        daemon.runner.keep(spec.questions)
        daemon.metrics.keep(spec.services)
        self.last = LastLoad(at=time.time(), problems=loaded.warnings)
        daemon.metrics.loaded(ok=True, at=self.last.at)
        for problem in loaded.warnings:
            log.warning("conf.d", problem=str(problem))
        daemon.tell(Reloaded(len(spec.services), len(spec.questions), loaded.warnings))
        daemon.overrides.say_idle(spec)
        await daemon.pairing.take(spec.pair)
        await daemon.peer.take(spec.pair)
