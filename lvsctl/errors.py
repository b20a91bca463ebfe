"""The few kinds of failure that a caller may want to tell apart.

    LvsctlError              one line that says what to do; the command line prints it and exits with `exit_status`
    ├── ConfigError          conf.d cannot be used; carries every problem of every file
    ├── KernelError          the kernel cannot be asked at all (no ip_vs, no permission, socket lost)
    ├── StillConnected       --wait ran into its deadline (exit status 5)
    ├── NobodyElse           failover --wait ran into its deadline (exit status 6)
    ├── DaemonUnreachable    nobody answers on the control socket (exit status 4)
    └── AlreadyRunning       another daemon holds this socket or this state directory

Expected badness is not here: a server that is down is an `Outcome`, an operation that the kernel refused is a
`Refusal`. These exceptions mean that the call itself cannot be answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lvsctl.model import Problem


class LvsctlError(Exception):
    """A failure whose message is one line for the operator and says what to do about it."""

    exit_status = 1


class ConfigError(LvsctlError):
    """The configuration cannot be used. `problems` holds all of them, errors and warnings, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class KernelError(LvsctlError):
    """IPVS, or links and addresses, cannot be asked: no module, no capability, or the socket failed."""


class DaemonUnreachable(LvsctlError):
    """Nobody answers on the control socket."""

    exit_status = 4


class StillConnected(LvsctlError):
    """Servers that somebody waits for still have connections at the deadline."""

    exit_status = 5


class NobodyElse(LvsctlError):
    """At the deadline of a failover no other director is known to be active, or this one still is."""

    exit_status = 6


class AlreadyRunning(LvsctlError):
    """Another daemon holds the control socket or the state directory."""
