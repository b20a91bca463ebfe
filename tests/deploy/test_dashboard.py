"""The Grafana dashboard: it can be read, its panels do not overlap, and it asks only for what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.exported import dashboard, expressions, named, names, queries

BUILT_IN = {"$__rate_interval", "$__range"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def test_panels_have_ids_and_places_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_panel_says_what_it_shows_and_takes_the_chosen_data_source() -> None:
    found = dashboard()
    source = found["templating"]["list"][0]
    assert (source["name"], source["type"]) == ("datasource", "datasource")
    for panel in found["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"] == SOURCE
            assert panel["description"]
            assert panel["targets"]
            assert all(target["datasource"] == SOURCE for target in panel["targets"])
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def graphs() -> Iterator[tuple[str, str, str]]:
    """Title, query and legend of everything that is drawn as a line or a bar of its own."""
    for panel in dashboard()["panels"]:
        if panel["type"] in ("timeseries", "state-timeline"):
            yield from ((panel["title"], target["expr"], target["legendFormat"]) for target in panel["targets"])


def test_with_a_hundred_services_no_panel_draws_a_hundred_lines() -> None:
    seen = 0
    for title, query, _ in graphs():
        if any(re.match(r"lvsctl_(service|pool|server|spill)_", name) for name in named(query)):
            assert re.search(r"\b(top|bottom)k\([0-9]+, ", query), title
            seen += 1
    assert seen > 10


def test_a_legend_tells_the_two_directors_of_a_pair_apart() -> None:
    for title, query, legend in graphs():
        if "sum by (kind" not in query:
            assert "{{instance}}" in legend, title


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(expressions())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    command = [promtool, "check", "rules", str(tmp_path / "rules.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_that_is_used_is_defined() -> None:
    found = dashboard()
    defined = {f"${one['name']}" for one in found["templating"]["list"]} | BUILT_IN | {"$__all"}
    used = {word for query in queries(found) for word in _variables(query)}
    assert used - defined == set()


def _variables(query: str) -> Iterator[str]:
    for part in query.split("$")[1:]:
        yield "$" + "".join(_name(part))


def _name(text: str) -> Iterator[str]:
    for letter in text:
        if not (letter.isalnum() or letter == "_"):
            return
        yield letter


async def test_it_asks_only_for_what_is_exported(tmp_path: Path) -> None:
    wanted = {name for query in queries(dashboard()) for name in named(query)}
    assert len(wanted) > 20
    assert wanted - await names(tmp_path) == set()
