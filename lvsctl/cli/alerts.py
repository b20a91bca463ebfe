"""`alerts` and `silence`: what goes on and who was told of it, and what nobody wants to hear of for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import click

from lvsctl.cli import options, values
from lvsctl.cli.columns import counted, printable, terminal_width
from lvsctl.errors import LvsctlError

TEST_TIMEOUT = 120.0  # seconds: every member of a cluster is tried, each as long as the configuration allows

Json = dict[str, Any]


@click.group(invoke_without_command=True)
@options.output("text", "json")
@options.socket
@click.pass_context
def alerts(context: click.Context, output: str, socket: str) -> None:
    """Show what fires now, and who was told of it.

    STATE is firing, or why it is not told: silenced (by an operator), inhibited (another alert says it all) or flapping
    (told as such). TOLD are the receivers that were sent it; those that do not take it are named below.
    """
    if context.invoked_subcommand is None:
        from lvsctl.cli import answers, show_alerts  # noqa: PLC0415

        _show(socket, answers.told(socket, "GET", "/v1/alerts"), output, show_alerts.alerts)


@alerts.command()
@click.argument("receiver")
@options.socket
def test(receiver: str, socket: str) -> int:
    """Send a marked test to RECEIVER, and say what came of it.

    It goes past what waits for the receiver. The exit status is 1 if it could not be delivered.
    """
    from lvsctl.cli import answers  # noqa: PLC0415

    said = answers.told(socket, "POST", "/v1/alerts/test", {"receiver": receiver}, timeout=TEST_TIMEOUT)
    with answers.expected(socket):
        ok, answer = said["ok"], printable(said["answer"])
    if not ok:
        raise LvsctlError(f"not delivered: {answer}")
    click.echo(f"delivered: {answer}")
    return 0


@click.command()
@click.argument("matchers", nargs=-1, metavar="[MATCHER...]")
@click.option(
    "--for",
    "lasts",
    callback=values.seconds,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="For so long: 30m, 1h30m, 7d.",
)
@click.option("--reason", callback=values.one_line, default="", metavar="TEXT", help="One line: why.")
@click.option("--list", "listing", is_flag=True, help="Show the silences that hold.")
@click.option("--end", metavar="ID", help="End this silence.")
@options.output("text", "json")
@options.socket
def silence(
    *, matchers: tuple[str, ...], lasts: float, reason: str, listing: bool, end: str | None, output: str, socket: str
) -> None:
    """Keep quiet about some alerts for a while.

    All MATCHERs must apply: LABEL=VALUE, LABEL!=VALUE, LABEL=~REGEX, LABEL!~REGEX (the whole value), or the name of an
    alert. Labels are alertname, severity, service, pool, server (address and port), host (its address) and others that
    `lvsctl alerts -o json` shows. What matches nothing now is silenced when it comes. Receivers still hear of the end
    of what they know. Silences survive restarts and reloads.

    \b
    lvsctl silence service=shop --for 2h --reason "new disks"
    lvsctl silence ServerDown host=10.0.0.7 --for 30m
    lvsctl silence --list
    lvsctl silence --end 3f9a0c12
    """
    if sum([bool(matchers), listing, end is not None]) != 1:
        raise click.UsageError("name what to silence, or say --list, or --end ID")
    from lvsctl.cli import answers, show_alerts  # noqa: PLC0415

    if listing:
        _show(socket, answers.told(socket, "GET", "/v1/silences"), output, show_alerts.silences)
        return
    if end is not None:
        said = answers.told(socket, "DELETE", f"/v1/silences?{urlencode({'id': end}, errors='replace')}")
        _show(socket, said, output, _ended)
    else:
        body = {"matchers": list(matchers), "for": lasts, "reason": reason}
        said = answers.told(socket, "POST", "/v1/silences", body)
        _show(socket, said, output, _begun)
    with answers.expected(socket):
        answers.warn(said["warnings"])


def _begun(said: Json, **_: object) -> str:
    made = said["silence"]
    now = f"{counted(said['alerts'], 'alert')} silenced now" if said["alerts"] else "matches nothing at the moment"
    return f"{made['id']} until {made['until']}: {now}\n"


def _ended(said: Json, **_: object) -> str:
    ended = said["ended"]
    return f"ended: {printable(' '.join(ended['matchers']))}, by {printable(ended['by'])}\n"


def _show(socket: str, said: Json, output: str, render: Callable[..., str]) -> None:
    import json  # noqa: PLC0415

    from lvsctl.cli import answers  # noqa: PLC0415

    with answers.expected(socket):
        text = json.dumps(said, indent=2) + "\n" if output == "json" else render(said, width=terminal_width())
    click.echo(text, nl=False)
