"""The kernel's schedulers as an executable model: values -> values, no clock, nothing of the kernel's own text."""

from __future__ import annotations

from lvsctl.kernel.scheduling.by_weight import FailOver, Overflow
from lvsctl.kernel.scheduling.hprio import HighestPriority
from lvsctl.kernel.scheduling.least import LeastConnections, WeightedLeastConnections
from lvsctl.kernel.scheduling.none import NoScheduler, NotModelled
from lvsctl.kernel.scheduling.round_robin import RoundRobin, WeightedRoundRobin
from lvsctl.kernel.scheduling.turn import Servers, Turn
from lvsctl.model import Generation


def bind(scheduler: str, servers: Servers, generation: Generation) -> Turn:
    """The scheduler of this name, bound to a service that has these servers."""
    match scheduler:
        case "hprio":
            return HighestPriority.bind(servers)
        case "fo":
            return FailOver()
        case "ovf":
            return Overflow()
        case "rr":
            return RoundRobin()
        case "wrr":
            return WeightedRoundRobin.bind(servers)
        case "lc":
            return LeastConnections(generation)
        case "wlc":
            return WeightedLeastConnections(generation)
        case "none":
            return NoScheduler()
    return NotModelled(scheduler)
