"""`validate` and `schema`: what can be said of conf.d without a kernel and without a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lvsctl.cli import options
from lvsctl.cli.columns import Row, align, counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lvsctl.model import CheckId, Problem, Spec

_TITLES = ("CHECK", "TARGET", "INTERVAL", "FAST", "DOWN", "TIMEOUT", "RISE", "FALL", "DETECTED", "SERVICES")


@click.command()
@click.option("-v", "--verbose", is_flag=True, help="Show every check, and how long a death can go unnoticed.")
@options.config
def validate(verbose: bool, config: str) -> None:
    """Read conf.d and report every mistake of every file.

    Each is a line `file:line:column: path: message` on stderr. Warnings are reported too and change nothing. With -v,
    DETECTED is the longest time from the death of a server until it is taken down.
    """
    from pathlib import Path  # noqa: PLC0415

    from lvsctl.checks.registry import installed  # noqa: PLC0415
    from lvsctl.config.load import load  # noqa: PLC0415

    loaded = load(Path(config), installed())
    show_warnings(loaded.warnings)
    if verbose:
        click.echo(_checks(loaded.spec), nl=False)
    services = loaded.spec.services.values()
    servers = sum(len(pool.servers) for service in services for pool in service.pools)
    counts = [(len(services), "service"), (servers, "server"), (len(loaded.spec.questions), "question")]
    click.echo("ok: " + ", ".join(counted(number, thing) for number, thing in counts))


@click.command()
@click.option("--api", is_flag=True, help="Print the OpenAPI 3.1 document of the control socket instead.")
def schema(api: bool) -> None:
    """Print the JSON Schema (draft 7) of conf.d.

    It has the keys of the check kinds that are installed. An editor checks files against it that begin with
    `# yaml-language-server: $schema=FILE`.
    """
    import json  # noqa: PLC0415

    click.echo(json.dumps(_api() if api else _grammar(), indent=2))


def _grammar() -> dict[str, Any]:
    from lvsctl.checks.registry import installed  # noqa: PLC0415
    from lvsctl.config.json_schema import json_schema  # noqa: PLC0415

    return json_schema(installed())


def _api() -> dict[str, Any]:
    from lvsctl.daemon.api.openapi import document  # noqa: PLC0415
    from lvsctl.daemon.api.routes import ROUTES  # noqa: PLC0415

    return document(ROUTES)


def show_warnings(warnings: Iterable[Problem]) -> None:
    """One line each on stderr."""
    for problem in warnings:
        click.echo(printable(str(problem)), err=True)


def _checks(spec: Spec) -> str:
    """A line for every check, the slowest to notice first."""
    from lvsctl.decide.health import worst_detection  # noqa: PLC0415

    users = _users(spec)
    rows: list[tuple[float, Row]] = []
    for check in spec.checks.values():
        question = spec.questions[check.question]
        worst = worst_detection(check, question)
        paces = (question.interval, question.fast_interval, question.down_interval, question.timeout)
        times = [f"{seconds:g}s" for seconds in paces]
        counts = [str(check.rise), str(check.fall)]
        services = ",".join(users.get(check.id, ()))
        rows.append((-worst, (question.kind, str(question.target), *times, *counts, f"{worst:.1f}s", services)))
    rows.sort()
    return align([_TITLES, *(row for _, row in rows)])


def _users(spec: Spec) -> dict[CheckId, list[str]]:
    """Which services ask each check."""
    users: dict[CheckId, list[str]] = {}
    for service in spec.services.values():
        asked = {check for pool in service.pools for server in pool.servers for check in server.checks}
        for check in asked:
            users.setdefault(check, []).append(service.name)
    return users
