"""The Grafana dashboard: it can be read, its panels do not overlap, and it asks only for what there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.deploy.exported import DEPLOY, named, names

DASHBOARD = DEPLOY / "grafana" / "lvsctl.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def queries(node: Any) -> Iterator[str]:
    """Every expression, and every query of a variable."""
    if isinstance(node, dict):
        yield from (node[key] for key in ("expr", "definition") if isinstance(node.get(key), str))
        yield from (query for value in node.values() for query in queries(value))
    elif isinstance(node, list):
        yield from (query for value in node for query in queries(value))


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


def test_every_variable_that_is_used_is_defined() -> None:
    found = dashboard()
    defined = {f"${one['name']}" for one in found["templating"]["list"]} | {"$__rate_interval", "$__all"}
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
