"""What a director runs, to be started, killed and frozen: Debian's keepalived or lvsctl, both configured alike.

Either does VRRP, keeps the same IPVS table with the same checks, and copies connections to the other director.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.directors.town import PORT, VIP, Host, Town

LVSCTL: Final = str(Path(sys.executable).with_name("lvsctl"))
STARTING: Final = 60.0
"""Seconds that a program may take to start on a busy machine."""
VRID: Final = 51
PRIORITY: Final = {"a": 150, "b": 100}


@dataclass(frozen=True, slots=True)
class Setup:
    """interval: seconds between adverts. delay: before the stronger one, when it is back, takes over again.

    lvsctl alone - idle: only the active one keeps a table. peers: the directors ask one another what they see. more:
    lines of `pair:`, as they stand.
    """

    interval: float = 1.0
    preempt: bool = True
    delay: float = 0.0
    idle: bool = False
    peers: bool = False
    more: tuple[str, ...] = ()

    def skew(self, host: Host) -> float:
        """Seconds that this director waits longer than three intervals (RFC 9568, section 6.1)."""
        return (256 - PRIORITY[host.name]) / 256 * self.interval

    def bound(self, host: Host) -> float:
        """Seconds after which it takes over from one that fell silent (there, Active_Down_Interval)."""
        return 3 * self.interval + self.skew(host)


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


class Stack:
    """All that one director runs. folder: of its own, for files; log: what it says."""

    name = ""

    def __init__(self, town: Town, host: Host, folder: Path, setup: Setup) -> None:
        self.town = town
        self.host = host
        self.setup = setup
        self.folder = folder / self.name / host.name
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self.process: subprocess.Popen[str] | None = None
        self.configure()

    def configure(self) -> None:
        """Write its configuration, as `setup` has it now."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        assert self.process is None, "it runs"
        with self.log.open("a") as log:
            self.process = self.town.start(self.host, self.command(), stdout=log, stderr=log, cwd=self.folder)

    def processes(self) -> list[int]:
        """Process ids: what the first has started, and the first, so that no child sees it go before itself."""
        assert self.process is not None
        return [*_children(self.process.pid), self.process.pid]

    def signal(self, number: signal.Signals) -> float:
        """To all of its processes at once. When."""
        ids = self.processes()
        now = time.monotonic()
        for one in ids:
            os.kill(one, number)
        return now

    def kill(self) -> float:
        """SIGKILL, as when the machine dies: nothing is cleaned up. When."""
        assert self.process is not None
        now = time.monotonic()
        self.process.send_signal(signal.SIGSTOP)  # or it might start anew what is killed before it
        self.signal(signal.SIGKILL)
        self._ended()
        return now

    def terminate(self) -> float:
        """SIGTERM to the first process. When; who wants it to be over calls `wait`."""
        assert self.process is not None
        now = time.monotonic()
        self.process.terminate()
        return now

    def wait(self) -> int:
        """Until it has ended by itself; its exit status."""
        assert self.process is not None
        return self._ended()

    def _ended(self) -> int:
        assert self.process is not None
        status = self.process.wait(STARTING)
        self.process = None
        return status

    def clear(self) -> None:
        """End it, whatever its state."""
        if self.process is not None:
            self.kill()

    def says(self) -> str:
        """The end of its log, for a failed test."""
        return f"--- {self.name} on {self.host.name}:\n{self.log.read_text()[-4000:] if self.log.exists() else ''}"


