"""Join the files of conf.d into one: a name is defined once, wherever that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvsctl.config.alerts import Alerts
from lvsctl.config.check import Asked
from lvsctl.config.document import Document, Place, shown
from lvsctl.config.pair import Pair
from lvsctl.config.pairing import Written
from lvsctl.config.schema import Conf, Defaults, Guard, Metrics, Service
from lvsctl.model import Problem

_SECTIONS = {
    "services": "the service",
    "checks": "the check",
    "defaults": "the default",
    "global": "the setting",
    "metrics": "the setting",
    "guard": "the guard's",
    "pair": "the pair's",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """One file. document, conf: what of it is understood, without mistakes; written: the file as it is."""

    document: Document
    conf: Conf
    written: Document


@dataclass(frozen=True, slots=True)
class Merged:
    """All files together. broken: names of checks that are defined but not understood. named: of all services."""

    services: Mapping[str, tuple[Place, Service]]
    checks: Mapping[str, tuple[Place, str | Asked]]
    broken: frozenset[str]
    defaults: Defaults
    default_places: Mapping[str, Place]
    period: float | None
    maintenance: tuple[Place, str] | None
    metrics: Metrics
    alerts: tuple[tuple[Place, Alerts], ...]
    named: frozenset[str]
    guard: Guard
    guard_places: Mapping[str, Place]
    pair: Written | None


def merge(files: Sequence[Parsed]) -> tuple[Merged, list[Problem]]:
    """The whole configuration, and a problem for everything that is defined in two files."""
    problems = list(_twice(files))
    services: dict[str, tuple[Place, Service]] = {}
    checks: dict[str, tuple[Place, str | Asked]] = {}
    defaults: dict[str, Any] = {}
    places: dict[str, Place] = {}
    period, maintenance = None, None
    metrics: dict[str, Any] = {}
    guards: dict[str, Any] = {}
    guard_places: dict[str, Place] = {}
    for file in reversed(files):  # so that the first definition stays
        at, conf = file.document.at, file.conf
        services |= {name: (at("services", name), form) for name, form in (conf.services or {}).items()}
        checks |= {name: (at("checks", name), form) for name, form in (conf.checks or {}).items()}
        if conf.defaults:
            defaults |= {key: getattr(conf.defaults, key) for key in conf.defaults.model_fields_set}
            places |= {key: at("defaults", key) for key in conf.defaults.model_fields_set}
        if conf.metrics:
            metrics |= {key: getattr(conf.metrics, key) for key in conf.metrics.model_fields_set}
        if conf.guard:
            guards |= {key: getattr(conf.guard, key) for key in conf.guard.model_fields_set}
            guard_places |= {key: at("guard", key) for key in conf.guard.model_fields_set}
        period = (conf.global_.period if conf.global_ else None) or period
        if conf.global_ and conf.global_.maintenance:
            maintenance = at("global", "maintenance"), conf.global_.maintenance
    broken = frozenset(name for file in files for name in _keys(file.written, "checks")) - checks.keys()
    ordered = {name: services[name] for file in files for name in (file.conf.services or {})}
    named = frozenset(name for file in files for name in _keys(file.written, "services"))
    alerts = tuple((file.document.at("alerts"), file.conf.alerts) for file in files if file.conf.alerts)
    merged = Merged(
        ordered,
        checks,
        broken,
        Defaults.model_construct(**defaults),
        places,
        period,
        maintenance,
        Metrics.model_construct(**metrics),
        alerts,
        named,
        Guard.model_construct(**guards),
        guard_places,
        _pair(files),
    )
    return merged, problems


def _pair(files: Sequence[Parsed]) -> Written | None:
    said = [file for file in files if isinstance(file.written.data, dict) and "pair" in file.written.data]
    if not said:
        return None
    keys: dict[str, Any] = {}
    places: dict[str, Place] = {}
    for file in reversed(said):
        if file.conf.pair:
            keys |= {key: getattr(file.conf.pair, key) for key in file.conf.pair.model_fields_set}
            places |= {key: file.document.at("pair", key) for key in file.conf.pair.model_fields_set}
    whole = all(
        file.conf.pair and len(_keys(file.document, "pair")) == len(_keys(file.written, "pair")) for file in said
    )
    return Written(said[0].written.at("pair"), Pair.model_construct(**keys), places, whole)


def _twice(files: Sequence[Parsed]) -> Iterator[Problem]:
    """Definitions that another file has already made, counting those that are not understood."""
    first: dict[tuple[str, str], Place] = {}
    for file in files:
        for section, noun in _SECTIONS.items():
            for key in _keys(file.written, section):
                place = file.written.at(section, key)
                before = first.setdefault((section, key), place)
                if before is not place:
                    message = f"{noun} `{shown(key)}` is already defined at {before}: remove or rename one of the two"
                    yield place.problem(message, key=True)


def _keys(document: Document, section: str) -> list[str]:
    value = document.at(section).value
    return list(value) if isinstance(value, dict) else []
