"""The installed program as a process: help, wrong usage, exit statuses, broken pipes, and what it imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lvsctl import __version__
from lvsctl.cli import COMMANDS
from lvsctl.daemon import app
from tests.cli.conftest import Run

LVSCTL = str(Path(sys.executable).with_name("lvsctl"))
HEAVY = {
    "pyroute2",
    "aiohttp",
    "asyncio",
    "pydantic",
    "yaml",
    "structlog",
    "tenacity",
    "prometheus_client",
    "httptools",
}
HEAVY |= {"http.client", "email", "lvsctl.model", "lvsctl.daemon", "lvsctl.config", "lvsctl.kernel", "healthchecks"}


def lvsctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LVSCTL, *arguments], capture_output=True, text=True, check=False)


def imported(script: str) -> set[str]:
    code = f"{script}\nimport sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "script",
    [
        "import lvsctl.cli",
        "from lvsctl.cli import COMMANDS, cli\nfor name in COMMANDS: assert cli.get_command(None, name).name == name",
    ],
)
def test_the_command_line_is_light(script: str) -> None:
    assert imported(script) & HEAVY == set()


def test_status_imports_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "from lvsctl.cli import cli\n"
        f"try: cli.main(['status', '--socket', '{tmp_path}/absent'])\n"
        "except SystemExit as end: assert end.code == 4, end.code"
    )
    assert imported(script) & HEAVY == set()


def test_help_says_what_it_is_the_commands_in_the_order_of_use_and_the_exit_statuses() -> None:
    shown = lvsctl("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Usage: lvsctl [OPTIONS] COMMAND [ARGS]...\n\n  Health-checking controller for")
    listed = shown.stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert not any(line.endswith("...") for line in listed)
    assert "  3  `plan` found changes\n" in shown.stdout
    assert "LVSCTL_CONFIG; default: /etc/lvsctl/conf.d" in " ".join(shown.stdout.split())
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_begins_with_its_line_in_the_list(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: lvsctl {name} ")
    assert result.stdout.split("\n\n")[1].strip() == COMMANDS[name][1]


def test_h_is_help_everywhere(run: Run) -> None:
    assert run("-h").stdout == run("--help").stdout
    assert run("status", "-h").stdout == run("status", "--help").stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("lvsctl ex", ["plain,explain"]),
        ("lvsctl plan --no", ["plain,--no-checks"]),
        ("lvsctl role s", ["plain,standby"]),
        ("lvsctl pair st", ["plain,status"]),
        ("lvsctl ", list(COMMANDS)),
    ],
)
def test_the_shell_completes(words: str, completed: list[str]) -> None:
    asked = {"_LVSCTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    shown = subprocess.run([LVSCTL], env=asked, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == [f"plain,{name}" if "," not in name else name for name in completed]
    assert shown.stderr == ""


def test_version() -> None:
    assert lvsctl("--version").stdout == f"lvsctl {__version__}\n"
    module = subprocess.run([sys.executable, "-m", "lvsctl", "--version"], capture_output=True, text=True, check=True)
    assert module.stdout == f"lvsctl {__version__}\n"


def test_without_a_command_the_help_is_shown_and_that_is_wrong_usage() -> None:
    shown = lvsctl()
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr.startswith("Usage: lvsctl ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'. (see 'lvsctl --help')"),
        (["plan", "--no-cheks"], "No such option '--no-cheks'. Did you mean '--no-checks'? (see 'lvsctl plan --help')"),
        (["check"], "Missing argument 'KIND'. (see 'lvsctl check --help')"),
        (["reload", "now"], "Got unexpected extra argument (now) (see 'lvsctl reload --help')"),
        (
            ["status", "-o", "xml"],
            "Invalid value for '-o' / '--output': 'xml' is not one of 'table', 'wide', 'json', 'ipvsadm'. "
            "(see 'lvsctl status --help')",
        ),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"lvsctl: {message}\n")


def test_exit_status_of_the_process(tmp_path: Path) -> None:
    assert lvsctl("--socket", str(tmp_path / "s"), "status").returncode == 4
    assert lvsctl("-c", str(tmp_path / "absent"), "validate").returncode == 1
    assert lvsctl("status", "--nonsense").returncode == 2


def test_a_group_for_the_socket_that_there_is_not() -> None:
    shown = lvsctl("run", "--socket-group", "nosuch")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr == (
        "lvsctl: there is no group `nosuch`: make it (groupadd --system nosuch), or name another with --socket-group\n"
    )


def test_a_reader_that_goes_away_is_no_error_message() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        gone = subprocess.run([LVSCTL, "schema"], stdout=nobody, stderr=subprocess.PIPE, check=False)
    assert (gone.returncode, gone.stderr) == (1, b"")


@pytest.mark.parametrize("command", ["schema", "--version"])  # more than a buffer holds, and less
def test_a_full_disk_is_one_line(command: str) -> None:
    with open("/dev/full", "wb") as full:
        run = subprocess.run([LVSCTL, command], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "lvsctl: No space left on device\n")


def test_a_reload_asked_for_during_the_start_waits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked: list[set[int]] = []
    monkeypatch.setattr(app, "run", lambda **_: blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    assert run("run").exit_code == 0
    assert [signal.SIGHUP in mask for mask in blocked] == [True]


def test_interrupted_while_it_is_loaded_it_says_so_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    command = [sys.executable, "-m", "lvsctl", "status"]
    here = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(command, env=here, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "\nlvsctl: interrupted\n")


def test_what_is_installed_can_be_interrupted_like_that() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"lvsctl": "lvsctl.__main__:main"}
