"""Why an instance cannot serve."""

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from lvsctl.pair.fitness import faults, watched
from lvsctl.pair.state import Cause
from tests.pair.making import V3, V6, me
from tests.pair.remembered import ETH0

OURS = me(V3, track=("eth1",))
GOOD = replace(ETH0, addresses=(ip_interface("192.0.2.2/24"),))
ETH1 = replace(ETH0, name="eth1")


@pytest.mark.parametrize(
    ("interfaces", "causes", "why"),
    [
        ((GOOD, ETH1), set(), "all is there"),
        ((ETH1,), {Cause.INTERFACE}, "its interface is not there"),
        (
            (replace(GOOD, up=False, carrier=False), ETH1),
            {Cause.INTERFACE},
            "it is down, and then has no carrier either",
        ),
        ((replace(GOOD, carrier=False), ETH1), {Cause.CARRIER}, "the cable is pulled"),
        ((ETH0, ETH1), {Cause.ADDRESS}, "the address to send from is gone"),
        ((replace(ETH0, carrier=False), ETH1), {Cause.ADDRESS, Cause.CARRIER}, "both"),
        ((GOOD,), {Cause.TRACKED}, "a tracked interface is not there"),
        ((GOOD, replace(ETH1, carrier=False)), {Cause.TRACKED}, "a tracked interface has no carrier"),
        ((), {Cause.INTERFACE, Cause.TRACKED}, "nothing is there"),
    ],
)
def test_faults(interfaces, causes, why):
    assert set(faults(OURS, {interface.name: interface for interface in interfaces})) == causes, why


def test_every_interface_is_watched_once():
    assert watched([OURS, me(V6), me(V3, interface="eth2", track=("eth1",))]) == ("eth0", "eth1", "eth2")
