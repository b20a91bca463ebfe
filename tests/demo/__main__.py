"""Play the story: a rush, a spill, an end of the rush, a death, a recovery, a repair. Fails if it goes otherwise."""

from __future__ import annotations

import itertools
import sys
import tempfile
import textwrap
import time
from collections import Counter
from pathlib import Path

from tests.e2e.netns import Plan, Town
from tests.e2e.stage import Stage

CONFIG = Path(__file__).parents[2] / "conf.d"
SERVICE = ("192.0.2.21", "192.0.2.22", "192.0.2.23")
SPILLOVER = ("192.0.2.13",)
PLAN = Plan(network="192.0.2", vip="192.0.2.20", servers=[*SERVICE, *SPILLOVER])
ROOM = 150  # three servers with an upper threshold of 50


class Story:
    """The acts, in order: each says what is about to happen, shows that it did, and notes what was seen."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seen: list[str] = []
        self.failed = False
        self._began = time.monotonic()
        self._act = 0

    def say(self, text: str) -> None:
        self._act += 1
        print(f"\n{self._act}. [{time.monotonic() - self._began:2.0f} s] {text}", flush=True)

    def table(self) -> None:
        """The servers, as `lvsctl status` shows them."""
        lines = self.stage.lvsctl("status", "shop", *self.stage.where).stdout.splitlines()
        shown = itertools.takewhile(str.strip, itertools.dropwhile(lambda line: not line.startswith("SERVER"), lines))
        self.show("\n".join(shown))

    @staticmethod
    def show(text: str) -> None:
        print(textwrap.indent(text.rstrip(), "   "), flush=True)

    def note(self, text: str, *, right: bool) -> None:
        self.failed |= not right
        self.seen.append(f"{'yes' if right else 'NO '}  {text}")

    def play(self) -> None:
        self.begin()
        self.rush()
        self.end_of_rush()
        self.death()
        self.recovery()
        self.sabotage()

    def begin(self) -> None:
        self.say("Four web servers are up; lvsctl starts with conf.d and has proven each before it enters the table.")
        self.stage.start_servers([*SERVICE, *SPILLOVER])
        self.stage.start_daemon()
        self.stage.wait("four servers in the table", lambda: len(self.stage.connections()) == len(PLAN.servers))
        self.table()
        print("\n   The same, as ipvsadm -L -n and ipvsadm -L -n --thresholds show it:", flush=True)
        self.show(self.stage.ipvsadm("-L", "-n"))
        self.show(self.stage.ipvsadm("-L", "-n", "--thresholds"))
        rows = self.stage.connections()
        self.note(
            "three servers of weight 5, one of weight 1, all proven first",
            right=[rows[server][0] for server in PLAN.servers] == [5, 5, 5, 1],
        )

    def rush(self) -> None:
        self.say(f"A rush: {ROOM} clients come, each from an address of its own, and stay connected.")
        first = self.stage.crowd.arrive(30)
        in_turn = first == Counter(dict.fromkeys(SERVICE, 10)) or not self.has_hprio()
        self.note(f"the first 30 were served by {told(first)}", right=in_turn)
        first += self.stage.crowd.arrive(ROOM - 30)
        self.table()
        self.note(f"the first {ROOM} were served by {told(first)}", right=set(first) == set(SERVICE))
        self.say("The service pool is full (50 of 50 each). 30 more clients come: the kernel spills at once.")
        more = self.stage.crowd.arrive(30)
        self.table()
        self.note(f"the next 30 were served by {told(more)}", right=more == Counter({SPILLOVER[0]: 30}))
        self.note(f"{self.stage.crowd.refused} of {ROOM + 30} clients were refused", right=not self.stage.crowd.refused)

    def has_hprio(self) -> bool:
        """Else fo stands in for it, which fills one server after the other."""
        return "TCP  192.0.2.20:80 hprio" in self.stage.ipvsadm("-L", "-n")

    def end_of_rush(self) -> None:
        self.say(
            "The rush ends: all hang up. The kernel forgets reset connections after 10 s; below 20 a server has room."
        )
        self.stage.crowd.leave()
        took = self.stage.wait(
            "connections are gone", lambda: not any(a + i for _, a, i in self.stage.connections().values())
        )
        back = self.stage.crowd.arrive(10)
        self.table()
        self.note(
            f"{took:.0f} s after the rush, 10 new clients were served by {told(back)}", right=set(back) <= set(SERVICE)
        )

    def death(self) -> None:
        victim = SERVICE[2]
        self.say(f"The server {victim} is killed. Three failed checks in a row take it out of the table.")
        self.stage.kill_server(victim)
        took = self.stage.wait("the dead server leaves", lambda: victim not in self.stage.connections())
        self.table()
        self.note(f"the dead server left the table {took:.1f} s after it was killed", right=True)

    def recovery(self) -> None:
        victim = SERVICE[2]
        self.say(f"The server {victim} is started again. Two good checks in a row bring it back.")
        self.stage.start_servers([victim])
        took = self.stage.wait("the server returns", lambda: victim in self.stage.connections())
        self.table()
        self.note(f"it came back {took:.1f} s after it was started", right=self.stage.connections()[victim][0] == 5)

    def sabotage(self) -> None:
        victim = SERVICE[0]
        self.say(f"Somebody deletes {victim} behind lvsctl's back: ipvsadm -d -t {PLAN.vip}:80 -r {victim}")
        self.stage.ipvsadm("-d", "-t", f"{PLAN.vip}:80", "-r", f"{victim}:80")
        self.table()
        print("\n   A moment later:", flush=True)
        took = self.stage.wait("the server is restored", lambda: victim in self.stage.connections())
        self.table()
        drift = [line for line in self.stage.log.read_text().splitlines() if "somebody else" in line]
        self.show("\n".join(f"log: {line}" for line in drift))
        self.note(f"what was deleted was restored {took:.1f} s later, and said so in the log", right=bool(drift))


def told(answered: Counter[str]) -> str:
    return ", ".join(f"{server} ({count})" for server, count in sorted(answered.items()))


def main() -> int:
    print("lvsctl on a real IPVS kernel: three servers behind one persistent service, one server for what spills over.")
    print(textwrap.indent((CONFIG / "10-shop.yaml").read_text(), "   | "))
    with tempfile.TemporaryDirectory(prefix="lvsctl-demo-") as folder, Town(PLAN).standing() as town:
        stage = Stage(town, folder=Path(folder), config=CONFIG / "10-shop.yaml")
        story = Story(stage)
        try:
            story.play()
        finally:
            stage.clear()
    print("\nWhat was seen:")
    for line in story.seen:
        print(f"  {line}")
    print("Not everything went as it should." if story.failed else "All as it should be.")
    return 1 if story.failed else 0


if __name__ == "__main__":
    sys.exit(main())
