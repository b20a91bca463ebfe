"""An hour in the life of a director, minute by minute, and what everybody made of it.

In the lab's kernels in which time travels it is an hour of theirs and a minute of ours: nothing is compressed, all
timings are those that a site may have.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.netns import Plan, Town, inside
from tests.e2e.stage import LVSCTL, Stage

PORT = 9099
RECEIVER = Path(__file__).with_name("receiver.py")
CONF = Path(__file__).with_name("conf.yaml")
SHOP = ("192.0.2.21", "192.0.2.22", "192.0.2.23")
SPILLOVER = "192.0.2.13"
OTHERS = ("192.0.2.31", "192.0.2.32", "192.0.2.41", "192.0.2.42", "192.0.2.51", "192.0.2.52")

Json = dict[str, Any]


@dataclass(slots=True)
class Hour:
    """What was seen of it. sent: each message that reached the receiver. drained: exit status of `drain --wait`.

    burst, transitions: messages of the burst after the hour, and how many servers went up or down in it.
    """

    began: float
    sent: list[Json] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    restarted: float = 0.0
    drained: int = -1
    drain_took: float = 0.0
    took: Counter[str] = field(default_factory=Counter)
    burst: list[Json] = field(default_factory=list)
    transitions: int = 0


class Script:
    """The stage, the receiver of alerts, and what is done when."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.inbox = stage.folder / "oncall.jsonl"
        self.hour = Hour(time.time())
        self._receiver: subprocess.Popen[str] | None = None

    def play(self) -> Hour:
        """The whole hour."""
        self.start_receiver()
        self.start()
        self.at(2, self.rush)
        self.at(10, self.flapping_server)
        self.at(25, self.dead_receiver_and_restart)
        self.at(42, self.drain)
        self.at(48, self.lost_link)
        self.at(60, self.look)
        self.burst()
        return self.hour

    def at(self, minute: float, scene: Any) -> None:
        left = self.hour.began + minute * 60 - time.time()
        assert left > 0, f"{scene.__name__} is {-left:.0f} s late"
        time.sleep(left)
        scene()

    # --- the scenes -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        os.environ["ONCALL_URL"] = f"http://127.0.0.1:{PORT}/lvsctl"
        self.stage.start_daemon()
        self.stage.wait("ready", lambda: self.stage.status().get("ready") is True)

    def rush(self) -> None:
        """Four clients more than the service pool holds; they stay three minutes."""
        self.hour.took = self.stage.crowd.arrive(16)
        time.sleep(180)
        self.stage.crowd.leave()

    def flapping_server(self) -> None:
        """Ten times ill for 20 s and well for 40 s."""
        for _ in range(10):
            with self.stage.sick(SHOP[0]):
                time.sleep(20)
            time.sleep(40)

    def dead_receiver_and_restart(self) -> None:
        """Ten minutes without a receiver; a service loses one server, then the other, and lvsctl is killed."""
        self.end_receiver()
        with self.stage.sick(OTHERS[0]):
            time.sleep(120)
            with self.stage.sick(OTHERS[1]):
                time.sleep(120)
                self.stage.end_daemon()
                self.hour.restarted = time.time()
                self.start()
                time.sleep(120)
            time.sleep(240)
            self.start_receiver()
            time.sleep(180)

    def drain(self) -> None:
        """A server with three connections is drained; the clients stay for another minute."""
        stage = self.stage
        stage.crowd.arrive(9)
        began = time.monotonic()
        command = [LVSCTL, "drain", f"shop/{SHOP[1]}", "--reason", "new memory", "--wait", "--timeout", "10m"]
        with inside(stage.town.director):
            draining = subprocess.Popen([*command, *stage.where], stdout=subprocess.DEVNULL)
        time.sleep(60)
        assert draining.poll() is None, "it did not wait for the connections"
        stage.crowd.leave()
        self.hour.drained = draining.wait(300)
        self.hour.drain_took = time.monotonic() - began
        assert stage.connections()[SHOP[1]][0] == 0
        assert stage.lvsctl("enable", f"shop/{SHOP[1]}", *stage.where).returncode == 0
        stage.wait("the server back", lambda: stage.connections()[SHOP[1]][0] > 0)

    def lost_link(self) -> None:
        """For 40 s the director's cable is out."""
        town = self.stage.town
        town.pull_cable(town.director)
        time.sleep(40)
        town.plug_cable(town.director)

    def look(self) -> None:
        """What history and metrics tell at the end."""
        stage = self.stage
        told = stage.lvsctl("history", "-n", "10000", "-o", "json", *stage.where)
        self.hour.history = json.loads(told.stdout)["transitions"]
        self.hour.metrics = self.scrape()
        self.hour.sent = self.read()

    def burst(self) -> None:
        """After the hour: every server ill and well again, over and over, 300 transitions in all at the least."""
        before, counted = len(self.read()), self.transitions()
        ill = [*SHOP, SPILLOVER, *OTHERS]
        for _ in range(16):
            with contextlib.ExitStack() as all_of_them:
                for address in ill:
                    all_of_them.enter_context(self.stage.sick(address))
                time.sleep(10)
            time.sleep(10)
        time.sleep(900)
        self.hour.burst = self.read()[before:]
        self.hour.transitions = self.transitions() - counted

    def transitions(self) -> int:
        """How many the log tells of."""
        log = self.stage.log.read_text()
        return log.count("server is down") + log.count("server is up")

    # --- the receiver ---------------------------------------------------------------------------------------------

    def start_receiver(self) -> None:
        command = [sys.executable, "-S", str(RECEIVER), str(PORT), str(self.inbox)]
        self._receiver = self.stage.town.start(self.stage.town.director, command, stdout=subprocess.PIPE)
        assert self._receiver.stdout is not None
        assert self._receiver.stdout.readline() == "listening\n"

    def end_receiver(self) -> None:
        if self._receiver is not None:
            self._receiver.kill()
            self._receiver.communicate()
            self._receiver = None

    def read(self) -> list[Json]:
        return [json.loads(line) for line in self.inbox.read_text().splitlines()] if self.inbox.exists() else []

    def scrape(self) -> dict[str, float]:
        """Sample -> value, as on the control socket."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self.stage.folder / "lvsctl.sock"))
            asking.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: asking.recv(65536), b"")).decode()
        lines = [line for line in answer.partition("\r\n\r\n")[2].splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Script]:
    """Town, servers and receiver of the hour; all is ended after it."""
    plan = Plan(network="192.0.2", vip="192.0.2.20", servers=[*SHOP, SPILLOVER, *OTHERS])
    with Town(plan).standing() as town:
        config = folder / "conf.d"
        config.mkdir()
        (config / "hour.yaml").write_text(CONF.read_text())
        stage = Stage(town, folder=folder, config=config)
        script = Script(stage)
        try:
            stage.start_servers(plan.servers)
            yield script
        finally:
            script.end_receiver()
            stage.clear()
