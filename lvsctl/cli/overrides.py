"""`drain`, `disable`, `weight`, `enable` and `overrides`: what operators order against conf.d, for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from lvsctl import __version__
from lvsctl.cli import options
from lvsctl.cli.columns import Row, align, counted, printable
from lvsctl.errors import LvsctlError

Json = dict[str, Any]

DEFAULT_TIMEOUT = "5m"
SHOWN = 4  # servers that one line names
_DONE = {"drain": "drained", "disable": "disabled"}

_subjects = click.argument("subjects", metavar="SUBJECT...", nargs=-1, required=True)
_force = click.option("--force", is_flag=True, help="Although nobody is left then to take a service's connections.")


@dataclass(frozen=True, slots=True)
class _Wish:
    """The options that all orders share. seconds: None for good; timeout: seconds, None: do not wait."""

    socket: str
    seconds: float | None
    reason: str
    force: bool
    timeout: float | None


def _wish(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, handed on as one `wish`."""
    from functools import wraps  # noqa: PLC0415

    @wraps(command)
    def called(
        *, lasts: str | None, reason: str, force: bool, wait: bool, timeout: str | None, socket: str, **more: Any
    ) -> Any:
        if timeout is not None and not wait:
            raise click.UsageError("--timeout is for --wait: give both, or none")
        seconds = None if lasts is None else _seconds("--for", lasts)
        deadline = _seconds("--timeout", timeout or DEFAULT_TIMEOUT) if wait else None
        return command(wish=_Wish(socket, seconds, reason, force, deadline), **more)

    for option in (
        options.socket,
        click.option("--timeout", metavar="TIME", help=f"With --wait: no longer than this. Default {DEFAULT_TIMEOUT}."),
        click.option("--wait", is_flag=True, help="Return when no connection is left; status 5 at --timeout."),
        _force,
        click.option("--reason", default="", metavar="TEXT", help="One line for whoever asks why."),
        click.option("--for", "lasts", metavar="TIME", help="End by itself after 90s, 30m, 8h; else at `enable`."),
    ):
        called = option(called)
    return called


