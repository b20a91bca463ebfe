"""Load a configuration that stands in the test."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

from lvsctl.config.load import Loaded, load
from lvsctl.errors import ConfigError
from lvsctl.model import Service
from tests.config.kinds import kinds


def loaded(*texts: str) -> Loaded:
    """The configuration of files named a.yaml, b.yaml, …"""
    with TemporaryDirectory() as folder:
        for name, text in zip("abcdef", texts, strict=False):
            (Path(folder) / f"{name}.yaml").write_text(dedent(text))
        return load(Path(folder), kinds())


def service(body: str, *others: str) -> Service:
    """The service `web` whose keys are `body`."""
    text = "services:\n  web:\n" + "".join(f"    {line}\n" for line in dedent(body).strip("\n").splitlines())
    return loaded(text, *others).spec.services["web"]


def complaints(*texts: str) -> list[str]:
    """What is wrong with the configuration, without the name of the directory."""
    try:
        found = loaded(*texts).warnings
    except ConfigError as error:
        found = error.problems
    return [str(problem).rpartition("/")[2] for problem in found]
