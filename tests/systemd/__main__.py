"""`python -m tests.systemd`, as root: the unit under a real systemd, on a kernel with IPVS. Fails if it goes wrong.

A Debian is made in a folder (with debootstrap, once) and booted in user-mode-linux. What the unit forbids shows there
alone: the tests run lvsctl under its capabilities and its filter of system calls, but in no sandbox of systemd's.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.lab import process, uml
from tests.lab.source import CannotBuildError
from tests.systemd.debian import CannotInstall, installed

TIMEOUT = 600.0  # seconds
MEMORY = "2048M"
INSTANCES = ("masked4", "masked6", "web4", "web6")
ADDRESSES = {"192.0.2.100", "fe80::100", "2001:db8::100", "192.0.2.101", "fe80::101", "2001:db8::101"}
SERVER = "192.0.2.1:80"
NO_CAPABILITY = "0" * 16
WRONG = re.compile(r"not permitted|permission denied|read-only|killed|cannot|traceback", re.IGNORECASE)


class Seen:
    """What the story left, and what it says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.failed = False

    def of(self, point: str) -> str:
        return (self._folder / point).read_text()

    def note(self, text: str, *, right: bool) -> None:
        self.failed |= not right
        print(f"{'yes' if right else 'NO '}  {text}")

    def at_work(self, point: str, *, restarts: int = 0) -> bool:
        """Whether the unit is active after so many restarts of systemd's, and this director with all addresses."""
        told = self.of(point)
        unit = {"ActiveState=active", f"NRestarts={restarts}"} <= set(told.splitlines())
        roles = re.findall(r'"role": "active"', told)  # the director's and each instance's, as `pair status` has them
        return unit and len(roles) == 1 + len(INSTANCES) and self.addresses(point) >= ADDRESSES

    def has_role(self, point: str, role: str) -> bool:
        """Whether the unit is active, and this director, of one instance, has the role."""
        told = self.of(point)
        return "ActiveState=active" in told.splitlines() and told.count(f'"role": "{role}"') == 2  # its instance's, too

    def addresses(self, point: str) -> set[str]:
        return set(re.findall(r" inet6? ([^/ ]+)", self.of(point)))

    def weight(self, point: str) -> str | None:
        """Of SERVER in the table."""
        row = re.search(rf"-> {re.escape(SERVER)} +\w+ +(\d+)", self.of(point))
        return row and row[1]

    def hooks(self, point: str) -> list[list[str]]:
        """Instance, state, user and capabilities of each that has run, in order."""
        return [line.split() for line in self.of(point).splitlines() if line.startswith(INSTANCES)]


def main() -> int:
    try:
        root = installed()
        _boot(root)
    except (CannotInstall, CannotBuildError) as problem:
        print(f"tests.systemd: {problem}", file=sys.stderr)
        return 1
    story = root / "story"
    if not (story / "end").exists():
        print(f"tests.systemd: the guest did not come to the end of its story: see {story}", file=sys.stderr)
        return 1
    seen = Seen(story)
    judge(seen)
    print("All as it should be." if not seen.failed else f"Something is wrong: see {story}")
    return int(seen.failed)


def _boot(root: Path) -> None:
    shutil.rmtree(root / "story", ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="lvsctl-systemd-") as scratch:
        folder = Path(scratch) / "root"
        folder.symlink_to(root)  # a kernel's command line cannot hold the spaces of a path
        arguments = [
            "root=/dev/root", "rootfstype=hostfs", f"hostfs={folder}", "rw", f"mem={MEMORY}",
            "init=/lib/systemd/systemd", "con=null", "con0=fd:0,fd:1", "quiet",
        ]  # fmt: skip
        with process.running([uml.kernel(None).program, *arguments], timeout=TIMEOUT) as (guest, _):
            assert guest.stdout is not None
            guest.stdout.read()


def judge(seen: Seen) -> None:
    seen.note("the daemon starts, and is active with all addresses", right=seen.at_work("started"))
    seen.note("an exec check has brought the servers into the table", right=seen.weight("started") == "1")
    seen.note("the socket is the group's", right=seen.of("socket").split() == ["660", "lvsctl", "lvsctl"])
    seen.note("virtual MACs hear no routers", right=seen.of("routers").split() == ["0", "0"])
    seen.note("`systemctl reload` takes nothing away", right=seen.at_work("reloaded") and not seen.of("reload"))
    seen.note("a drained server is drained, over it, too", right=seen.weight("reloaded") == "0")
    seen.note("`systemctl restart` brings all back", right=seen.at_work("restarted"))
    seen.note("systemd brings it back after kill -9", right=seen.at_work("killed", restarts=1))
    seen.note("the order has outlived both", right="cabling" in seen.of("overrides") and seen.weight("killed") == "0")
    bare = "ActiveState=inactive" in seen.of("stopped") and not seen.addresses("stopped") & ADDRESSES
    seen.note(
        "`systemctl stop` takes the addresses off, and leaves the table", right=bare and seen.weight("stopped") == "0"
    )
    ran = seen.hooks("stopped")
    states = ["MASTER", "STOP", "MASTER", "MASTER", "STOP"]
    whole = [(name, state) for state in states for name in INSTANCES]
    told = [(name, state) for turn in _turns(ran) for name, state, *_ in sorted(turn)]
    seen.note(f"{len(ran)} hooks ran to their ends, while it was stopped, too", right=told == whole)
    alone = all(hook[2:] == ["lvsctl", NO_CAPABILITY] for hook in ran)
    seen.note("they ran as lvsctl's user, without any capability", right=alone)
    seen.note("a keepalived that was there first says the role", right=seen.has_role("beside", "active"))
    seen.note("it is heard after lvsctl was stopped and started", right=seen.has_role("fault", "fault"))
    bad = [line for line in seen.of("journal").splitlines() if WRONG.search(line) and "status=9/KILL" not in line]
    seen.note(f"the journal tells of nothing that was forbidden {bad or ''}", right=not bad)


def _turns(hooks: list[list[str]]) -> list[list[list[str]]]:
    """Those of one transition each: their order is nobody's business."""
    return [hooks[at : at + len(INSTANCES)] for at in range(0, len(hooks), len(INSTANCES))]


if __name__ == "__main__":
    sys.exit(main())
