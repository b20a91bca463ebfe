"""`lvsctl validate` and `lvsctl schema`: conf.d without a kernel and without a daemon."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.cli.conftest import Run

GOOD = """\
services:
  shop:
    address: 192.0.2.20:80
    scheduler: hprio
    check:
      http: {path: /healthz, status: 200}
      interval: 2s
      timeout: 1s
      fall: 3
    pools:
      service: {weight: 5, servers: [192.0.2.21, 192.0.2.22]}
      spillover: {weight: 1, servers: [192.0.2.13]}
  again:
    address: 192.0.2.30:80
    check: {http: {path: /healthz, status: 200}, interval: 5s, timeout: 1s, fall: 2, fast_interval: 500ms}
    servers: [192.0.2.31]
"""


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(GOOD)
    return tmp_path


def test_a_good_configuration_is_counted(run: Run, conf: Path) -> None:
    result = run("validate", "-c", str(conf))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "ok: 2 services, 4 servers, 4 questions\n"


def test_verbose_shows_the_worst_detection_time_of_every_check(run: Run, conf: Path) -> None:
    result = run("validate", "-v", "-c", str(conf))
    assert result.stdout == (
        "CHECK  TARGET         INTERVAL  FAST  DOWN  TIMEOUT  RISE  FALL  DETECTED  SERVICES\n"
        "http   192.0.2.13:80  2s        2s    2s    1s       2     3     7.6s      shop\n"
        "http   192.0.2.21:80  2s        2s    2s    1s       2     3     7.6s      shop\n"
        "http   192.0.2.22:80  2s        2s    2s    1s       2     3     7.6s      shop\n"
        "http   192.0.2.31:80  5s        0.5s  5s    1s       2     2     7.5s      again\n"
        "ok: 2 services, 4 servers, 4 questions\n"
    )


def test_warnings_are_told_and_change_nothing(run: Run, conf: Path) -> None:
    (conf / "shop.yaml").write_text(GOOD.replace("interval: 5s, timeout: 1s", "interval: 1s, timeout: 3s"))
    result = run("validate", "-c", str(conf))
    assert result.exit_code == 0
    assert result.stdout == "ok: 2 services, 4 servers, 4 questions\n"
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"{conf}/shop.yaml:15:") and ": warning: services.again.check" in line


def test_every_problem_of_every_file_with_its_place(run: Run, conf: Path) -> None:
    (conf / "other.yaml").write_text("services:\n  bad:\n    adress: 192.0.2.40:80\n    servers: [192.0.2.41]\n")
    (conf / "third.yaml").write_text("services: [\n")
    result = run("validate", "-c", str(conf))
    assert (result.exit_code, result.stdout) == (1, "")
    *problems, last = result.stderr.splitlines()
    assert f"{conf}/other.yaml:3:5: services.bad.adress: unknown key `adress`: did you mean `address`?" in problems
    assert any(problem.startswith(f"{conf}/third.yaml:2:1: not valid YAML: ") for problem in problems)
    assert last == "lvsctl: the configuration cannot be used; the lines above say where and why"


def test_no_configuration_at_all(run: Run, tmp_path: Path) -> None:
    result = run("validate", "-c", str(tmp_path / "absent"))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{tmp_path}/absent: ")
    assert len(result.stderr.splitlines()) == 2


def test_the_schema_is_draft_7_and_fits_a_good_file(run: Run) -> None:
    result = run("schema")
    schema = json.loads(result.stdout)
    assert result.exit_code == 0
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(GOOD), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"shop": {"adress": "192.0.2.1"}}}, schema)
