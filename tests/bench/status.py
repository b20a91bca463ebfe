"""`python -m tests.bench.status`, in the lab: `lvsctl status` against the real daemon with 100 services of 10 servers.

As multiples of `python3 -c pass` in the same guest: start, ask, wait while the daemon reads the table and the counters
from the kernel, lay out. Medians of runs taken in turn.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 15
LVSCTL = str(Path(sys.executable).with_name("lvsctl"))


def configuration() -> str:
    lines = ["services:"]
    for number in range(100):
        servers = ", ".join(f"10.0.{number}.{host}" for host in range(1, 11))
        lines.append(f"  service-{number}: {{address: '192.0.2.{number}:80', check: none, servers: [{servers}]}}")
    return "\n".join(lines) + "\n"


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf.yaml").write_text(configuration())
        where = ["--socket", str(folder / "lvsctl.sock")]
        run = [LVSCTL, "run", "-c", str(folder / "conf.yaml"), *where, "--state-dir", str(folder / "state")]
        daemon = subprocess.Popen(run, stderr=subprocess.DEVNULL)
        status = [LVSCTL, "status", *where]
        try:
            while b"service-99" not in subprocess.run(status, capture_output=True, check=False).stdout:
                if daemon.poll() is not None:
                    raise SystemExit(f"the daemon ended: {daemon.returncode}")
                time.sleep(0.2)
            commands = {"python3 -c pass": [sys.executable, "-c", "pass"], "lvsctl status": status}
            commands["lvsctl status -o json"] = [*status, "-o", "json"]
            took: dict[str, list[float]] = {command: [] for command in commands}
            for _ in range(ROUNDS):
                for label, command in commands.items():
                    took[label].append(seconds(command))
        finally:
            daemon.terminate()
            daemon.wait()
    one = statistics.median(took["python3 -c pass"])
    print("real daemon, 100 services of 10 servers; multiples of `python3 -c pass`")
    for label, times in took.items():
        bound = "  (at most 10)" if label == "lvsctl status" else ""
        print(f"  {label:<26} {statistics.median(times) / one:5.2f}{bound}")


if __name__ == "__main__":
    main()
