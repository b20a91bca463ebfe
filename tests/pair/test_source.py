"""From which address adverts go, where the configuration leaves it to the interface."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from lvsctl.pair.source import sender, sourced, virtual
from tests.pair.making import OURS, THEIRS6, V3, V6, me
from tests.pair.remembered import ETH0

FOUR, SIX = me(V3, source=None), me(V6, source=None)
FAR = replace(SIX, peers=(THEIRS6,))
NEAR = replace(SIX, peers=(ip_address("fe80::1"),))
HELD = ("192.0.2.100/32", "192.0.2.2/24", "192.0.2.7/24", "2001:db8::2/64", "fe80::100/128", "fe80::2/64")


@pytest.mark.parametrize(
    ("configured", "before", "held", "source", "why"),
    [
        (FOUR, None, HELD, "192.0.2.2", "the first that does not move"),
        (FOUR, "192.0.2.7", HELD, "192.0.2.7", "the one before is still there"),
        (FOUR, "192.0.2.9", HELD, "192.0.2.2", "the one before is gone"),
        (FOUR, "192.0.2.2", HELD[:1], "192.0.2.2", "there is no other: its fault is that it is not there"),
        (FOUR, None, HELD[:1], None, "there is none but one that moves"),
        (FOUR, None, HELD[3:], None, "there is none of its family"),
        (SIX, None, HELD, "fe80::2", "the first link-local one that does not move"),
        (SIX, None, HELD[:4], None, "there is no link-local one"),
        (NEAR, None, HELD, "fe80::2", "its peers are link-local"),
        (FAR, None, HELD, "2001:db8::2", "its peers are not link-local"),
        (me(V3), "192.0.2.7", HELD, str(OURS), "it is configured"),
        (me(V3), None, (), str(OURS), "it is configured, there or not"),
    ],
)
def test_source(configured, before, held, source, why):
    interface = replace(ETH0, addresses=tuple(map(ip_interface, held)))
    found = sourced(configured, before and ip_address(before), {"eth0": interface}, virtual([FOUR, SIX]))
    assert found.source == (source and ip_address(source)), why
    assert replace(found, source=None) == replace(configured, source=None)


def test_an_interface_that_is_not_there_has_none():
    assert sourced(FOUR, None, {"eth0": None}, ()) == FOUR
    with pytest.raises(ValueError, match="web has no address to send from yet"):
        sender(FOUR)
