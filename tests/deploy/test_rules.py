"""The alert rules: Prometheus takes them, each is tried, and a person can work with what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lvsctl.cli import COMMANDS
from tests.deploy.exported import DEPLOY, named, names

RULES = DEPLOY / "prometheus" / "alerts.rules.yml"
TESTS = Path(__file__).with_name("alerts.test.yml")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("command", [("check", "rules", str(RULES)), ("test", "rules", str(TESTS))], ids=" ".join)
def test_promtool_is_content(command: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_seen_to_fire() -> None:
    tried = {
        sample["labels"].split('"')[1]
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for expression in test.get("promql_expr_test", ())
        for sample in expression["exp_samples"]
    }
    assert tried == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_says_what_is_the_matter_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert all(len(text) > 15 for text in rule["annotations"].values())


def test_the_commands_in_what_to_do_are_those_that_lvsctl_has() -> None:
    texts = [text for rule in rules() for text in rule["annotations"].values()]
    commands = {word for text in texts for word in re.findall(r"`lvsctl ([a-z]+)", text)}
    assert len(commands) > 5
    assert commands - COMMANDS.keys() == set()


async def test_the_rules_name_only_what_is_exported(tmp_path: Path) -> None:
    wanted = {name for rule in rules() for name in named(rule["expr"])}
    assert wanted
    assert wanted - await names(tmp_path) == set()
