"""The options that several commands share. Given before the command, they hold for it as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_CONFIG = ("-c", "--config")
_STATE_DIR = "Where it is remembered which services lvsctl made, what operators ordered, and what happened."


def _for_all(*names: str, default: str, variable: str, text: str) -> Callable[[Any], Any]:
    """An option of the program itself: the command line decides, else the environment, else the default."""
    return click.option(
        *names, default=default, envvar=variable, show_envvar=True, show_default=True, metavar="PATH", help=text
    )


def _for_one(*names: str, parameter: str, text: str) -> Callable[[Any], Any]:
    """The same option of one command; where it is not given, that of the command or program above it holds."""

    def inherited() -> Any:
        context: click.Context | None = click.get_current_context()
        while context is not None and parameter not in context.params:
            context = context.parent
        return context.params[parameter] if context is not None else None

    return click.option(*names, parameter, default=inherited, metavar="PATH", help=text)


config_of_all = _for_all(
    *_CONFIG, default="/etc/lvsctl/conf.d", variable="LVSCTL_CONFIG", text="conf.d: a directory of *.yaml, or one file."
)
socket_of_all = _for_all(
    "--socket", default="/run/lvsctl/lvsctl.sock", variable="LVSCTL_SOCKET", text="The daemon's control socket."
)
state_dir_of_all = _for_all(
    "--state-dir",
    default="/var/lib/lvsctl",
    variable="LVSCTL_STATE_DIR",
    text=_STATE_DIR,
)

config = _for_one(*_CONFIG, parameter="config", text="conf.d: a directory of *.yaml, or one file.")
socket = _for_one("--socket", parameter="socket", text="The daemon's control socket.")
state_dir = _for_one("--state-dir", parameter="state_dir", text=_STATE_DIR)
no_checks = click.option("--no-checks", is_flag=True, help="Ask no check: presume every server up.")


def output(*forms: str, default: str = "text") -> Callable[[Any], Any]:
    """-o/--output with these forms."""
    return click.option(
        "-o", "--output", type=click.Choice(forms), default=default, show_default=True, help="Form of the output."
    )
