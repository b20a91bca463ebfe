"""What tests of whole directors share: a town whose servers serve."""

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
