"""Reads what Prometheus is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as of_openmetrics
from prometheus_client.parser import text_string_to_metric_families as of_text

Series: TypeAlias = tuple[str, frozenset[tuple[str, str]]]


def series(name: str, /, **labels: str) -> Series:
    return name, frozenset(labels.items())


def read(text: str) -> dict[Series, float]:
    """Every series with its value; a series that is told twice is a mistake."""
    return {(_as_written(name, text), labels): value for (name, labels), value in _values(of_text(text)).items()}


def _as_written(name: str, text: str) -> str:
    """The library gives a counter without a _total one."""
    return name if f"{name}{{" in text or f"{name} " in text else name.removesuffix("_total")


def read_openmetrics(text: str) -> dict[Series, float]:
    return _values(of_openmetrics(text))


def _values(families: Iterable[Metric]) -> dict[Series, float]:
    found: dict[Series, float] = {}
    names: set[str] = set()
    for family in families:
        assert family.name not in names, f"{family.name} is told in two places"
        names.add(family.name)
        for sample in family.samples:
            key = series(sample.name, **sample.labels)
            assert key not in found, key
            found[key] = sample.value
    return found
