"""The two kinds of director, as programs on their hosts that are started, stopped, killed and frozen alike."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from lvsctl.model import Instance
from tests.e2e.netns import inside
from tests.pair.configured import configuration
from tests.pair.stage import Director


class Router(Protocol):
    """instances: as configured."""

    instances: Sequence[Instance]

    def start(self) -> None: ...

    def signal(self, number: signal.Signals) -> None:
        """To all processes that it has."""

    def end(self) -> None:
        """Waits until it has ended, as it was told to; all that it leaves behind is on the host."""

    def close(self) -> None:
        """Killed, if it is still there."""

    def told(self) -> str:
        """What it has to say of it all, for whoever has to find out what went wrong."""


class Lvsctl:
    """The speaker of lvsctl (tests.pair.director)."""

    def __init__(self, host: str, instances: Sequence[Instance]) -> None:
        self.instances = instances
        self._host = host
        self._lives: list[Director] = []

    def start(self) -> None:
        self._lives.append(Director(self._host, *self.instances))

    def signal(self, number: signal.Signals) -> None:
        self._lives[-1].process.send_signal(number)

    def end(self) -> None:
        self._lives[-1].process.wait(60)

    def close(self) -> None:
        for life in self._lives:
            life.process.kill()
            life.process.wait(60)
            life.close()

    def told(self) -> str:
        return "\n".join(line for life in self._lives for line in life.lines)


class Keepalived:
    """Debian's. Its files are in folder."""

    def __init__(self, host: str, instances: Sequence[Instance], folder: Path) -> None:
        self.instances = instances
        self._host = host
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        (self._folder / "keepalived.conf").write_text(configuration(self.instances))
        command = ["keepalived", "--vrrp", "--dont-fork", "--log-console", "--no-syslog"]
        for option, name in {"use-file": "keepalived.conf", "pid": "pid", "vrrp_pid": "vrrp.pid"}.items():
            command += [f"--{option}", str(self._folder / name)]
        with inside(self._host), (self._folder / "log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def signal(self, number: signal.Signals) -> None:
        """To both of its processes, but it ends when the first one is told to.

        The one that speaks VRRP is its child: the first would start another one, and does not while it is stopped.
        """
        first, child = (int((self._folder / name).read_text()) for name in ("pid", "vrrp.pid"))
        if number is signal.SIGKILL:
            os.kill(first, signal.SIGSTOP)
        if number is not signal.SIGTERM:
            os.kill(child, number)
        os.kill(first, number)

    def end(self) -> None:
        assert self._process is not None
        self._process.wait(60)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGKILL)
            self.end()

    def told(self) -> str:
        return (self._folder / "log").read_text()