class Keepalived(Stack):
    """VRRP, table, checks and sync daemon by keepalived."""

    name = "keepalived"

    def configure(self) -> None:
        setup = self.setup
        instance = [
            "state BACKUP",
            "interface eth0",
            f"virtual_router_id {VRID}",
            f"priority {PRIORITY[self.host.name]}",
            "version 3",
            f"advert_int {setup.interval:g}",
            *([] if setup.preempt else ["nopreempt"]),
            *([f"preempt_delay {setup.delay:g}"] if setup.delay else []),
            f"virtual_ipaddress {{\n{VIP}/32\n}}",
        ]
        checks = [
            f"real_server {server.address} {PORT} {{\nweight 1\nTCP_CHECK {{\nconnect_timeout 2\n}}\n}}"
            for server in self.town.servers
        ]
        service = ["delay_loop 2", "lvs_sched rr", "lvs_method DR", "protocol TCP", *checks]
        text = [
            f"global_defs {{\nrouter_id {self.host.name}\nlvs_sync_daemon eth1 V id 1\n}}",
            "vrrp_instance V {",
            *instance,
            "}",
            f"virtual_server {VIP} {PORT} {{",
            *service,
            "}",
        ]
        (self.folder / "keepalived.conf").write_text("\n".join(text) + "\n")

    def command(self) -> list[str]:
        files = ["--pid", "parent.pid", "--vrrp_pid", "vrrp.pid", "--checkers_pid", "checkers.pid"]
        files = [str(self.folder / word) if word.endswith(".pid") else word for word in files]
        config = str(self.folder / "keepalived.conf")
        return ["keepalived", "--dont-fork", "--no-syslog", "--log-console", "--use-file", config, *files]

    def processes(self) -> list[int]:
        names = ("vrrp.pid", "checkers.pid", "parent.pid")
        return [int((self.folder / name).read_text()) for name in names]


class Lvsctl(Stack):
    """All of it by `lvsctl run`."""

    name = "lvsctl"

    @property
    def where(self) -> list[str]:
        return ["--socket", str(self.folder / "lvsctl.sock")]

    def configure(self) -> None:
        setup = self.setup
        servers = ", ".join(f'"{server.address}:{PORT}"' for server in self.town.servers)
        text = f"""
global: {{period: 1s}}
defaults:
  check: {{tcp: {{}}, interval: 2s, timeout: 2s}}
services:
  shop:
    address: {VIP}:{PORT}
    scheduler: rr
    forward: route
    servers: [{servers}]
pair:
  standby: {"idle" if setup.idle else "program"}
  instances:
    web:
      interface: eth0
      vrid: {VRID}
      priority: {PRIORITY[self.host.name]}
      interval: {setup.interval * 1000:.0f}ms
      addresses: ["{VIP}/32"]
      preempt: {str(setup.preempt).lower()}
      preempt_delay: {setup.delay:g}s
  sync: {{interface: eth1, id: 1}}
"""
        lines = [*([self._peer()] if setup.peers else []), *setup.more]
        config = self.folder / "conf.d"
        config.mkdir(exist_ok=True)
        (config / "shop.yaml").write_text(text.lstrip() + "".join(f"  {line}\n" for line in lines))

    def _peer(self) -> str:
        key = self.folder.parent / "peer.key"
        key.write_text("a key of forty characters for the two of us\n")
        key.chmod(0o600)
        here, there = self.host.sync, self.town.other(self.host).sync
        return f'peer: {{address: "{there}", listen: "{here}", key: "${{file:{key}}}"}}'

    def command(self) -> list[str]:
        config = str(self.folder / "conf.d")
        return [LVSCTL, "run", "-c", config, *self.where, "--state-dir", str(self.folder / "state")]

    def lvsctl(self, *arguments: str) -> str:
        """Run a command of it on this director. Raises if it fails."""
        return self.town.ask(self.host, LVSCTL, *arguments, *self.where)


STACKS: Final[dict[str, type[Stack]]] = {"keepalived": Keepalived, "lvsctl": Lvsctl}


def waited(what: str, holds: Callable[[], bool], *stacks: Stack, within: float = STARTING) -> None:
    """Until it holds. Raises with what the directors have said."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "\n".join([f"in vain: {what}", *(stack.says() for stack in stacks)])
        time.sleep(0.1)  # each look starts programs
