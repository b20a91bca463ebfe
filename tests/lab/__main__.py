"""`python -m tests.lab [--memory 2048M] [--timeout 600] -- COMMAND...`: run COMMAND as root on a real IPVS kernel.

On this kernel if it has ip_vs and we are root, else in user-mode-linux, else here all the same, where a test that
needs the kernel says itself that it was skipped, and why (`--require` makes that an error).

`--kernel NAME` boots a kernel of our own (tests.lab.kernels), in which time travels: while every program sleeps, the
clock jumps to the next timer, so hours of sleep cost nothing. While one computes, the clock stands: timings mean
nothing, and who waits for a time by asking the clock again and again, without a sleep or a poll in between, waits
for ever. A test's own time limit counts the guest's seconds (`@pytest.mark.timeout`), `--timeout` real ones.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from dataclasses import replace

from tests.lab import here, kernels, uml
from tests.lab.source import CACHE, CannotBuildError, only_one


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--memory", default="2048M", help="the guest's memory (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds, then the guest is ended")
    parser.add_argument("--require", action="store_true", help="fail where there is no IPVS kernel")
    parser.add_argument("--kernel", choices=kernels.RECIPES, help="a kernel of our own, with time travel")
    parser.add_argument("--no-time-travel", action="store_true", help="with --kernel: let time pass as it does here")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))  # and the guest ends with us
    if options.kernel is None and here.native() is None:
        with only_one(CACHE / "native.lock"):  # some tests unload its modules
            return subprocess.run(options.command, check=False).returncode
    reason = uml.missing(options.kernel)
    if reason is None:
        return _in_guest(options)
    print(reason, file=sys.stderr, flush=True)
    needed = options.require or options.kernel is not None
    return 1 if needed else subprocess.run(options.command, check=False).returncode


def _in_guest(options: argparse.Namespace) -> int:
    try:
        kernel = uml.kernel(options.kernel)
    except CannotBuildError as problem:
        print(problem, file=sys.stderr)
        return 1
    if options.no_time_travel:
        kernel = replace(kernel, time_travel=False)
    return uml.run(options.command, memory=options.memory, timeout=options.timeout, kernel=kernel)


if __name__ == "__main__":
    sys.exit(main())
