"""A town with real servers, the installed daemon and a crowd: what the demo and the tests play on."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lvsctl.cli import client
from lvsctl.errors import DaemonUnreachable
from tests.e2e.crowd import Crowd
from tests.e2e.netns import Town, inside

WEBSERVER = Path(__file__).with_name("webserver.py")
LVSCTL = str(Path(sys.executable).with_name("lvsctl"))


def _dotted(digits: str) -> str:
    return str(IPv4Address(bytes.fromhex(digits)))


class Stage:
    """Everything that runs in a town. folder: where sockets, state, logs and sickness marks go."""

    def __init__(self, town: Town, *, folder: Path, config: Path) -> None:
        self.town = town
        self.config = config
        self.crowd = Crowd(town)
        self.daemon: subprocess.Popen[str] | None = None
        self._servers: dict[str, subprocess.Popen[str]] = {}
        self._marks = folder  # where the web servers look whether they are sick
        self.move_to(folder)

    def move_to(self, folder: Path) -> None:
        """Socket, state and log of the next daemon go to another folder."""
        self.folder = folder
        self.log = folder / "lvsctl.log"

    # --- real servers -------------------------------------------------------------------------------------------

    def start_servers(self, addresses: Sequence[str]) -> None:
        """Start one web server per address, all at once, wait until each listens on its own address and the VIP."""
        for address in addresses:
            command = [sys.executable, "-S", str(WEBSERVER), address, address, self.town.plan.vip]
            self._servers[address] = self.town.start(
                self.town.server(address), command, stdout=subprocess.PIPE, cwd=self._marks
            )
        for address in addresses:
            out = self._servers[address].stdout
            if out is None or out.readline() != "listening\n":
                raise RuntimeError(f"the web server on {address} did not start")

    def serves(self, address: str) -> bool:
        return address in self._servers

    @contextlib.contextmanager
    def sick(self, address: str) -> Iterator[None]:
        """The server goes on, and answers /healthz with 503."""
        mark = self._marks / f"{address}.sick"
        mark.touch()
        yield
        mark.unlink()

    def kill_server(self, address: str) -> None:
        server = self._servers.pop(address)
        server.kill()
        server.communicate()

    # --- the daemon ---------------------------------------------------------------------------------------------

    @property
    def where(self) -> list[str]:
        return ["--socket", str(self.folder / "lvsctl.sock")]

    def start_daemon(self) -> None:
        command = [LVSCTL, "run", "-c", str(self.config), *self.where, "--state-dir", str(self.folder / "state")]
        with self.log.open("a") as log:
            self.daemon = self.town.start(self.town.director, command, stderr=log, cwd=self.folder)

    def stop_daemon(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the daemon; its exit status."""
        assert self.daemon is not None
        self.daemon.send_signal(number)
        status = self.daemon.wait(30)
        self.daemon = None
        return status

    def end_daemon(self) -> None:
        """Kill the daemon if it runs."""
        if self.daemon is not None:
            self.stop_daemon(signal.SIGKILL)

    def lvsctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the installed lvsctl on the director."""
        return self.on_director([LVSCTL, *arguments])

    def status(self) -> dict[str, Any]:
        """What `lvsctl status -o json` prints, asked without a program that takes a second to start; {}: no daemon."""
        try:
            return client.ask(self.where[1], "GET", "/v1/status").body
        except DaemonUnreachable:
            return {}

    # --- the kernel, seen by somebody else ----------------------------------------------------------------------

    def on_director(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        with inside(self.town.director):
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def ipvsadm(self, *arguments: str) -> str:
        done = self.on_director(["ipvsadm", *arguments])
        if done.returncode != 0:
            raise RuntimeError(f"ipvsadm {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def connections(self) -> dict[str, tuple[int, int, int]]:
        """Real server (IPv4) -> (weight, active, inactive), as `ipvsadm -L -n` has them; from the kernel's own file."""
        with inside(self.town.director):
            table = Path("/proc/thread-self/net/ip_vs").read_text()
        rows = [line.split() for line in table.splitlines() if line.startswith("  -> ")][1:]
        return {_dotted(row[1].partition(":")[0]): (int(row[3]), int(row[4]), int(row[5])) for row in rows}

    # --- time and the end ---------------------------------------------------------------------------------------

    def wait(self, what: str, until: Callable[[], bool], *, seconds: float = 30) -> float:
        """Look again and again until `until` holds; the seconds that it took. Raises after `seconds`."""
        began = time.monotonic()
        while not until():
            if self.daemon is not None and self.daemon.poll() is not None:
                raise RuntimeError(f"the daemon ended ({self.daemon.returncode}):\n{self.log.read_text()}")
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"waited {seconds:.0f} s in vain: {what}\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)
        return time.monotonic() - began

    def clear(self) -> None:
        """End everything that was started."""
        self.crowd.leave()
        for server in list(self._servers):
            self.kill_server(server)
        self.end_daemon()
