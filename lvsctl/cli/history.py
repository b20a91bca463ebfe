"""`history`: the last transitions, as the daemon remembers them."""

from __future__ import annotations

from urllib.parse import urlencode

import click

from lvsctl.cli import options, values
from lvsctl.cli.columns import terminal_width

_SINCE = "Only newer ones: 1h for those of the last hour, or 2026-01-31T12:00Z."


@click.command()
@click.argument("subject", required=False, metavar="[SUBJECT]")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="The last N.")
@click.option("--since", callback=values.since, metavar="TIME", help=_SINCE)
@options.output("text", "json")
@options.socket
def history(*, subject: str | None, limit: int, since: str | None, output: str, socket: str) -> None:
    """Show the last transitions: what went down and came up, and why.

    SUBJECT is a SERVICE, with all its servers; a SERVER, by its name in conf.d or its address, wherever it is;
    SERVICE/SERVER or SERVICE/POOL; without it, everything. Orders are shown with all that they are about. The last 100
    of each server and each service are kept, across restarts; the oldest of all make room. CODE and LATENCY are those
    of the answer that decided.

    \b
    lvsctl history shop --since 1h
    lvsctl history web1 -n 5
    """
    import json  # noqa: PLC0415

    from lvsctl.cli import answers, show_told  # noqa: PLC0415

    asked = {"subject": subject, "limit": limit, "since": since}
    query = urlencode({name: value for name, value in asked.items() if value is not None}, errors="replace")
    said = answers.told(socket, "GET", f"/v1/history?{query}")
    with answers.expected(socket):
        if output == "json":
            text = json.dumps(said, indent=2) + "\n"
        else:
            text = show_told.table(said["transitions"], width=terminal_width())
    click.echo(text, nl=False)
