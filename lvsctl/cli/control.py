"""`status` and `reload`: what is asked of the running daemon."""

from __future__ import annotations

from typing import Any

import click

from lvsctl.cli import options, watching
from lvsctl.cli.columns import printable, terminal_width
from lvsctl.errors import LvsctlError

RELOAD_TIMEOUT = 60.0  # seconds: the daemon reads conf.d and the kernel before it answers


@click.command(cls=watching.Watchable)
@click.argument("service", required=False)
@options.output("table", "wide", "json", "ipvsadm", default="table")
@watching.option
@options.socket
def status(service: str | None, output: str, watch: float | None, socket: str) -> None:
    """Show services, pools and servers as the daemon sees them.

    SERVICE limits it to one: its name, or its address as in 192.0.2.1:80. CONNS is active plus inactive connections
    against the upper threshold; a WEIGHT of - is out of the table, with the configured weight behind it. With -o
    ipvsadm: what `ipvsadm -L -n` prints. With -w a daemon that is restarted is waited for.

    \b
    lvsctl status
    lvsctl status shop -w
    lvsctl status -o wide | grep down
    """
    if watch is None:
        click.echo(_status(service, output, socket), nl=False)
    else:
        watching.watch(lambda: _status(service, output, socket), watch, redraw=output != "json")


def _status(service: str | None, output: str, socket: str) -> str:
    from lvsctl.cli import answers  # noqa: PLC0415

    whole = output in ("json", "ipvsadm")  # nothing else shows the kernel's table as it is
    said = answers.told(socket, "GET", "/v1/status" if whole else "/v1/status?table=no")
    with answers.expected(socket, said):
        return _render(said, service, output)


def _render(body: dict[str, Any], service: str | None, output: str) -> str:
    import json  # noqa: PLC0415

    from lvsctl.cli import show_ipvsadm, show_status  # noqa: PLC0415

    body = body if service is None else show_status.only(body, service)
    match output:
        case "json":
            return json.dumps(body, indent=2) + "\n"
        case "ipvsadm" if service is None:
            kernel = body["kernel"]
            return show_ipvsadm.render(body["table"], version=kernel["version"], size=kernel["table_size"])
        case "ipvsadm":
            return show_ipvsadm.listing(body["table"])
    return show_status.render(body, wide=output == "wide", width=terminal_width())


@click.command()
@options.socket
def reload(socket: str) -> int:
    """Make the daemon read conf.d again.

    If there is anything wrong in it, the problems are shown, nothing changes, and the exit status is 1.
    """
    from lvsctl.cli import answers, client  # noqa: PLC0415

    answer = client.ask(socket, "POST", "/v1/reload", timeout=RELOAD_TIMEOUT)
    taken = answer.status == 200
    if not taken and "problems" not in answer.body:  # it did not come to reading
        raise answers.refused(socket, "POST", "/v1/reload", answer)
    with answers.expected(socket):
        lines = [printable(str(line)) for line in answer.body["warnings" if taken else "problems"]]
    for line in lines:
        click.echo(line, err=True)
    if not taken:
        raise LvsctlError("not reloaded: the daemon goes on with the configuration that it had")
    click.echo("reloaded")
    return 0
