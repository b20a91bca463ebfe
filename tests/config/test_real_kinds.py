"""The configuration with the kinds that are really installed: the examples, the seed, and what the kinds refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvsctl.checks.registry import installed
from lvsctl.config.load import load
from lvsctl.errors import ConfigError
from tests.config.test_compile import SEED

EXAMPLES = Path(__file__).parents[2] / "conf.d"


def test_the_examples_load_as_they_stand() -> None:
    found = load(EXAMPLES, installed())
    assert [warning.path for warning in found.warnings] == ["services.shop.persistent"]
    assert list(found.spec.services) == ["shop", "intranet", "mirror", "names", "phones", "marked"]


def test_the_example_of_a_pair_loads_once_it_has_its_key(tmp_path: Path) -> None:
    for file in EXAMPLES.iterdir():
        text = file.read_text().replace("/etc/lvsctl/peer.key", str(tmp_path / "key"))
        (tmp_path / file.name.removesuffix(".example")).write_text(text)
    (tmp_path / "key").write_text("0123456789abcdef\n")
    found = load(tmp_path, installed())
    assert [warning.path for warning in found.warnings] == ["services.shop.persistent"]
    assert found.spec.pair is not None
    assert found.spec.pair.names == ("web4", "web6")


def test_the_seeds_example_loads_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SEED)
    found = load(tmp_path, installed())
    assert [str(question.target) for question in found.spec.questions.values()] == [
        "112.2.13.21:80",
        "112.2.13.22:80",
        "112.2.13.23:80",
        "112.2.13.13:80",
    ]


def said(check: str, tmp_path: Path) -> list[str]:
    text = f"services:\n  web:\n    address: 192.0.2.1:80\n    servers: [192.0.2.2]\n    check: {check}\n"
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, installed())
    return [
        f"{one.line}:{one.column}: {one.path.removeprefix('services.web.')}: {one.message}"
        for one in caught.value.problems
    ]


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    (problem,) = said("{exec: {command: [/nonexistent/check, -v]}}", tmp_path)
    assert problem.startswith("5:20: check.exec.command: ")
    assert "/nonexistent/check" in problem


def test_a_secret_header_that_does_not_fit_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", "two\nlines")
    (problem,) = said("{http: {headers: {X-Token: '${env:LVSCTL_TEST_TOKEN}'}}}", tmp_path)
    assert problem == (
        "5:20: check.http.headers: the check does not accept this value; what it holds is not shown because "
        "it is secret"
    )


def test_a_secret_in_a_header_is_in_no_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVSCTL_TEST_TOKEN", "tr0ub4dor")
    check = "{http: {headers: {X-Token: '${env:LVSCTL_TEST_TOKEN}'}}}"
    text = f"services: {{web: {{address: '192.0.2.1:80', servers: [192.0.2.2], check: {check}}}}}\n"
    (tmp_path / "a.yaml").write_text(text)
    found = load(tmp_path, installed())
    (question,) = found.spec.questions.values()
    assert "tr0ub4dor" in str(question.params.model_dump())  # type: ignore[attr-defined]
    assert "tr0ub4dor" not in repr(found) + str(question.params)


@pytest.mark.parametrize("truth", ["yes", "off", "1"])
def test_what_yaml_1_2_does_not_call_true_or_false_is_neither(truth: str, tmp_path: Path) -> None:
    (problem,) = said(f"{{http: {{tls: {truth}}}}}", tmp_path)
    assert problem == f"5:25: check.http.tls: must be true or false, not `{truth}`"
