"""What counts as a finding in a kernel's log: anything that is not known to be harmless."""

from __future__ import annotations

import pytest

from tests.stock.expected import unexpected

HARMLESS = [
    "[    4.183803] ip_vs_hprio: loading out-of-tree module taints kernel.",
    "[    4.186948] IPVS: [hprio] scheduler registered.",
    "[    5.785352] IPVS: using max 5760 ests per chain, 288000 per kthread",
]


@pytest.mark.parametrize(
    "line",
    [
        "[   12.000001] BUG: unable to handle page fault for address: ffffc90000a0f000",
        "[   12.000001] WARNING: CPU: 1 PID: 77 at net/netfilter/ipvs/ip_vs_ctl.c:1029",
        "[   12.000001] rcu: INFO: rcu_preempt self-detected stall on CPU",
        "[   12.000001] refcount_t: underflow; use-after-free.",
        "[   12.000001] IPVS: [hprio] scheduler already linked",
        "[   12.000001] IPVS: hprio: UDP 10.9.0.1:53 - no destination available",
        "Kernel panic - not syncing: Fatal exception",
    ],
)
def test_a_line_that_is_not_known_is_a_finding(line: str) -> None:
    assert unexpected([*HARMLESS, line]) == [line]
