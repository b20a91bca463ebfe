"""What the engine of the alerts remembers, as a file of the state directory: `alerts.json`."""

from __future__ import annotations

import json
from pathlib import Path

import structlog

from lvsctl.daemon.state import write_down
from lvsctl.decide.alerting.state import State
from lvsctl.decide.alerting.written import state_from_json, state_json
from lvsctl.errors import LvsctlError
from lvsctl.notify.disk import Disk

log = structlog.get_logger("lvsctl")


class AlertFile:
    """The file. complaint: why what was to be kept last is not on the disk; empty: it is."""

    def __init__(self, path: Path) -> None:
        self.complaint = ""
        self._path = path
        self._disk = Disk()

    def read(self) -> State:
        """What was kept. What cannot be understood is put aside: forgetful is better than not at all."""
        try:
            return state_from_json(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return State()
        except OSError as error:
            log.error("alerts: the file cannot be read, what was told before is forgotten", error=error.strerror)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            log.error("alerts: the file is damaged, what was told before is forgotten", **self._put_aside())
        return State()

    def _put_aside(self) -> dict[str, str]:
        """What is to be said of it. If it cannot be, it will be written over."""
        aside = self._path.with_suffix(".damaged")
        try:
            self._path.replace(aside)
        except OSError as error:
            return {"not_moved": error.strerror or str(error)}
        return {"moved_to": str(aside)}

    async def keep(self, state: State) -> None:
        """Write it down. A disk that is full, or hangs, must not keep anybody from being told: say so, once."""
        complaint = ""
        try:
            await self._disk.do(lambda: write_down(self._path, json.dumps(state_json(state))))
        except LvsctlError as error:
            complaint = str(error)
        except TimeoutError:
            complaint = f"cannot write {self._path}: the disk does not answer"
        if complaint and complaint != self.complaint:
            log.error("alerts: the file cannot be written, a restart would tell again what was told", error=complaint)
        self.complaint = complaint

    def close(self) -> None:
        """Write nothing more."""
        self._disk.close()
