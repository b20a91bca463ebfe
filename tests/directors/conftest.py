"""What tests of whole directors share: a town whose servers serve; and the report of what they measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.directors.pair import servers
from tests.directors.town import Town

SECTIONS = {
    "figures": "figures: intervals, and in brackets what the protocol has",
    "traffic": "figures: what clients met with, beside keepalived",
}


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Built once: starting programs takes long in the lab. Who starts directors in it takes them away again."""
    with Town().standing() as made, servers(made, tmp_path_factory.mktemp("servers")):
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What each case recorded under the name of one of the sections."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    properties = [each for report in reports if report.when == "call" for each in report.user_properties]
    for section, title in SECTIONS.items():
        lines = [line for name, value in properties if name == section for line in str(value).splitlines()]
        if lines:
            terminalreporter.section(title)
        for line in lines:
            terminalreporter.line(line)
