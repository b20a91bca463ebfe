"""`pair`: both directors as the one here sees them, and what a keepalived beside it says."""

from __future__ import annotations

import click

from lvsctl.cli import options, watching
from lvsctl.cli.columns import terminal_width


@click.group(invoke_without_command=True)
@options.socket
@click.pass_context
def pair(context: click.Context, /, **_: str) -> None:
    """Show the two directors of a pair, and tell what keepalived says.

    Alone it is `lvsctl pair status`. `lvsctl failover` hands over, `lvsctl role` is for scripts.
    """
    if context.invoked_subcommand is None:
        context.invoke(status)


@pair.command(cls=watching.Watchable)
@options.output("text", "json")
@watching.option
@options.socket
def status(output: str, watch: float | None, socket: str) -> None:
    """Show both directors of the pair, as this one sees them.

    ROLE and PRIORITY are this director's, in each of its instances; PEER is what the other one says of itself. A
    priority with another behind it, as in 100 (150), is what is left of the configured one; below it stands what takes
    the rest. What an operator should look after is marked with ATTENTION.

    \b
    lvsctl pair status
    lvsctl pair status -w 1
    lvsctl pair status -o json | jq -r .role
    """
    if watch is None:
        click.echo(_status(output, socket), nl=False)
    else:
        watching.watch(lambda: _status(output, socket), watch, redraw=output != "json")


def _status(output: str, socket: str) -> str:
    from lvsctl.cli import answers  # noqa: PLC0415

    said = answers.told(socket, "GET", "/v1/pair")
    with answers.expected(socket):
        if output == "json":
            import json  # noqa: PLC0415

            return json.dumps(said, indent=2) + "\n"
        from lvsctl.cli import show_pair  # noqa: PLC0415

        return show_pair.render(said, width=terminal_width())


@pair.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[WORD...] INSTANCE|GROUP NAME STATE PRIORITY")
@options.socket
def notify(words: tuple[str, ...], socket: str) -> None:
    """Tell the daemon of a transition, as keepalived's notify script.

    For the provider `keepalived` where its notify FIFO cannot be used. keepalived gives its four arguments itself, in
    this order; WORDs of your own may stand before them, and are not looked at. Nothing is printed unless it fails, and
    states that are no transition (MASTER_PRIORITY and the like) do nothing. The user as whom keepalived runs its
    scripts must be allowed at the socket: be root, or in the group that owns it.

    \b
    vrrp_instance VI_1 {
      notify "/usr/bin/lvsctl pair notify"
    }
    """
    from lvsctl.cli import answers  # noqa: PLC0415

    answers.told(socket, "POST", "/v1/pair/notice", {"arguments": list(words)})
