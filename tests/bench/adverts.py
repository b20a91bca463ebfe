"""`python -m tests.bench.adverts`, in the lab: how late adverts are while the rounds of 10,000 servers are at work.

A whole daemon is active at intervals of 100 ms; meanwhile its servers are checked every 10 s, and somebody asks for
status and metrics, one after the other. What counts is the longest silence that the other end of the cable hears: after
three intervals and a skew a backup takes over.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

from tests.bench.memory import LVSCTL, configuration, ready

INTERVAL = 0.1
SECONDS = 60.0
ETH_P_IP = 0x0800
PAIR = """\
metrics: {listen: ["127.0.0.1:9999"]}
pair:
  instances:
    web: {interface: near, vrid: 51, priority: 200, interval: 100ms, addresses: [192.0.2.20/24]}
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def cable() -> None:
    ip("link", "set", "lo", "up")
    ip("link", "add", "near", "type", "veth", "peer", "name", "far")
    ip("address", "add", "192.0.2.2/24", "dev", "near")
    ip("link", "set", "near", "up")
    ip("link", "set", "far", "up")


def silences(ear: socket.socket, seconds: float) -> list[float]:
    """Seconds between one advert and the next, the longest first."""
    heard: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        frame = ear.recv(2048)
        if frame[9 + 14] == 112:
            heard.append(time.monotonic())
    return sorted((later - earlier for earlier, later in pairwise(heard)), reverse=True)


def busy(where: list[str]) -> subprocess.Popen[bytes]:
    """Somebody who looks all the time."""
    asking = f"while :; do {LVSCTL} status -o json {' '.join(where)} >/dev/null; done"
    return subprocess.Popen(["sh", "-c", asking])


def main() -> None:
    cable()
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
    ear.bind(("far", ETH_P_IP))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf.d").mkdir()
        (folder / "conf.d/site.yaml").write_text(configuration(100, 100).replace("60s", "10s"))
        (folder / "conf.d/pair.yaml").write_text(PAIR)
        where = ["--socket", str(folder / "lvsctl.sock")]
        run = [LVSCTL, "run", "-c", str(folder / "conf.d"), *where, "--state-dir", str(folder / "state")]
        daemon = subprocess.Popen(run, stderr=subprocess.DEVNULL)
        try:
            while not ready(where):
                if daemon.poll() is not None:
                    raise SystemExit(f"the daemon ended: {daemon.returncode}")
                time.sleep(0.5)
            time.sleep(15)
            calm = silences(ear, SECONDS)
            crowd = busy(where)
            try:
                rushed = silences(ear, SECONDS)
            finally:
                crowd.kill()
                crowd.wait()
            with urlopen("http://127.0.0.1:9999/metrics", timeout=60) as answer:
                late = [line for line in answer.read().decode().splitlines() if "loop_lag" in line and "#" not in line]
        finally:
            daemon.terminate()
            daemon.wait()
    print(f"the longest silences with 10,000 servers, in intervals of {INTERVAL * 1000:.0f} ms:")
    for what, found in (("checks and rounds", calm), ("and status asked without a pause", rushed)):
        longest = ", ".join(f"{one / INTERVAL:.2f}" for one in found[:5])
        print(f"  {what}: {longest} (of {len(found)})")
    print("\n".join(late))


if __name__ == "__main__":
    main()
