"""What a kernel may say while the scheduler is loaded, used and removed; whatever else it says is a finding."""

from __future__ import annotations

import re
from collections.abc import Iterable

STAMP = re.compile(r"^\[ *\d+\.\d+\] ")
EXPECTED = re.compile(
    "|".join(
        (
            r"ip_vs_hprio: loading out-of-tree module taints kernel\.",
            r"ip_vs_hprio: module verification failed: signature and/or required key missing - tainting kernel",
            r"IPVS: \[\w+\] scheduler (un)?registered\.",
            r"IPVS: Registered protocols \([A-Z, ]+\)",
            r"IPVS: Connection hash table configured \(.*\)",
            r"IPVS: ipvs loaded\.",
            r"IPVS: starting estimator thread 0\.\.\.",
            r"IPVS: using max \d+ ests per chain, \d+ per kthread",
            r"IPv6: ADDRCONF\(NETDEV_CHANGE\): v[01]: link becomes ready",
            r"hrtimer: interrupt took \d+ ns",  # an emulated processor that had to wait for a real one
        )
    )
)


def unexpected(log: Iterable[str]) -> list[str]:
    """The lines of a kernel's log that are not expected."""
    return [line for line in log if not EXPECTED.fullmatch(STAMP.sub("", line))]
