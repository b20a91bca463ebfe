"""The program around the commands: loads the one that is asked for; makes every failure one line and a status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import click

from lvsctl.cli.columns import printable
from lvsctl.errors import ConfigError, LvsctlError


class Program(click.Group):
    """A group whose commands live in modules that are imported when they are run.

    catalogue: command name -> the module that has the command under this name, and its line in `--help`, in the order
    of `--help`.
    """

    def __init__(self, *, catalogue: Mapping[str, tuple[str, str]], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._catalogue = catalogue

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._catalogue)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._catalogue:
            return None
        module, _ = self._catalogue[cmd_name]
        command: click.Command = getattr(import_module(module), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._catalogue.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:  # that is the shell, completing a command's name
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **named: Any) -> Any:
        """Run and end the process. Every command returns its exit status, None for 0."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # conf.d may have letters that the locale has not
        named["standalone_mode"] = False
        raise SystemExit(_status(lambda: super(Program, self).main(*args, **named)))


def _status(call: Callable[[], int | None]) -> int:
    """The exit status of the call; what went wrong is said on stderr. A broken pipe is click's to end quietly."""
    try:
        return call() or 0
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "lvsctl"
        return _say(f"{error.format_message()} (see '{path} --help')", error.exit_code)
    except click.Abort:
        return _say("interrupted", 1)
    except ConfigError as error:
        click.echo(str(error), err=True)
        return _say("the configuration cannot be used; the lines above say where and why", error.exit_status)
    except LvsctlError as error:
        return _say(str(error), error.exit_status)
    except OSError as error:
        _drop_output()
        return _say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)
    except Exception as error:
        return _unexpected(error)


def _drop_output() -> None:
    """What could not be written is not tried again when the interpreter ends: it would complain in words of its own."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no stdout, or none with a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str, status: int) -> int:
    click.echo(f"lvsctl: {printable(' '.join(message.split()))}", err=True)
    return status


def _unexpected(error: Exception) -> int:
    """A bug. Its place is of use to whoever reports it, not to whoever is on call."""
    if os.environ.get("LVSCTL_DEBUG"):
        import traceback  # noqa: PLC0415

        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _say(f"a bug in lvsctl ({what}): run it again with LVSCTL_DEBUG=1 to see where, and report it", 1)
