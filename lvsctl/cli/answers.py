"""What the daemon answers, or why it does not: the same words and the same exit status for every command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import click

from lvsctl import __version__
from lvsctl.cli import client
from lvsctl.cli.columns import printable
from lvsctl.errors import LvsctlError

Json = dict[str, Any]

UNKNOWN = "unknown"


def told(socket: str, method: str, resource: str, body: Json | None = None, *, timeout: float = 10.0) -> Json:
    """The body of a good answer. Raises what `refused` makes of any other, and as `client.ask` does."""
    answer = client.ask(socket, method, resource, body=body, timeout=timeout)
    if answer.status != 200:
        raise refused(socket, method, resource, answer)
    return answer.body


def refused(socket: str, method: str, resource: str, answer: client.Answer) -> Exception:
    """What to raise for an answer that is not good: click.UsageError if the question was wrong, else LvsctlError."""
    why, path = client.refusal(answer), resource.partition("?")[0]
    if answer.status == 405 or (answer.status == 404 and why.startswith("there is no /")):
        theirs = version(socket)
        what = f"the daemon (version {theirs}) does not know {path}, which this lvsctl ({__version__}) asks for"
        return LvsctlError(f"{what}: {_way_out(theirs)}")
    match answer.status:
        case 404 | 409:
            return LvsctlError(why)
        case 422:
            theirs = version(socket)
            differs = f"; the daemon is version {theirs}, and this lvsctl {__version__}: {_way_out(theirs)}"
            known = theirs in (UNKNOWN, __version__)
            return click.UsageError(why if known else why + differs, ctx=click.get_current_context(silent=True))
    return LvsctlError(f"the daemon cannot {'tell' if method == 'GET' else 'do it'}: {why}")


@contextlib.contextmanager
def expected(socket: str, body: Json | None = None) -> Iterator[None]:
    """What does not have the expected shape comes from a daemon of another version. body: may tell which."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        theirs = str(body.get("version", UNKNOWN)) if body is not None else version(socket)
        what = f"the daemon's answer (version {theirs}) is not what this lvsctl ({__version__}) expects"
        raise LvsctlError(f"{what}: {_way_out(theirs)}") from error


def warn(lines: Iterable[str]) -> None:
    """What the daemon did all the same, on stderr."""
    for line in lines:
        click.echo(printable(f"warning: {line}"), err=True)


def version(socket: str) -> str:
    """That of the daemon, UNKNOWN if it does not say."""
    with contextlib.suppress(LvsctlError):
        return str(client.ask(socket, "GET", "/v1/status?table=no").body.get("version", UNKNOWN))
    return UNKNOWN


def _way_out(theirs: str) -> str:
    if _numbers(theirs) > _numbers(__version__):
        return "use the lvsctl of its version"
    return "restart the daemon after an upgrade (systemctl restart lvsctl)"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]
