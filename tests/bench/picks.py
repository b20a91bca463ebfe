"""What one pick costs on a packaged kernel in qemu: connections scheduled a second, as ratios to rr's, in one run.

    .venv/bin/python -m tests.bench.picks [kernel, as 6.12-cloud]

Every datagram is a connection (one-packet scheduling), sent by one pinned task; the cost of sending it is in every
figure. The schedulers take turns; medians are compared. Time is counted in instructions, so that the figures are the
same however busy the host is; what a real processor waits for memory, in a walk over many servers, is not in them.
Layouts: all servers of one weight; half of them above the others; ten of them (one, of ten) above; half of them above
and full.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict

from tests.stock import debian, guest
from tests.stock.dkms import module

LAYOUTS = {"one": "one weight", "half": "half above", "ten": "ten above", "full": "half above, full"}
SCHEDULERS = ("hprio", "fo", "wrr", "wlc")


def measured(name: str) -> dict[tuple[str, int, str], float]:
    """Connections a second, the median of the rounds, by layout, servers and scheduler."""
    kernel = debian.newest(name)
    files = {"picks": guest.program("picks"), "local.sh": (guest.PROGRAMS / "local.sh").read_bytes()}
    result = guest.run(
        guest.Guest(kernel, module(kernel), files, counted=True), ". ./local.sh\nexec ./picks", timeout=900
    )
    if result.status != 0:
        raise SystemExit(f"{result.output}the guest ended with {result.status}")
    rates: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for line in result.output.splitlines():
        layout, servers, scheduler, count, took = line.split()
        rates[layout, int(servers), scheduler].append(int(count) / int(took) * 1e6)
    return {case: statistics.median(rate) for case, rate in rates.items()}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "6.12-cloud"
    rates = measured(name)
    print(f"connections scheduled a second, of rr's, on {debian.newest(name).release}, in instructions")
    print(
        f"  {'layout':<18}{'servers':>8}"
        + "".join(f"{scheduler:>8}" for scheduler in SCHEDULERS)
        + "  instructions of rr"
    )
    for layout, servers in dict.fromkeys((layout, servers) for layout, servers, _ in rates):
        base = rates[layout, servers, "rr"]
        ratios = "".join(f"{rates[layout, servers, scheduler] / base:8.2f}" for scheduler in SCHEDULERS)
        print(f"  {LAYOUTS[layout]:<18}{servers:>8}{ratios}{1e9 / base:>14.0f}")


if __name__ == "__main__":
    main()
