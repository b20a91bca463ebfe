"""Which kinds are installed, and what a broken package does to the others: nothing."""

from __future__ import annotations

import sys
import types
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from lvsctl.checkapi import RESERVED, Kind, Params
from lvsctl.checks.registry import GROUP, installed
from lvsctl.config.check import CheckKeys


class Package(Distribution):
    """A distribution that is only a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def metadata(self):
        return {"Name": self._name}

    @property
    def name(self) -> str:
        return self._name

    def read_text(self, filename: str) -> None:
        return None

    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


def point(name: str, value: str, package: str = "lvsctl-extra") -> EntryPoint:
    return EntryPoint(name, value, GROUP)._for(Package(package))


async def run(ask):
    raise NotImplementedError


@pytest.fixture
def extra(monkeypatch):
    """Somebody else's module with kinds in it, good and bad."""
    module = types.ModuleType("lvsctl_extra")
    module.dns = Kind("dns", "asks a name", Params, run)
    module.other = Kind("other", "", Params, run)
    module.dict_params = Kind("dict_params", "", dict, run)
    module.number = 5
    monkeypatch.setitem(sys.modules, "lvsctl_extra", module)
    return module


def test_the_built_in_kinds_come_through_the_same_group():
    found = installed()
    assert {"tcp", "http", "exec"} <= found.keys()
    assert all(kind.name == name for name, kind in found.items())
    assert found.broken == {}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (
            "no_such_module:KIND",
            "no_such_module:KIND of lvsctl-extra: cannot be loaded: "
            "ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (
            "lvsctl_extra:missing",
            "lvsctl_extra:missing of lvsctl-extra: cannot be loaded: "
            "AttributeError: module 'lvsctl_extra' has no attribute 'missing'",
        ),
        ("lvsctl_extra:number", "lvsctl_extra:number of lvsctl-extra: is a int, not a lvsctl.checkapi.Kind"),
        (
            "lvsctl_extra:other",
            "lvsctl_extra:other of lvsctl-extra: calls itself 'other', its entry point calls it 'bad'",
        ),
    ],
)
def test_a_broken_kind_is_reported_and_takes_no_other_down(extra, value, why):
    found = installed([point("bad", value), point("dns", "lvsctl_extra:dns")])
    assert dict(found) == {"dns": extra.dns}
    assert found.broken == {"bad": why}


def test_a_module_that_ends_the_program_when_imported_is_reported(monkeypatch, tmp_path):
    (tmp_path / "lvsctl_quits.py").write_text("import sys\nsys.exit('usage: …')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert installed([point("quits", "lvsctl_quits:KIND")]).broken == {
        "quits": "lvsctl_quits:KIND of lvsctl-extra: cannot be loaded: SystemExit: usage: …"
    }


def test_a_kind_that_is_called_like_a_key_beside_it_would_break_every_check(extra):
    extra.interval = Kind("interval", "", Params, run)
    assert installed([point("interval", "lvsctl_extra:interval")]).broken == {
        "interval": "lvsctl_extra:interval of lvsctl-extra: "
        "interval means something else in conf.d, no kind can be called so"
    }


def test_every_key_beside_a_kind_is_reserved():
    assert {*CheckKeys.model_fields, "none"} == RESERVED


def test_params_must_be_ours(extra):
    found = installed([point("dict_params", "lvsctl_extra:dict_params")])
    assert found.broken["dict_params"].endswith("its params are not derived from lvsctl.checkapi.Params")


@pytest.mark.parametrize("turned", [False, True])
def test_nobody_takes_a_built_in_name(extra, turned):
    ours, theirs = point("tcp", "healthchecks.tcp:KIND", "lvsctl"), point("tcp", "lvsctl_extra:dns", "a-package")
    found = installed([theirs, ours] if turned else [ours, theirs])
    assert found["tcp"].params.__module__ == "healthchecks.tcp"
    assert found.broken == {"tcp (a-package)": "another package already provides tcp"}
