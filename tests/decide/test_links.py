"""What happened to an interface between two looks."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from lvsctl.decide.links import link_events
from lvsctl.model import Interface, LinkChange, LinkEvent

OWN, VIP = ip_interface("192.0.2.10/24"), ip_interface("2001:db8::100/128")
ETH0 = Interface("eth0", 2, b"\2\0\0\0\0\1", up=True, carrier=True, addresses=(OWN, VIP))
DOWN = replace(ETH0, up=False, carrier=False, addresses=(OWN,))


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (ETH0, ETH0, []),
        (None, None, []),
        (ETH0, replace(ETH0, addresses=(VIP, OWN)), []),  # their order says nothing
        (ETH0, replace(ETH0, forwards_v6=True), []),
        (ETH0, None, [(LinkChange.GONE, None)]),
        (None, ETH0, [(LinkChange.APPEARED, None)]),
        (None, DOWN, [(LinkChange.APPEARED, None)]),
        (ETH0, replace(DOWN, index=3), [(LinkChange.GONE, None), (LinkChange.APPEARED, None)]),  # another of this name
        (ETH0, replace(ETH0, carrier=False), [(LinkChange.CARRIER_LOST, None)]),
        (replace(ETH0, carrier=False), ETH0, [(LinkChange.CARRIER_BACK, None)]),
        (ETH0, DOWN, [(LinkChange.DOWN, None), (LinkChange.CARRIER_LOST, None), (LinkChange.ADDRESS_LOST, VIP)]),
        (DOWN, ETH0, [(LinkChange.UP, None), (LinkChange.CARRIER_BACK, None), (LinkChange.ADDRESS_ADDED, VIP)]),
        (ETH0, replace(ETH0, mac=b"\2\0\0\0\0\2"), [(LinkChange.NEW_MAC, None)]),
        (
            ETH0,
            replace(ETH0, addresses=(OWN, ip_interface("2001:db8::100/64"))),
            [(LinkChange.ADDRESS_LOST, VIP), (LinkChange.ADDRESS_ADDED, ip_interface("2001:db8::100/64"))],
        ),
    ],
)
def test_what_happened(
    before: Interface | None, after: Interface | None, events: list[tuple[LinkChange, object]]
) -> None:
    found = link_events({"eth0": before}, {"eth0": after})
    assert [(event.change, event.address) for event in found] == events


def test_interfaces_are_told_in_order_and_new_names_not_at_all() -> None:
    before, after = {"eth1": None, "eth0": ETH0}, {"eth0": None, "eth1": ETH0, "eth2": ETH0}
    assert link_events(before, after) == (
        LinkEvent("eth0", LinkChange.GONE),
        LinkEvent("eth1", LinkChange.APPEARED),
    )
