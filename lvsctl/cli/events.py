"""`events`: what happens, as the daemon tells it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import click

from lvsctl.cli import options
from lvsctl.errors import DaemonUnreachable

Json = dict[str, Any]

LOOKED_BACK = 10  # events from before, with -f
PATIENCE = 10.0  # seconds for the next of what has happened already
PAUSE = 1.0  # seconds between two attempts to find the daemon again


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on, until ^C.")
@click.option("-n", "--limit", type=click.IntRange(0), metavar="N", help="The last N only.  [default: 10 with -f]")
@click.option("--since", type=click.IntRange(0), metavar="NUMBER", help="Only those after the one with this number.")
@click.option(
    "--service", metavar="SUBJECT", help="Only what is about this: a service, or what `lvsctl history` takes."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(("text", "json")),
    help="Form of the output.  [default: text; with -f into a pipe or a file, json]",
)
@options.socket
def events(
    *, follow: bool, limit: int | None, since: int | None, service: str | None, output: str | None, socket: str
) -> int | None:
    """Show what happens, as the daemon tells it.

    A line for each event: words for people, or one JSON object. The daemon keeps the last 1000 since its start; `lvsctl
    history` goes further back. With -f, a daemon that is restarted is waited for.

    \b
    lvsctl events -f
    lvsctl events -f --service shop | jq .event
    """
    from lvsctl.cli import answers, audience, client  # noqa: PLC0415

    if output is None:
        output = "json" if follow and not (sys.stdout is not None and sys.stdout.isatty()) else "text"
    if follow and limit is None and since is None:
        limit = LOOKED_BACK
    asked = {"since": since, "limit": limit, "service": service, "follow": int(follow)}
    query = {name: value for name, value in asked.items() if value is not None}
    show = _json if output == "json" else _text
    try:
        for told in _follow(socket, query) if follow else _once(socket, query):
            with answers.expected(socket):
                text = show(told)
            click.echo(text)
    except client.Refusal as error:
        raise answers.refused(socket, "GET", _resource(query), error.answer) from error
    except audience.Gone:
        return 1  # as for every other command that writes to nobody
    except KeyboardInterrupt:
        pass
    return None


def _json(told: Json) -> str:
    """Raises ValueError for what is no event: no program is to be given it as one."""
    import json  # noqa: PLC0415

    if not {"number", "event"} <= told.keys():
        raise ValueError(told)
    return json.dumps(told)


def _text(told: Json) -> str:
    from lvsctl.cli import show_told  # noqa: PLC0415

    return show_told.line(told)


def _once(socket: str, query: Json) -> Iterator[Json]:
    from lvsctl.cli import client  # noqa: PLC0415

    with client.following(socket, _resource(query), patience=PATIENCE) as stream:
        yield from stream.lines


def _follow(socket: str, query: Json) -> Iterator[Json]:
    """Whatever happens, for good: a daemon that hangs up is waited for, and one that is another begins at its first.

    Raises DaemonUnreachable if there is no daemon to begin with, and Gone when nobody reads the output any more.
    """
    from lvsctl.cli import audience, client  # noqa: PLC0415

    started, lost = "", False
    told: Json = {}
    while True:
        try:
            with client.following(socket, _resource(query), wait=audience.wait) as stream:
                if started not in ("", stream.started):  # it began to number anew
                    started, query["since"] = stream.started, 0
                    continue
                if lost:
                    click.echo(f"lvsctl: the daemon on {socket} answers again", err=True)
                started, lost, told = stream.started, False, {}
                query.pop("limit", None)
                for told in stream.lines:
                    yield told
                    query["since"] = told["number"]
        except DaemonUnreachable:
            if not started:
                raise
        if told.get("event") == "dropped":
            continue
        if not lost:
            click.echo(f"lvsctl: the daemon on {socket} has hung up: waiting for it", err=True)
        lost = True
        audience.wait(seconds=PAUSE)


def _resource(query: Json) -> str:
    return f"/v1/events?{urlencode(query, errors='replace')}"
