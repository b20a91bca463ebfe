"""`failover`: hand over to the other director, and wait until it has taken over."""

from __future__ import annotations

import click

from lvsctl.cli import options, values

DEFAULT_TIMEOUT = 30.0  # seconds


@click.command()
@click.option("--wait", is_flag=True, help="Return when the other director is active; exit status 6 at --timeout.")
@click.option(
    "--timeout",
    callback=values.seconds,
    metavar="TIME",
    help="With --wait: no longer than this.  [default: 30s]",
)
@click.option("--force", is_flag=True, help="Even where the other director may not take over, or sees less.")
@options.socket
def failover(*, wait: bool, timeout: float | None, force: bool, socket: str) -> None:
    """Hand over to the other director.

    This one says goodbye, takes its addresses away, and stays behind the other until that falls silent or is told to
    hand over in turn. With the provider `manual` it only becomes standby: whoever decides makes the other active.

    It is refused, with the reason, where this director is not active; where the other has not been heard, so that
    nobody might take over; where the other does not trust its own eyes, sees a server down that is up here, or does not
    have a service that is.

    \b
    lvsctl failover --wait && systemctl restart lvsctl
    lvsctl failover --force
    """
    if timeout is not None and not wait:
        raise click.UsageError("--timeout is for --wait: give both, or none")
    from lvsctl.cli import answers, taking_over  # noqa: PLC0415

    held = taking_over.begin(socket) if wait else {}
    said = answers.told(socket, "POST", "/v1/pair/failover", {"force": force})
    with answers.expected(socket):
        answers.warn(said["overruled"])
    if not wait:
        click.echo("handed over: `lvsctl pair status` shows who has taken over")
        return
    with answers.expected(socket):
        took, who = taking_over.wait(socket, held, timeout or DEFAULT_TIMEOUT)
    click.echo(f"{who} is active after {took:.1f} s")
