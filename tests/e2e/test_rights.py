"""The whole daemon of a pair as its unit starts it: not root, with CAP_NET_ADMIN and CAP_NET_RAW and nothing else.

It makes no system call that the unit forbids: it would be killed.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.netns import inside
from tests.kernel.cable import shown
from tests.kernel.privileges import CAP_NET_ADMIN, CAP_NET_RAW
from tests.pair.stage import STARTING, waited
from tests.pair.wire import cable, hosts

CONFINED = Path(__file__).with_name("confined")
LVSCTL = Path(sys.executable).with_name("lvsctl")
UNIT = Path(__file__).parents[2] / "deploy/systemd/lvsctl.service"
VIP, VIP6, LOCAL, MASKED = "192.0.2.100", "2001:db8::100", "fe80::100", "192.0.2.101"
MOVING = {VIP, VIP6, LOCAL, MASKED}
CONF = f"""\
services:
  shop:
    address: {VIP}:80
    scheduler: rr
    check: {{exec: {{command: [/bin/true]}}, interval: 10s, timeout: 10s, rise: 1}}
    servers: [192.0.2.1]
pair:
  instances:
    web4: {{interface: eth0, vrid: 51, interval: 100ms, addresses: [{VIP}/24]}}
    web6: {{interface: eth0, vrid: 51, interval: 100ms, addresses: [{LOCAL}/64, "{VIP6}/64"]}}
    masked: {{interface: eth0, vrid: 52, interval: 100ms, addresses: [{MASKED}/24], virtual_mac: true}}
  groups: {{both: [web4, web6]}}
  sync: {{interface: eth0}}
  hooks: {{on_active: [/bin/sh, -c, "grep ^Cap /proc/self/status > FOLDER/$LVSCTL_INSTANCE"]}}
"""


@pytest.fixture
def user() -> int:
    """Who may read this checkout, and is not root."""
    return LVSCTL.stat().st_uid or 65534


@pytest.fixture
def folder(user: int) -> Iterator[Path]:
    """That of a test is root's alone."""
    with TemporaryDirectory() as name:
        os.chown(name, user, user)
        yield Path(name)


def addresses(host: str) -> set[str]:
    """On all of its interfaces."""
    return {address["local"] for link in shown("addr", "show", netns=host) for address in link["addr_info"]}


def capabilities(status: str) -> dict[str, int]:
    """CapEff and its like, of /proc/PID/status."""
    lines = (line.split(":") for line in status.splitlines() if line.startswith("Cap"))
    return {name: int(value, 16) for name, value in lines}


def children(process: int) -> list[int]:
    """Whose parent it is."""
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def ipvsadm(host: str, *arguments: str) -> str:
    with inside(host):
        return subprocess.run(["ipvsadm", *arguments], capture_output=True, text=True, check=True).stdout


def settings(name: str) -> list[str]:
    """What the unit says of this, line by line."""
    pairs = (line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#")
    return [value for key, value in pairs if key == name]


def members(group: str) -> set[str]:
    """The system calls of one of systemd's groups, such as @chown; of a call itself, that one."""
    if not group.startswith("@"):
        return {group}
    told = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    words = (line.strip() for line in told.stdout.splitlines()[1:])
    return set[str]().union(*(members(word) for word in words if word and word[0] != "#"))


def allowed() -> set[str]:
    """The system calls that the unit allows: the first line says what, the others add, or take away (~)."""
    calls = members("@default")
    for line in settings("SystemCallFilter"):
        named = set[str]().union(*(members(word) for word in line.removeprefix("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def said_all(hook: Path) -> bool:
    """Whether the program has ended that writes this file."""
    return hook.exists() and "CapAmb" in hook.read_text()


def test_the_unit_gives_what_the_daemon_needs() -> None:
    assert settings("User") == ["lvsctl"]
    assert settings("KillMode") == ["mixed"], "SIGTERM is for the daemon, not for hooks that run"
    assert settings("AmbientCapabilities") == settings("CapabilityBoundingSet") == ["CAP_NET_ADMIN CAP_NET_RAW"]
    assert "AF_PACKET" in settings("RestrictAddressFamilies")[0].split()


@pytest.mark.kernel
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs the Debian package systemd")
@pytest.mark.skipif(not ctypes.util.find_library("seccomp"), reason="needs the Debian package libseccomp2")
def test_a_director_becomes_active_and_hands_over(user: int, folder: Path) -> None:
    (folder / "site.yaml").write_text(CONF.replace("FOLDER", str(folder)))
    wanted = "-all,+net_admin,+net_raw"
    limits = [f"--inh-caps={wanted}", f"--ambient-caps={wanted}", f"--bounding-set={wanted}", "--no-new-privs"]
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *limits, str(LVSCTL), "run"]
    command += ["--socket", str(folder / "sock"), "--socket-group", str(user), "--state-dir", str(folder / "state")]
    command += ["-c", str(folder / "site.yaml")]
    confinement = {"PYTHONPATH": str(CONFINED), "SYSTEM_CALLS": ",".join(sorted(allowed()))}
    with cable():
        host, log = hosts()[1], (folder / "log").open("w+")
        with inside(host):
            daemon = subprocess.Popen(command, stderr=log, cwd="/", env={**os.environ, **confinement})
        try:
            waited(lambda: addresses(host) >= MOVING, 4 * STARTING, lambda: Path(log.name).read_text())
            hooks = [folder / name for name in ("web4", "web6", "masked")]
            waited(lambda: all(map(said_all, hooks)), STARTING, lambda: Path(log.name).read_text())
            both = 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW
            own = Path(f"/proc/{daemon.pid}/status").read_text()
            assert "Seccomp:\t2" in own, "it is confined"
            assert Path(f"/proc/{daemon.pid}/comm").read_text() == "lvsctl\n", "doctor knows it by that"
            assert f"Uid:\t{user}\t{user}\t{user}\t{user}" in own
            assert set(capabilities(own).values()) == {both}
            waited(lambda: "192.0.2.1:80" in ipvsadm(host, "-Ln"), STARTING, Path(log.name).read_text)
            waited(lambda: "master sync daemon" in ipvsadm(host, "-L", "--daemon"), STARTING, Path(log.name).read_text)
            for process in (daemon.pid, *children(daemon.pid)):  # as who does not know KillMode=mixed
                os.kill(process, signal.SIGTERM)
            assert daemon.wait(60) == 0
        finally:
            daemon.kill()
            daemon.wait(60)
            log.close()
        assert not MOVING & addresses(host)
        for hook in hooks:
            assert capabilities(hook.read_text())["CapEff"] == 0, "a hook has what its user has"
        assert "not permitted" not in (folder / "log").read_text()
