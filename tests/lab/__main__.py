"""`python -m tests.lab [--memory 2048M] [--timeout 600] -- COMMAND...`: run COMMAND as root on a real IPVS kernel.

On this kernel if it has ip_vs and we are root, else in user-mode-linux, else here all the same, where a test that
needs the kernel says itself that it was skipped, and why (`--require` makes that an error).
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys

from tests.lab import here, uml


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--memory", default="2048M", help="the guest's memory (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=600, help="seconds, then the guest is ended")
    parser.add_argument("--require", action="store_true", help="fail where there is no IPVS kernel")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))  # and the guest ends with us
    if here.native() is None:
        return subprocess.run(options.command, check=False).returncode
    reason = uml.missing()
    if reason is None:
        return uml.run(options.command, memory=options.memory, timeout=options.timeout)
    print(reason, file=sys.stderr, flush=True)
    return 1 if options.require else subprocess.run(options.command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
