"""`plan`, `apply` and `run`: what changes the kernel's table, and what would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lvsctl.cli import options

if TYPE_CHECKING:
    from lvsctl.daemon.once import Once

LOG_FORMS = ("auto", "console", "logfmt", "json")


@click.command()
@options.no_checks
@options.output("text", "json")
@options.config
@options.state_dir
def plan(no_checks: bool, output: str, config: str, state_dir: str) -> int:
    """Show what `apply` would change in the kernel's table, and why.

    Asks every check once. Changes nothing. The exit status is 3 if there is anything to change, 0 if there is not.
    """
    from pathlib import Path  # noqa: PLC0415

    from lvsctl.daemon import once  # noqa: PLC0415

    found = once.plan(Path(config), state_dir=Path(state_dir), checks=not no_checks)
    _show(found, output, applied=False)
    if found.plan or found.withheld:
        return 3
    return 1 if found.refused else 0


@click.command()
@options.no_checks
@options.output("text", "json")
@options.config
@options.state_dir
def apply(no_checks: bool, output: str, config: str, state_dir: str) -> int:
    """Do one round by hand: check, then change what has to be.

    Asks every check once; one answer decides. While the daemon runs it does this itself, and `apply` refuses. The exit
    status is 1 if anything was left undone.
    """
    from pathlib import Path  # noqa: PLC0415

    from lvsctl.daemon import once  # noqa: PLC0415

    done = once.apply(Path(config), state_dir=Path(state_dir), checks=not no_checks)
    _show(done, output, applied=True)
    undone = done.withheld or done.refused or any(result is not None for result in done.results)
    return 1 if undone else 0


@click.command()
@click.option(
    "--log-format",
    type=click.Choice(LOG_FORMS),
    default="auto",
    show_default=True,
    help="auto: for people on a terminal, else logfmt.",
)
@click.option(
    "--socket-group",
    metavar="NAME",
    help="The group whose members may use the control socket.  [default: lvsctl, where there is such a group]",
)
@options.config
@options.socket
@options.state_dir
def run(log_format: str, socket_group: str | None, config: str, socket: str, state_dir: str) -> None:
    """Run the daemon, in the foreground.

    It checks the servers and keeps the table right until SIGTERM; SIGHUP makes it read conf.d again. It tells systemd
    when its first complete round is done. When it stops, the table stays as conf.d says (on_exit).
    """
    import signal  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # a reload asked for during the start waits, or it kills
    from lvsctl.daemon import app  # noqa: PLC0415

    app.run(
        config=Path(config),
        socket=Path(socket),
        socket_group=socket_group,
        state_dir=Path(state_dir),
        log_format=log_format,
    )


def _show(once: Once, output: str, *, applied: bool) -> None:
    from lvsctl.cli import show_plan  # noqa: PLC0415
    from lvsctl.cli.configuration import show_warnings  # noqa: PLC0415

    show_warnings(once.warnings)
    if output == "json":
        import json  # noqa: PLC0415

        click.echo(json.dumps(show_plan.document(once, applied=applied), indent=2))
    else:
        click.echo(show_plan.render(once, applied=applied), nl=False)
