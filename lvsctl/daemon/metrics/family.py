"""Families of samples, and how they are written for Prometheus.

For the series of 10,000 servers the library's own writer takes four times as long as a whole answer made like this
(tests/bench/scrape.py), most of a second at every scrape; here a server's labels are put together once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """What Prometheus calls the type."""

    GAUGE = "gauge"
    COUNTER = "counter"


Sample: TypeAlias = tuple[str, float]
"""Labels, as `labels` makes them, and a value."""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name. name: that of the samples, so a counter's has its _total. text: one line for people."""

    name: str
    kind: Kind
    text: str
    samples: Iterable[Sample]


def gauge(name: str, text: str, samples: Iterable[Sample]) -> Family:
    """A family of numbers that go up and down."""
    return Family(name, Kind.GAUGE, text, samples)


def counter(name: str, text: str, samples: Iterable[Sample]) -> Family:
    """A family of numbers that only grow, until what counts them begins anew."""
    return Family(name, Kind.COUNTER, text, samples)


def labels(**pairs: str) -> str:
    """The labels as they stand between braces; in the order given."""
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in pairs.items()])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def write(families: Iterable[Family], *, openmetrics: bool) -> Iterator[str]:
    """The text of the families, without OpenMetrics' end mark."""
    for family in families:
        name = family.name
        about, kind = _type(family) if openmetrics else (name, str(family.kind))
        yield f"# HELP {about} {family.text}\n# TYPE {about} {kind}\n"
        yield from [f"{name}{{{of}}} {value}\n" if of else f"{name} {value}\n" for of, value in family.samples]


def _type(family: Family) -> tuple[str, str]:
    """OpenMetrics names a counter without its _total, and knows none that has no such end."""
    if family.kind is Kind.GAUGE:
        return family.name, str(family.kind)
    if family.name.endswith("_total"):
        return family.name.removesuffix("_total"), str(family.kind)
    return family.name, "unknown"
