"""What tests of whole directors share: a town whose servers serve; and the report of what they measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.directors.pair import servers
from tests.directors.town import Town


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Built once: starting programs takes long in the lab. Who starts directors in it takes them away again."""
    with Town().standing() as made, servers(made, tmp_path_factory.mktemp("servers")):
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What each case recorded under `figures`."""
    reports = [report for report in terminalreporter.getreports("passed") if report.when == "call"]
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "figures"]
    if lines:
        terminalreporter.section("figures: intervals, and in brackets what the protocol has")
        for line in lines:
            terminalreporter.line(line)
