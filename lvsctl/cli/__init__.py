"""What an operator types: parse, call one room, print."""

from __future__ import annotations

import click

from lvsctl import __version__
from lvsctl.cli import options
from lvsctl.cli.program import Program

ABOUT = """Health-checking controller for Linux Virtual Server (IPVS).

lvsctl reads conf.d, checks the real servers, and keeps the kernel's IPVS table equal to what ought to be there: servers
that fail their checks leave it, servers that recover return, and what others change behind its back is put right.
Services that others made are left alone.
"""

EPILOG = """\b
Exit status:
  0  done, or nothing to do
  1  failure (stderr says what to do); `check` failed; `doctor` found errors
  2  wrong usage
  3  `plan` found changes
  4  no daemon answers
  5  --wait: at its deadline there are connections left
  6  `failover --wait`: at its deadline no other director is active

\b
Example: what would change, and why; then keep it so:
  lvsctl validate && lvsctl plan
  systemctl enable --now lvsctl && lvsctl status

\b
Tab completes commands and options after:
  eval "$(_LVSCTL_COMPLETE=bash_source lvsctl)"
"""

COMMANDS = {  # in the order of use
    "validate": ("lvsctl.cli.configuration", "Read conf.d and report every mistake of every file."),
    "schema": ("lvsctl.cli.configuration", "Print the JSON Schema (draft 7) of conf.d."),
    "check": ("lvsctl.cli.asking", "Ask one question by hand and show how the answer came about."),
    "plan": ("lvsctl.cli.changes", "Show what `apply` would change in the kernel's table, and why."),
    "apply": ("lvsctl.cli.changes", "Do one round by hand: check, then change what has to be."),
    "doctor": ("lvsctl.cli.doctor", "Look for what is wrong with this host, and say what mends it."),
    "run": ("lvsctl.cli.changes", "Run the daemon, in the foreground."),
    "status": ("lvsctl.cli.control", "Show services, pools and servers as the daemon sees them."),
    "top": ("lvsctl.cli.top.command", "Show the status on the whole screen, kept up to date."),
    "explain": ("lvsctl.cli.explain", "Say why a service or a server stands as it does."),
    "drain": ("lvsctl.cli.overrides", "Let a server finish its connections and give it no new ones."),
    "disable": ("lvsctl.cli.overrides", "Take a server out of the table at once."),
    "weight": ("lvsctl.cli.overrides", "Give a server another weight for a while."),
    "enable": ("lvsctl.cli.overrides", "End what was ordered of a server or a pool."),
    "overrides": ("lvsctl.cli.overrides", "List what operators ordered: who, why and until when."),
    "pair": ("lvsctl.cli.pair", "Show the two directors of a pair, and tell what keepalived says."),
    "failover": ("lvsctl.cli.failover", "Hand over to the other director."),
    "role": ("lvsctl.cli.role", "Say which role this director has, or give it one."),
    "history": ("lvsctl.cli.history", "Show the last transitions: what went down and came up, and why."),
    "alerts": ("lvsctl.cli.alerts", "Show what fires now, and who was told of it."),
    "silence": ("lvsctl.cli.alerts", "Keep quiet about some alerts for a while."),
    "events": ("lvsctl.cli.events", "Show what happens, as the daemon tells it."),
    "reload": ("lvsctl.cli.control", "Make the daemon read conf.d again."),
}


@click.group(
    cls=Program,
    catalogue=COMMANDS,
    help=ABOUT,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@options.config_of_all
@options.socket_of_all
@options.state_dir_of_all
@click.version_option(__version__, prog_name="lvsctl", message="%(prog)s %(version)s")
def cli(**_: str) -> None:
    """The group itself does nothing: its options are the defaults of its commands'."""


def main() -> None:
    """The installed program; ends the process with its exit status."""
    cli.main(prog_name="lvsctl")
