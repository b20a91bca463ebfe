"""`python -m tests.bench.memory`, in the lab: resident memory of the real daemon, as it grows with real servers.

Two daemons, one after the other: one server, and 100 services of 100 servers, each with a tcp check of its own. The
guest has no route to the servers, so every check is asked, answered with UNKNOWN and scheduled again, without traffic.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LVSCTL = str(Path(sys.executable).with_name("lvsctl"))


def configuration(services: int, servers: int) -> str:
    lines = ["defaults: {check: tcp, interval: 60s}", "services:"]
    for number in range(services):
        addresses = ", ".join(f"10.0.{number}.{host}" for host in range(1, servers + 1))
        lines.append(f"  service-{number}: {{address: '192.0.2.{number}:80', servers: [{addresses}]}}")
    return "\n".join(lines) + "\n"


def resident(services: int, servers: int) -> int:
    """VmRSS in bytes once the daemon is ready and has done a few rounds more."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf.yaml").write_text(configuration(services, servers))
        where = ["--socket", str(folder / "lvsctl.sock")]
        run = [LVSCTL, "run", "-c", str(folder / "conf.yaml"), *where, "--state-dir", str(folder / "state")]
        daemon = subprocess.Popen(run, stderr=subprocess.DEVNULL)
        try:
            while not ready(where):
                if daemon.poll() is not None:
                    raise SystemExit(f"the daemon ended: {daemon.returncode}")
                time.sleep(0.5)
            time.sleep(12)  # two rounds and a bit
            lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
        finally:
            daemon.terminate()
            daemon.wait()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def ready(where: list[str]) -> bool:
    answer = subprocess.run([LVSCTL, "status", "-o", "json", *where], capture_output=True, check=False)
    return answer.returncode == 0 and bool(json.loads(answer.stdout)["ready"])


def main() -> None:
    small, large = resident(1, 1), resident(100, 100)
    print(f"resident memory of the daemon: {small / 1e6:.0f} MB with one server, {large / 1e6:.0f} MB with 10,000:")
    print(f"  {(large - small) / 9999:.0f} bytes a server")


if __name__ == "__main__":
    main()
