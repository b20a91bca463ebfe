"""`top`: the command; what draws is imported when it is run, and only where it is installed."""

from __future__ import annotations

import click

from lvsctl.cli import options, watching
from lvsctl.errors import LvsctlError


@click.command()
@click.option(
    "-n",
    "--interval",
    type=float,
    callback=watching.seconds,
    default=watching.USUAL,
    show_default=True,
    metavar="SECONDS",
    help="How long after an answer the daemon is asked again.",
)
@options.socket
def top(interval: float, socket: str) -> None:
    """Show the status on the whole screen, kept up to date.

    Services, pools and servers with their connections against the thresholds, what spills, the last answers, how the
    latencies go, and recent events. Keys sort, filter, drain and undrain; h shows them all. Colours as the terminal has
    them, none with NO_COLOR; plain ASCII where the locale has no UTF-8. It needs the extra `tui`.
    """
    try:
        import rich  # noqa: F401, PLC0415 - the extra
    except ImportError as error:
        raise LvsctlError("top needs the package rich: pip install 'lvsctl[tui]'") from error
    from lvsctl.cli.top.loop import run  # noqa: PLC0415

    run(socket, interval)
