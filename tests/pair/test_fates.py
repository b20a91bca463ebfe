"""What becomes of instances when the configuration is another one."""

from dataclasses import replace

import pytest

from lvsctl.model import ChecksumForm, Family, Instance, Secret, VrrpVersion
from lvsctl.pair.fates import Fate, fates
from tests.pair.making import OURS, THEIRS, V3, me

WEB = me(V3, name="web")
DB = me(V3, name="db", vrid=52)
ONE, TWO = me(WEB, name="one", group="both"), me(DB, name="two", group="both")

ON = {
    "addresses": WEB.addresses[:1],
    "source": OURS + 7,
    "priority": 150,
    "interval": 0.1,
    "preempt": False,
    "preempt_delay": 3.0,
    "peers": (THEIRS,),
    "least_hops": 254,
    "checksum": ChecksumForm.RFC9568,
    "password": Secret("s3cret"),
    "keys": (Secret("key"),),
    "track": ("eth1",),
}
ANEW = {
    "interface": "eth1",
    "vrid": 53,
    "family": Family.INET6,
    "version": VrrpVersion.V2,
    "group": "both",
    "virtual_mac": True,
}


@pytest.mark.parametrize(("field", "fate"), [*((name, Fate.ON) for name in ON), *((name, Fate.ANEW) for name in ANEW)])
def test_of_one_whose_configuration_changes(field: str, fate: Fate) -> None:
    changed = replace(WEB, **{field: (ON | ANEW)[field]})
    assert fates([WEB, DB], [changed, DB]) == {"web": fate, "db": Fate.SAME}


def test_every_field_is_judged() -> None:
    assert {"name", *ON, *ANEW} == set(Instance.__dataclass_fields__)


@pytest.mark.parametrize(
    ("before", "after", "expected", "why"),
    [
        ([], [WEB], {"web": "new"}, "the first"),
        ([WEB], [], {"web": "gone"}, "the last"),
        ([WEB, DB], [DB, WEB], {"web": "same", "db": "same"}, "another order"),
        ([WEB], [me(WEB, name="www")], {"web": "gone", "www": "new"}, "another name is another instance"),
        ([ONE, TWO, DB], [ONE, DB], {"one": "anew", "two": "gone", "db": "same"}, "one leaves its group"),
        ([ONE], [ONE, TWO], {"one": "anew", "two": "new"}, "one joins a group"),
        ([ONE, TWO], [ONE, me(TWO, vrid=9)], {"one": "anew", "two": "anew"}, "a member begins anew"),
        ([ONE, TWO], [ONE, me(TWO, priority=9)], {"one": "same", "two": "on"}, "a member goes on"),
        ([ONE, TWO], [ONE, me(TWO, group="")], {"one": "anew", "two": "anew"}, "a member moves alone from now on"),
        (
            [ONE, TWO, me(DB, name="three", group="others")],
            [ONE, me(TWO, group="others"), me(DB, name="three", group="others")],
            {"one": "anew", "two": "anew", "three": "anew"},
            "a member changes its group: both are others",
        ),
    ],
)
def test_of_several(before: list[Instance], after: list[Instance], expected: dict[str, str], why: str) -> None:
    assert fates(before, after) == expected, why