def _seconds(option: str, text: str) -> float:
    from lvsctl.config.values import duration  # noqa: PLC0415

    try:
        seconds = duration(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from error
    if not seconds:
        raise click.UsageError(f"{option}: must be longer than 0s")
    return seconds


@click.command()
@_subjects
@_wish
def drain(subjects: tuple[str, ...], wish: _Wish) -> None:
    """Let a server finish its connections and give it no new ones.

    SUBJECT is a server: an address (all its ports), an address and a port, or its name in conf.d, in every service;
    SERVICE/SERVER for one service; or SERVICE/POOL. It has weight 0 until its time is over or `lvsctl enable`, over
    every reload and restart; with `drain_timeout` in conf.d it also leaves the table in the end.

    Several orders may name one server; the most specific holds: SERVICE/SERVER before SERVER before SERVICE/POOL, and
    with a port before without. Of two alike, disable holds before drain and drain before weight.

    --wait counts established connections and all others; the kernel remembers a closed TCP connection for up to two
    minutes. It does not count persistence: a client that is remembered still gets to a drained server, unless the
    sysctl net.ipv4.vs.expire_quiescent_template is 1. ^C ends the waiting, not the drain.
    """
    _order(wish, "drain", subjects)


@click.command()
@_subjects
@_wish
def disable(subjects: tuple[str, ...], wish: _Wish) -> None:
    """Take a server out of the table at once.

    SUBJECT is named, and what holds is decided, as `lvsctl drain --help` says. Connections of a server that is not in
    the table are no more counted (--wait does not wait for them); whether they go on is the kernel's to say
    (net.ipv4.vs.expire_nodest_conn).
    """
    _order(wish, "disable", subjects)


@click.command()
@click.argument("subject")
@click.argument("weight", metavar="N|N%")
@_wish
def weight(subject: str, weight: str, wish: _Wish) -> None:
    """Give a server another weight for a while.

    N is the weight, N% a share of the configured one, which never becomes 0 unless that was asked for. It holds while
    the server is up; with hprio and fo the weight is the priority, so it moves to another pool. SUBJECT is named, and
    what holds is decided, as `lvsctl drain --help` says. --wait is for weight 0.
    """
    if wish.timeout is not None and weight not in ("0", "0%"):
        raise click.UsageError("--wait waits for a server to have no connections: it goes with weight 0, or `drain`")
    _order(wish, "weight", (subject,), weight)


@click.command()
@_subjects
@_force
@options.socket
def enable(subjects: tuple[str, ...], force: bool, socket: str) -> None:
    """End what was ordered of a server or a pool.

    SUBJECT is named as `lvsctl drain --help` says. What was ordered of a part of it ends, too; what was ordered of more
    than it, or by a file of the maintenance directory, does not, and is named. The exit status is 1 if there was
    nothing to end.
    """
    from urllib.parse import quote  # noqa: PLC0415

    for subject in subjects:
        query = f"subject={quote(subject, safe='', errors='replace')}" + ("&force=1" if force else "")
        body = _ask(socket, "DELETE", f"/v1/overrides?{query}")
        with _Expected():
            for one in body["ended"]:
                click.echo(printable(f"{one['subject']} is no longer {_done(one)} (ordered by {one['by']})"))
            _warn(body)


@click.command()
@options.output("text", "json")
@options.socket
def overrides(output: str, socket: str) -> None:
    """List what operators ordered: who, why and until when.

    An order whose servers are not in conf.d now is idle: it holds again when they come back.
    """
    body = _ask(socket, "GET", "/v1/overrides")
    with _Expected():
        if output == "json":
            import json  # noqa: PLC0415

            text = json.dumps(body, indent=2) + "\n"
        else:
            text = _table(body["overrides"])
    click.echo(text, nl=False)


def _order(wish: _Wish, action: str, subjects: tuple[str, ...], weight: str | None = None) -> None:
    servers: list[tuple[str, str, int]] = []
    for subject in subjects:
        order = {"subject": subject, "action": action, "reason": wish.reason, "force": wish.force, "for": wish.seconds}
        body = _ask(wish.socket, "POST", "/v1/overrides", order if weight is None else {**order, "weight": weight})
        with _Expected():
            one = body["override"]
            until = f" until {_moment(one['until'])}" if one["until"] else ""
            click.echo(printable(f"{one['subject']} is {_done(one)}{until}: {_servers(one)}"))
            _warn(body)
            servers += [(server["service"], server["address"], server["port"]) for server in one["servers"]]
    if wish.timeout is not None:
        from lvsctl.cli.waiting import wait  # noqa: PLC0415

        with _Expected():
            took = wait(wish.socket, subjects, servers, wish.timeout)
        click.echo(f"no connections left after {took:.0f} s")


def _ask(socket: str, method: str, resource: str, body: Json | None = None) -> Json:
    from lvsctl.cli import client  # noqa: PLC0415

    answer = client.ask(socket, method, resource, body=body)
    if answer.status in (404, 409, 422):
        raise LvsctlError(str(answer.body.get("error", f"HTTP status {answer.status}")))
    if answer.status != 200:
        raise LvsctlError(f"the daemon cannot do it: {answer.body.get('error', f'HTTP status {answer.status}')}")
    return answer.body


class _Expected:
    """What does not have the expected shape comes from a daemon of another version."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyError | TypeError | AttributeError):
            raise LvsctlError(
                f"the daemon's answer is not what this lvsctl ({__version__}) expects: "
                "restart the daemon after an upgrade (systemctl restart lvsctl)"
            ) from error


def _done(override: Json) -> str:
    return _DONE.get(override["action"]) or f"given the weight {override['weight']}"


def _servers(override: Json) -> str:
    found = [f"{one['service']}/{_endpoint(one)}" for one in override["servers"]]
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {counted(more, 'server')} more" if more > 0 else "")


def _endpoint(server: Json) -> str:
    address, port = server["address"], server["port"]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _warn(body: Json) -> None:
    for line in body["warnings"]:
        click.echo(printable(f"warning: {line}"), err=True)


def _moment(moment: str) -> str:
    """Without the fractions of a second."""
    return f"{moment[:19]}Z"


def _table(listed: list[Json]) -> str:
    if not listed:
        return "nothing is drained, disabled or given another weight\n"
    rows: list[Row] = [("SUBJECT", "ORDER", "SERVICES", "SINCE", "UNTIL", "BY", "REASON")]
    for one in listed:
        rows.append(
            [
                one["subject"],
                f"weight {one['weight']}" if one["action"] == "weight" else one["action"],
                ", ".join(one["services"]) or "none: idle",
                _moment(one["since"]),
                _moment(one["until"]) if one["until"] else "-",
                one["by"],
                one["reason"] or "-",
            ]
        )
    return align(rows)
