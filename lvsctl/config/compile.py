"""Compile the joined files into the frozen Spec: defaults filled, names resolved, what cannot work refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from lvsctl.checkapi import AnyKind
from lvsctl.config.alerting import compile_alerting
from lvsctl.config.document import Place, shown
from lvsctl.config.limits import limits
from lvsctl.config.merge import Merged
from lvsctl.config.pairing import compile_pair
from lvsctl.config.questions import Questions
from lvsctl.config.services import ServiceCompiler
from lvsctl.model import (
    MetricsSpec,
    Problem,
    ServiceKey,
    Severity,
    Spec,
)
from lvsctl.model import Service as ServiceSpec

DEFAULT_PERIOD = 5.0


def compile_spec(
    merged: Merged, kinds: Mapping[str, AnyKind], *, complete: bool, alerts_complete: bool
) -> tuple[Spec, list[Problem]]:
    """The Spec, which is only to be used if none of the problems is an error.

    complete: whether every file could be read and understood; if not, what is missing is not held against the rest.
    alerts_complete: the same for what `alerts` names.
    """
    problems: list[Problem] = []
    questions = Questions(merged, kinds, problems, complete=complete)
    questions.prepare_named()
    services: dict[str, ServiceSpec] = {}
    owners: dict[ServiceKey, Place] = {}
    for name, (place, form) in merged.services.items():
        service = ServiceCompiler(form, place, merged, questions, problems).compile(name)
        if service is None:
            continue
        owner = owners.setdefault(service.key, place)
        if owner is not place:
            message = f"{service.key} is already the service `{owner.path[-1]}` at {owner}: merge them or remove one"
            problems.append(place.problem(message, key=True))
        services[name] = service
    alerting, wrong = compile_alerting(merged.alerts, merged.named, complete=alerts_complete)
    problems += wrong
    period = merged.period or DEFAULT_PERIOD
    metrics = MetricsSpec(merged.metrics.listen or (), frozenset(merged.metrics.compat or ()))
    maintenance = _maintenance(merged, problems)
    guard = limits(merged.guard, merged.guard_places, questions, problems)  # first: its canaries are questions too
    pair = compile_pair(
        merged.pair, merged.services, problems, compiled=services.values(), taken=merged.metrics.listen or ()
    )
    asked = questions.questions, questions.checks
    return Spec(services, *asked, period, maintenance, metrics, alerting, guard, pair), problems


def _maintenance(merged: Merged, problems: list[Problem]) -> str:
    """The directory may be made later, so it is no mistake that there is none yet."""
    if merged.maintenance is None:
        return ""
    place, path = merged.maintenance
    if not FilePath(path).is_dir():
        message = f"there is no directory {shown(path)}: make it (mkdir -p), or nobody can be drained there"
        problems.append(place.problem(message, severity=Severity.WARNING))
    return path
