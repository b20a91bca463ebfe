"""`explain`: why a service or a server stands as it does."""

from __future__ import annotations

from typing import Any

import click

from lvsctl.cli import options
from lvsctl.cli.columns import align


@click.command()
@click.argument("subject", metavar="SUBJECT")
@options.output("text", "json")
@options.socket
def explain(subject: str, output: str, socket: str) -> None:
    """Say why a service or a server stands as it does.

    SUBJECT is a SERVICE, by its name or its address as in 192.0.2.20:80, or SERVICE/SERVER; a SERVER alone where one
    service has it. A server is named by its name in conf.d or its address, with the port where that tells it from
    another: `lvsctl explain shop/192.0.2.21`. The first line is the answer, the others are how it came about: what
    conf.d says, what the checks say, which scheduler runs, which pool is in use, what a guard withholds, what this
    director is to its pair, what the kernel has.
    """
    from urllib.parse import quote  # noqa: PLC0415

    from lvsctl.cli import answers  # noqa: PLC0415

    said = answers.told(socket, "GET", f"/v1/explain?subject={quote(subject, safe='', errors='replace')}")
    with answers.expected(socket):
        text = _render(said, output)
    click.echo(text, nl=False)


def _render(body: dict[str, Any], output: str) -> str:
    if output == "json":
        import json  # noqa: PLC0415

        return json.dumps(body, indent=2) + "\n"
    return align([body["answer"], *([f"  {link['about']}", link["says"]] for link in body["chain"])])
