"""What tests of the configuration share: one schema, which takes longer to make than a file to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from lvsctl.checkapi import AnyKind
from lvsctl.config import load
from lvsctl.config.json_schema import json_schema
from tests.config.kinds import kinds


@pytest.fixture(autouse=True, scope="session")
def one_schema() -> Iterator[None]:
    """The wording of a mistake looks into it, so it was made for every file that has one."""
    ours = cache(lambda: json_schema(kinds()))

    def schema(wanted: Mapping[str, AnyKind]) -> dict[str, Any]:
        return ours() if wanted is kinds() else json_schema(wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "json_schema", schema)
        yield
