"""What the documents say of commands, files and configuration is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lvsctl.checks.registry import installed
from lvsctl.cli import COMMANDS, cli
from lvsctl.config.load import load

ROOT = Path(__file__).parents[2]
READMES = sorted(path.relative_to(ROOT) for path in (ROOT / "README.md", *ROOT.glob("deploy/*/README.md")))
DOCUMENTS = [*READMES, Path("CHANGELOG.md")]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
PATHS = re.compile(r"(?:lvsctl|deploy|conf\.d|schema|tests|healthchecks)/[a-z0-9_./-]*")


def blocks(document: Path, form: str) -> list[str]:
    return [text for kind, text in FENCED.findall((ROOT / document).read_text()) if kind == form]


def inline(document: Path) -> list[str]:
    text = FENCED.sub("", (ROOT / document).read_text())
    return [" ".join(found.split()) for found in INLINE.findall(text)]


def said(document: Path) -> Iterator[str]:
    """Every command of ours, each by itself."""
    lines = [line.partition("  #")[0] for block in blocks(document, "") for line in block.splitlines()]
    for line in [*lines, *inline(document)]:
        yield from (part.strip() for part in re.split(r"&&|;", line) if part.strip().startswith("lvsctl "))


def understood(words: list[str]) -> None:
    """Raises click.UsageError where the program would. That something is missing is no mistake: it is only named."""
    command: click.Command = cli
    context: click.Context | None = None
    while words:
        try:
            context = command.make_context("lvsctl", list(words), parent=context)
        except click.MissingParameter:
            return
        if not isinstance(command, click.Group):
            return
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        _, found, words = command.resolve_command(context, rest)
        assert found is not None
        command = found


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_the_commands_are_those_that_lvsctl_has(document: Path) -> None:
    for command in said(document):
        words = shlex.split(command)[1:]
        if re.search(r"[A-Z]{2}|\bN\b|[|>…\[]|--[a-z-]+$", command):  # what stands for something, or is named alone
            assert words[0] in COMMANDS or words[0].startswith("-"), command
        elif words[0] not in ("-h", "--help") and "--help" not in words:
            understood(words)


def test_that_finds_mistakes() -> None:
    for command in ("drian web1", "drain web1 --fro 30m", "pair sattus", "failover --timeout 5s x"):
        with pytest.raises(click.UsageError):
            understood(command.split())


@pytest.mark.parametrize("document", READMES, ids=str)
def test_the_files_are_there(document: Path) -> None:
    for name in (found for found in inline(document) if PATHS.fullmatch(found)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("document", READMES, ids=str)
def test_what_is_to_be_made_can_be_made(document: Path) -> None:
    rules = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    wanted = {name for found in inline(document) for name in re.findall(r"^make ((?:[a-z-]+ ?)+)$", found)}
    assert {name for names in wanted for name in names.split()} - set(rules) == set()


def test_the_ten_lines_are_ten_and_can_be_used(tmp_path: Path) -> None:
    [lines] = blocks(Path("README.md"), "yaml")
    assert len(lines.splitlines()) == 10
    (tmp_path / "shop.yaml").write_text(lines)
    assert list(load(tmp_path, installed()).spec.services) == ["shop"]
