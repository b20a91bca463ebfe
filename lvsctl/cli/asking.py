"""`check`: one question asked by hand, with everything that happened on the way to its answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from lvsctl.cli.columns import align

if TYPE_CHECKING:
    from lvsctl.checkapi import AnyKind, Params
    from lvsctl.checks.registry import Installed
    from lvsctl.model import Outcome, Target

DEFAULT_TIMEOUT = 1.0  # seconds, as in conf.d


@click.command()
@click.argument("kind")
@click.argument("target")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]...")
def check(kind: str, target: str, parameters: tuple[str, ...]) -> int:
    """Ask one question by hand and show how the answer came about.

    KIND is that of a check in conf.d (http, tcp, exec), TARGET an address and a port: 192.0.2.1:80, [2001:db8::1]:80
    (http has a usual port, exec needs none).
    KEY=VALUE are the keys of the kind as in conf.d, values in YAML: path=/healthz status=[200,204], and timeout=2s.
    The exit status is 0 if the check passes, 1 if it fails or could not be asked.

    \b
    lvsctl check http 192.0.2.21 path=/healthz status=[200,204] timeout=2s
    lvsctl check tcp '[2001:db8::21]:25' expect=220
    """
    from lvsctl.checks.registry import installed  # noqa: PLC0415

    known = _kind(kind, installed())
    values, secrets = _values(parameters)
    timeout = _timeout(values)
    params = _params(known, values, secrets)
    return _ask(known, _target(target, known.usual_port(params)), params, timeout, secrets)


def _kind(name: str, kinds: Installed) -> AnyKind:
    from lvsctl.config.wording import no_such_kind  # noqa: PLC0415

    if name in kinds.broken:
        raise click.UsageError(f"the check kind `{name}` cannot be used: {kinds.broken[name]}")
    if name not in kinds:
        raise click.UsageError(no_such_kind(name, sorted(kinds)))
    return kinds[name]


def _target(text: str, usual_port: int | None) -> Target:
    from lvsctl.config.values import endpoint  # noqa: PLC0415
    from lvsctl.model import Target  # noqa: PLC0415

    try:
        found = endpoint(text)
    except ValueError as error:
        raise click.UsageError(f"TARGET {error}") from error
    port = usual_port if found.port is None else found.port
    if port is None:
        raise click.UsageError(f"TARGET `{text}` has no port: write {text if text[:1] == '[' else _bare(text)}:80")
    return Target(found.address, port)


def _bare(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _values(parameters: Iterable[str]) -> tuple[dict[str, Any], frozenset[str]]:
    """KEY=VALUE, each value a YAML 1.2 document of its own; and the secrets that were put in."""
    from lvsctl.config.secrets import reveal  # noqa: PLC0415

    values: dict[str, Any] = {}
    for parameter in parameters:
        key, equals, text = parameter.partition("=")
        if not (key and equals):
            raise click.UsageError(f"`{parameter}` is not KEY=VALUE, like path=/healthz")
        if key in values:
            raise click.UsageError(f"`{key}` is given twice")
        values[key] = _value(key, text)
    revealed = reveal(values)
    if revealed.failures:
        path, why = revealed.failures[0]
        raise click.UsageError(f"{path[0]}: {why}")
    return revealed.value, revealed.secrets


def _value(key: str, text: str) -> Any:
    from lvsctl.config.yaml12 import compose  # noqa: PLC0415
    from lvsctl.errors import ConfigError  # noqa: PLC0415

    try:
        document, problems = compose(key, text)
    except ConfigError as error:
        raise click.UsageError(f"{key}: {error.problems[0].message}") from error
    except UnicodeEncodeError as error:  # how python hands on bytes that are no text
        raise click.UsageError(f"{key}: is not UTF-8 text") from error
    if problems:
        raise click.UsageError(f"{key}: {problems[0].message}")
    return document.data


def _timeout(values: dict[str, Any]) -> float:
    """Taken out of the values: it is the check's, not the kind's."""
    from lvsctl.config.values import duration  # noqa: PLC0415

    if "timeout" not in values:
        return DEFAULT_TIMEOUT
    try:
        seconds = duration(values.pop("timeout"))
    except ValueError as error:
        raise click.UsageError(f"timeout: {error}") from error
    if not seconds:
        raise click.UsageError("timeout: must be longer than 0s")
    return seconds


def _params(kind: AnyKind, values: dict[str, Any], secrets: frozenset[str]) -> Params:
    """Judged, and every mistake worded, as conf.d would be; a secret is not shown."""
    from pydantic import ValidationError  # noqa: PLC0415

    from lvsctl.config import wording  # noqa: PLC0415
    from lvsctl.config.document import Document  # noqa: PLC0415
    from lvsctl.config.json_schema import json_schema  # noqa: PLC0415

    try:
        params: Params = kind.params.model_validate(values)
    except ValidationError as error:
        schema = json_schema({kind.name: kind})
        keys = {**schema["definitions"]["Check"]["properties"][kind.name], "definitions": schema["definitions"]}
        found = wording.problems(Document("", values, {}), error, keys)
        mistakes = "; ".join(f"{problem.path}: {problem.message}".removeprefix(": ") for problem in found)
        raise click.UsageError(_hide(mistakes, secrets)) from error
    except Exception as error:  # whatever the validators of somebody's kind raise
        raise click.UsageError(wording.faulty_kind(kind.name, type(error).__name__)) from error
    return params


def _hide(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "(secret)")
    return text


def _ask(kind: AnyKind, target: Target, params: Params, timeout: float, secrets: frozenset[str]) -> int:
    import asyncio  # noqa: PLC0415

    from lvsctl.checks import runner  # noqa: PLC0415
    from lvsctl.model import Verdict  # noqa: PLC0415

    trace: list[tuple[float, str]] = []
    outcome = asyncio.run(runner.ask(kind, target, params, timeout, trace=trace))
    click.echo(_hide(_story(kind, target, trace, outcome), secrets), nl=False)
    return 0 if outcome.verdict is Verdict.PASS else 1


def _story(kind: AnyKind, target: Target, trace: list[tuple[float, str]], outcome: Outcome) -> str:
    """A line for every step with its time since the start, the verdict last."""
    steps = [(f"{seconds * 1000:.1f}ms", text) for seconds, text in trace]
    verdict = f"{outcome.verdict}: {outcome.code} {outcome.detail}".rstrip()
    return align(steps, right=frozenset({0})) + align(
        [f"{verdict} ({kind.name} {target}, {outcome.latency * 1000:.1f}ms)"]
    )
