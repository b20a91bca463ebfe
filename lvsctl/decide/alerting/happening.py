"""What the engine is told besides records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lvsctl.model import Record, Silence, Told


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand now, for what was missed: a restart, a reload that took something out of conf.d.

    judged: the events whose alerts it speaks for; those that are not among `holds` are over. holds: what goes on, as
    the records that would begin it. unsure: likewise what may go on or not: it stays as it is. services: all in
    conf.d. hosts: how many checked servers each address has.
    """

    judged: frozenset[str]
    holds: tuple[Record, ...]
    services: frozenset[str]
    hosts: Mapping[str, int]
    unsure: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class SilenceBegun:
    """An operator silenced something."""

    silence: Silence


@dataclass(frozen=True, slots=True)
class SilenceEnded:
    """An operator ended the silence with this id. by: who."""

    id: str
    by: str = ""


Happening: TypeAlias = Told | Standing | SilenceBegun | SilenceEnded
