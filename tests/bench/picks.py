"""What one pick costs: connections scheduled a second, as ratios to rr's, on one kernel in one run.

    .venv/bin/python -m tests.bench.picks [kernel, as 6.12-cloud]             on a packaged kernel in qemu
    .venv/bin/python -m tests.lab -- .venv/bin/python -m tests.bench.picks    in user-mode-linux

Every datagram is a connection (one-packet scheduling), sent by one pinned task; the cost of sending it is in every
figure. The schedulers take turns; medians are compared. In qemu time is counted in instructions, so that the figures
are the same however busy the host is; what a real processor waits for memory, in a walk over many servers, is not in
them. In user-mode-linux the processor is real and time is, too: be alone on the machine.
Layouts: all servers of one weight; half of them above the others; ten of them (one, of ten) above; half of them above
and full.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.lab import here
from tests.stock import debian, guest
from tests.stock.dkms import module

LAYOUTS = {"one": "one weight", "half": "half above", "ten": "ten above", "full": "half above, full"}
SCHEDULERS = ("hprio", "fo", "wrr", "wlc")


def in_qemu(kernel: debian.Kernel) -> str:
    """What the program prints on this kernel."""
    files = {"picks": guest.program("picks"), "local.sh": (guest.PROGRAMS / "local.sh").read_bytes()}
    machine = guest.Guest(kernel, module(kernel), files, counted=True)
    result = guest.run(machine, ". ./local.sh\nexec ./picks", timeout=900)
    if result.status != 0:
        raise SystemExit(f"{result.output}the guest ended with {result.status}")
    return result.output


def in_here() -> str:
    """What it prints in the lab's guest."""
    subprocess.run(["ip", "route", "add", "local", "10.0.0.0/8", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "picks")
        program.write_bytes(guest.program("picks"))
        program.chmod(0o755)
        return subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout


def medians(printed: str) -> dict[tuple[str, int, str], float]:
    """Connections a second, the median of the rounds, by layout, servers and scheduler."""
    rates: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for line in printed.splitlines():
        layout, servers, scheduler, count, took = line.split()
        rates[layout, int(servers), scheduler].append(int(count) / int(took) * 1e6)
    return {case: statistics.median(rate) for case, rate in rates.items()}


def main() -> None:
    if here.IN_LAB:
        where, rates = f"{os.uname().release} (user-mode-linux), in time", medians(in_here())
    else:
        kernel = debian.newest(sys.argv[1] if len(sys.argv) > 1 else "6.12-cloud")
        where, rates = f"{kernel.release}, in instructions", medians(in_qemu(kernel))
    print(f"connections scheduled a second, of rr's, on {where}")
    print(f"  {'layout':<18}{'servers':>8}" + "".join(f"{scheduler:>8}" for scheduler in SCHEDULERS))
    for layout, servers in dict.fromkeys((layout, servers) for layout, servers, _ in rates):
        base = rates[layout, servers, "rr"]
        ratios = "".join(f"{rates[layout, servers, scheduler] / base:8.2f}" for scheduler in SCHEDULERS)
        print(f"  {LAYOUTS[layout]:<18}{servers:>8}{ratios}")


if __name__ == "__main__":
    main()
