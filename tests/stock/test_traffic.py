"""hprio on unmodified distribution kernels, with packets on both CPUs: what is picked, refused, said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.stock.expected import unexpected
from tests.stock.guest import CPUS, Result

pytestmark = [pytest.mark.stock, pytest.mark.timeout(300)]
Run = Callable[[str], Result]


def test_an_exact_split(run: Run) -> None:
    """Servers of one weight get the same number of packets, to the last one, from two CPUs at once."""
    result = run("split")
    seen = result.figures()
    assert seen["refused"] == 0
    assert seen["scheduled"] == seen["sent"] == 60000
    assert [seen[f"server{number}"] for number in (1, 2, 3, 4)] == [20000, 20000, 20000, 0]
    assert unexpected(result.log) == []


def test_ten_switches_of_pools(run: Run) -> None:
    """None refused, none to the spillover pool while the service pool has room, by the kernel's own counts.

    Picking and counting are two steps: what is beyond a threshold is at most what the other CPUs can have in between.
    """
    result = run("tiers")
    seen = result.figures()
    assert seen["switches"] == 10
    assert seen["connections"] == seen["scheduled"] >= 10000
    assert (seen["refused"], seen["lost"], seen["early"], seen["short"]) == (0, 0, 0, 0)
    assert seen["to_spillover"] >= seen["spilled"] > 0
    assert seen["to_pool"] + seen["to_spillover"] == seen["connections"]
    assert seen["excess"] <= CPUS - 1
    assert (seen["races"], seen["races_refused"]) == (300, 0)
    assert seen["most_beyond"] <= CPUS - 1
    assert unexpected(result.log) == []


def test_churn(run: Run) -> None:
    """Traffic of every kind while servers are added, deleted and edited, schedulers switched, the module removed."""
    result = run("churn")
    seen = result.figures()
    kinds = ("packets", "flows", "connections", "echoes")
    assert seen["quiet_edits"] > 1000
    assert all(seen[f"quiet_{kind}"] > 100 for kind in kinds)
    unanswered = {kind: (seen[f"quiet_{kind}_refused"], seen[f"quiet_{kind}_silent"]) for kind in kinds}
    assert unanswered == dict.fromkeys(kinds, (0, 0))
    assert seen["quiet_scheduled"] == seen["quiet_packets"] + seen["quiet_echoes"]
    assert seen["spilled0"] < seen["quiet_scheduled"]
    assert min(seen["spilled0"], seen["spilled1"], seen["spilled2"]) > 0  # the others were full, or gone, at times
    assert (seen["quiet_odd"], seen["switching_odd"]) == (0, 0)  # the kernel took every edit
    assert seen["switching_switches"] > 10
    assert seen["switching_packets_refused"] > 0  # and refusals are seen, where there are some
    assert seen["removal_error"] == 0
    assert unexpected(result.log) == []


def test_the_moment_without_a_scheduler(run: Run) -> None:
    """One grace period of the kernel: short, but not nothing. The figures are printed; here are their bounds."""
    result = run("moment")
    seen = result.figures()
    assert seen["switches"] == 50
    assert 0 < seen["gaps"] <= 50
    assert seen["gap_median_us"] < 1_000_000
    assert unexpected(result.log) == []
