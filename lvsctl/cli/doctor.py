"""`doctor`: what is wrong with this host, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lvsctl.cli import options

if TYPE_CHECKING:
    from lvsctl.decide.doctor.facts import Daemon


@click.command()
@options.output("text", "json")
@options.config
@options.socket
@options.state_dir
def doctor(output: str, config: str, socket: str, state_dir: str) -> int:
    """Look for what is wrong with this host, and say what mends it.

    Kernel, schedulers and the module of hprio, sysctls that the services in conf.d depend on, their addresses, what the
    director's pair needs, other programs that write the IPVS table, conf.d, and the daemon. Each is ok, a warning or an
    error, with the command that mends it below. Run it as root before going live and after every upgrade.

    Changes nothing; but asking the kernel for a scheduler loads its module, as a service that wants it would. What real
    servers need is not seen from here: with route and tunnel the service's address on lo,
    net.ipv4.conf.all.arp_ignore=1 and arp_announce=2; with tunnel rp_filter=0 on the tunnel device; with masquerade the
    way back through this host.

    The exit status is 1 if there is any error, 0 if there are only warnings or none.
    """
    from pathlib import Path  # noqa: PLC0415

    from lvsctl.cli import show_doctor  # noqa: PLC0415
    from lvsctl.daemon.examine import gather  # noqa: PLC0415

    findings = gather.examine(Path(config), state_dir=Path(state_dir), daemon=_ask_daemon(socket))
    if output == "json":
        import json  # noqa: PLC0415

        click.echo(json.dumps(show_doctor.document(findings), indent=2))
    else:
        click.echo(show_doctor.render(findings), nl=False)
    return 1 if show_doctor.errors(findings) else 0


def _ask_daemon(socket: str) -> Daemon:
    from lvsctl.cli import client  # noqa: PLC0415
    from lvsctl.decide.doctor.facts import Daemon  # noqa: PLC0415
    from lvsctl.errors import DaemonUnreachable, LvsctlError  # noqa: PLC0415

    try:
        body = client.ask(socket, "GET", "/v1/status?table=no").body
    except DaemonUnreachable as error:
        return Daemon(socket, silence=str(error))
    except LvsctlError as error:
        return Daemon(socket, silence=str(error), denied=True)
    try:
        if "error" in body:
            return Daemon(socket, trouble=str(body["error"]))
        return Daemon(
            socket,
            version=str(body["version"]),
            pid=int(body["pid"]),
            ready=bool(body["ready"]),
            reload_ok=bool(body["config"]["reload_ok"]),
            trouble=str(body["round"]["error"] or ""),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):  # of another version, which is then told
        return Daemon(socket, version=str(body.get("version", "")))
