"""`role`: which role this director has, for scripts; and what it is from now on, for cluster managers."""

from __future__ import annotations

import click

from lvsctl.cli import options
from lvsctl.errors import LvsctlError

ROLES = ("active", "standby", "fault")
"""As model.Role has them; that module costs more to import than completing a word may take."""


@click.command()
@click.argument("role", type=click.Choice(ROLES), required=False)
@options.socket
def role(role: str | None, socket: str) -> None:
    """Say which role this director has, or give it one.

    Without ROLE one word is printed: active where any of its instances is, else fault where any is, else standby. The
    exit status is 0 for each of them, 1 where there is no pair or nobody knows yet, and 4 where no daemon answers.

    With ROLE it has that from now on, over every restart: for the provider `manual`, where Pacemaker, a cloud or an
    operator decides. Nothing keeps two directors from being told to be active.

    \b
    [ "$(lvsctl role)" = active ] && send-report
    lvsctl role active
    """
    from lvsctl.cli import answers  # noqa: PLC0415

    if role is None:
        said = answers.told(socket, "GET", "/v1/pair/role")
    else:
        said = answers.told(socket, "POST", "/v1/pair/role", {"role": role})
    with answers.expected(socket):
        now = said["role"]
        if now is not None and now not in ROLES:
            raise ValueError(now)
    if now is None:
        raise LvsctlError("the role is not known yet: `lvsctl pair status` says what is awaited")
    click.echo(now)
