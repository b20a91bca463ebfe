"""`python -m tests.stock [--kernel 6.12-cloud] [--timeout 120] -- SCRIPT`: run SCRIPT on a packaged kernel.

SCRIPT is a line for sh, run as root in a guest of two CPUs, with ipvsadm, ip and the scheduler module as DKMS
built it. Its output and its exit status are passed on; --log adds what the kernel had to say.
"""

from __future__ import annotations

import argparse
import signal
import sys

from tests.stock import debian, guest
from tests.stock.dkms import module


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stock", description=__doc__)
    parser.add_argument("--kernel", choices=debian.NAMES, default="6.12-cloud", help="default: %(default)s")
    parser.add_argument("--timeout", type=float, default=120, help="seconds, then the guest is ended")
    parser.add_argument("--log", action="store_true", help="print the kernel's log after the script's output")
    parser.add_argument("script")
    options = parser.parse_args()
    reason = guest.missing()
    if reason is not None:
        raise SystemExit(reason)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))  # and the guest ends with us
    kernel = debian.newest(options.kernel)
    machine = guest.Guest(kernel, module(kernel))
    result = guest.run(machine, options.script, timeout=options.timeout, echo=True)
    if options.log or result.status == 125:
        print(*result.log, sep="\n")
    return result.status


if __name__ == "__main__":
    sys.exit(main())
