"""A director's verdicts as it tells them: whose they are, and a letter for each, so that a change is little to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lvsctl.decide.health import Standing, standing
from lvsctl.model import CheckId, Health, Server, Spec, Verdict

_LETTERS = {Standing.UP: "u", Standing.DOWN: "d", Standing.PRESUMED: "-", Standing.UNPROVEN: "-"}
_MEANT = {"u": True, "d": False}

LETTERS = frozenset(_LETTERS.values())
"""u: up. d: down. -: not every check has answered yet, and none is down."""


@dataclass(frozen=True, slots=True)
class Roll:
    """The servers that a configuration has checks for, in its order.

    names: of the servers as text, by their service. servers: the same, in one row.
    """

    names: Mapping[str, Sequence[str]]
    servers: tuple[Server, ...]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Service and server, in one row."""
        return in_a_row(self.names)


def roll_of(spec: Spec) -> Roll:
    """Whose verdicts a director with this configuration has."""
    checked = {
        service.name: [server for pool in service.pools for server in pool.servers if server.checks]
        for service in spec.services.values()
    }
    names = {name: [str(server.key) for server in servers] for name, servers in checked.items()}
    return Roll(names, tuple(server for servers in checked.values() for server in servers))


def in_a_row(names: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Service and server of each letter."""
    return [(service, server) for service, servers in names.items() for server in servers]


def letters(roll: Roll, health: Mapping[CheckId, Health]) -> str:
    """One for each server of the roll."""
    return "".join([_LETTERS[standing(server.checks, health)] for server in roll.servers])


def verdicts(pairs: Sequence[tuple[str, str]], said: str) -> dict[tuple[str, str], bool]:
    """What the letters say, of those whom they say something of. Raises ValueError if it is not one letter each."""
    if len(pairs) != len(said) or not LETTERS.issuperset(said):
        raise ValueError("not one letter for each server")
    return {pair: _MEANT[letter] for pair, letter in zip(pairs, said, strict=True) if letter in _MEANT}


def unasked(spec: Spec, health: Mapping[CheckId, Health]) -> str:
    """Why a director that cannot ask does not see, "" if it can: most of its checks come to nothing on this host.

    No route of its own, no file descriptors: what it believed of its servers stands, and their share of its table, but
    it is no ground for being active where the other director can ask.
    """
    canaries = frozenset(spec.guard.canaries)
    asked = len(health) - len(canaries & health.keys())
    blank = sum(
        belief.last is not None and belief.last.verdict is Verdict.UNKNOWN and check not in canaries
        for check, belief in health.items()
    )
    return f"{blank} of {asked} checks cannot be asked from here" if 2 * blank > asked else ""
