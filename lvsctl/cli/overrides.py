"""`drain`, `disable`, `weight`, `enable` and `overrides`: what operators order against conf.d, for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from lvsctl.cli import options, values
from lvsctl.cli.columns import Row, align, counted, printable
from lvsctl.errors import DaemonUnreachable, LvsctlError

Json = dict[str, Any]

DEFAULT_TIMEOUT = 300.0  # seconds
SHOWN = 4  # servers that one line names
_DONE = {"drain": "drained", "disable": "disabled"}

_subjects = click.argument("subjects", metavar="SUBJECT...", nargs=-1, required=True)
_TIMEOUT = "With --wait: no longer than this.  [default: 5m]"
_FOR = "End by itself after 90s, 30m, 1h30m, 7d.  [default: at `lvsctl enable`]"
_FORCE = "Even where nobody is left to take a service's connections, at once or when an order ends."
_force = click.option("--force", is_flag=True, help=_FORCE)


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
        *, lasts: float | None, reason: str, force: bool, wait: bool, timeout: float | None, socket: str, **more: Any
    ) -> Any:
        if timeout is not None and not wait:
            raise click.UsageError("--timeout is for --wait: give both, or none")
        deadline = (timeout or DEFAULT_TIMEOUT) if wait else None
        return command(wish=_Wish(socket, lasts, reason, force, deadline), **more)

    for option in (
        options.socket,
        click.option("--timeout", callback=values.seconds, metavar="TIME", help=_TIMEOUT),
        click.option("--wait", is_flag=True, help="Return when no connection is left; exit status 5 at --timeout."),
        _force,
        click.option("--reason", callback=values.one_line, default="", metavar="TEXT", help="One line: why."),
        click.option("--for", "lasts", callback=values.seconds, metavar="TIME", help=_FOR),
    ):
        called = option(called)
    return called


@click.command()
@_subjects
@_wish
def drain(subjects: tuple[str, ...], wish: _Wish) -> None:
    """Let a server finish its connections and give it no new ones.

    SUBJECT is a server: an address (all its ports), an address and a port, or its name in conf.d, in every service;
    SERVICE/SERVER for one service; or SERVICE/POOL. Of several all are drained, or where one is refused none. It has
    weight 0 until its time is over or `lvsctl enable`, over every reload and restart; with `drain_timeout` in conf.d it
    also leaves the table in the end.

    \b
    lvsctl drain web1 --for 30m --reason "new memory" --wait
    lvsctl drain 192.0.2.21 192.0.2.22:8080 shop/spare

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
    the table are no longer counted, so --wait does not wait for them; whether they go on is up to the sysctl
    net.ipv4.vs.expire_nodest_conn.
    """
    _order(wish, "disable", subjects)


@click.command()
@click.argument("subject")
@click.argument("weight", callback=values.weight, metavar="N|N%")
@_wish
def weight(subject: str, weight: str, wish: _Wish) -> None:
    """Give a server another weight for a while.

    N is the weight, N% a share of the configured one, up to 1000%; less than 1 becomes 1 unless 0 was asked for. It
    holds while the server is up; with hprio and fo the weight is the priority, so it moves to another pool. SUBJECT is
    named, and what holds is decided, as `lvsctl drain --help` says. --wait is for weight 0.

    \b
    lvsctl weight shop/web1 50% --for 1h30m
    lvsctl weight 192.0.2.21 10
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

    SUBJECT is named as `lvsctl drain --help` says, or as `lvsctl overrides` lists it. What was ordered of a part of it
    ends, too; what was ordered of more than it, or by a file of the maintenance directory, does not, and is named. The
    exit status is 1 if there was nothing to end; of several, then none is ended.

    \b
    lvsctl enable web1
    lvsctl enable shop/spare
    """
    from urllib.parse import urlencode  # noqa: PLC0415

    from lvsctl.cli import answers  # noqa: PLC0415

    query = urlencode([*(("subject", one) for one in subjects), *([("force", "1")] if force else [])], errors="replace")
    with _all_or_nothing(subjects):
        body = answers.told(socket, "DELETE", f"/v1/overrides?{query}")
    with answers.expected(socket):
        for one in body["ended"]:
            click.echo(printable(f"{one['subject']} is no longer {_done(one)} (ordered by {one['by']})"))
        answers.warn(body["warnings"])


@click.command()
@options.output("text", "json")
@options.socket
def overrides(output: str, socket: str) -> None:
    """List what operators ordered: who, why and until when.

    Without UNTIL it holds until `lvsctl enable`, or until its file leaves the maintenance directory.
    An order that matches nothing in conf.d now is idle, as after its service was renamed: it holds when that comes
    back, unless `lvsctl enable` or its time ends it before.
    """
    from lvsctl.cli import answers  # noqa: PLC0415

    body = answers.told(socket, "GET", "/v1/overrides")
    with answers.expected(socket):
        if output == "json":
            import json  # noqa: PLC0415

            text = json.dumps(body, indent=2) + "\n"
        else:
            text = _table(body["overrides"])
    click.echo(text, nl=False)


def _order(wish: _Wish, action: str, subjects: tuple[str, ...], weight: str | None = None) -> None:
    from lvsctl.cli import answers  # noqa: PLC0415

    order = {"subjects": subjects, "action": action, "reason": wish.reason, "force": wish.force, "for": wish.seconds}
    with _all_or_nothing(subjects):
        body = answers.told(
            wish.socket, "POST", "/v1/overrides", order if weight is None else {**order, "weight": weight}
        )
    with answers.expected(wish.socket):
        for one in body["overrides"]:
            until = f" until {_moment(one['until'])}" if one["until"] else ""
            click.echo(printable(f"{one['subject']} is {_done(one)}{until}: {_servers(one)}"))
        answers.warn(body["warnings"])
        ordered = [server for one in body["overrides"] for server in one["servers"]]
        servers = [(server["service"], server["address"], server["port"]) for server in ordered]
    if wish.timeout is not None:
        from lvsctl.cli.waiting import wait  # noqa: PLC0415

        with answers.expected(wish.socket):
            took = wait(wish.socket, subjects, servers, wish.timeout)
        click.echo(f"no connections left after {took:.0f} s")


@contextlib.contextmanager
def _all_or_nothing(subjects: tuple[str, ...]) -> Iterator[None]:
    """Of several the daemon does all or, where it refuses one, none: that is said with the refusal."""
    try:
        yield
    except DaemonUnreachable:
        raise
    except LvsctlError as error:
        more = "; nothing was done" if len(subjects) > 1 else ""
        raise LvsctlError(f"{error}{more}") from error


def _done(override: Json) -> str:
    return _DONE.get(override["action"]) or f"given the weight {override['weight']}"


def _servers(override: Json) -> str:
    from lvsctl.cli.show_status import endpoint_text  # noqa: PLC0415

    found = [f"{one['service']}/{endpoint_text(one)}" for one in override["servers"]]
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {counted(more, 'server')} more" if more > 0 else "")


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
                ", ".join(one["services"]) or "idle: matches nothing in conf.d",
                _moment(one["since"]),
                _moment(one["until"]) if one["until"] else "-",
                one["by"],
                one["reason"] or "-",
            ]
        )
    return align(rows)
