"""What of a host's settings keeps a virtual MAC from being of use."""

from pathlib import Path

import pytest

from lvsctl.kernel.hindrances import hindrances
from lvsctl.model import VirtualLink

FOUR = VirtualLink("bond0.7-v4-51", "bond0.7", bytes.fromhex("00005e000133"))
SIX = VirtualLink("bond0.7-v6-51", "bond0.7", bytes.fromhex("00005e000233"))
MEND = "`lvsctl doctor` says what mends it"
STRICT = (
    "net.ipv4.conf.all.rp_filter is 1: packets to a virtual MAC are dropped, "
    f"for the way back is by the interface below: {MEND}"
)


def answers(value: int) -> str:
    ours = "it answers ARP for virtual addresses with its own MAC, beside the virtual one"
    return f"net.ipv4.conf.bond0/7.arp_ignore is {value}: {ours}: {MEND}"


def asks(value: int) -> str:
    ours = "it sends ARP from virtual addresses with its own MAC, beside the virtual one"
    return f"net.ipv4.conf.bond0/7.arp_announce is {value}: {ours}: {MEND}"


@pytest.mark.parametrize(
    ("link", "settings", "told", "why"),
    [
        (FOUR, {"all/rp_filter": 0, "bond0.7/arp_ignore": 1, "bond0.7/arp_announce": 2}, (), "all is well"),
        (
            FOUR,
            {"all/rp_filter": 2, "all/arp_ignore": 2, "all/arp_announce": 2, "bond0.7/arp_ignore": 0},
            (),
            "for all",
        ),
        (
            FOUR,
            {"all/rp_filter": 1, "bond0.7/arp_ignore": 0, "bond0.7/arp_announce": 0},
            (STRICT, answers(0), asks(0)),
            "nothing is",
        ),
        (
            FOUR,
            {"bond0.7/arp_ignore": 3, "bond0.7/arp_announce": 1},
            (answers(3), asks(1)),
            "values that are not enough",
        ),
        (FOUR, {"bond0.7/arp_ignore": 4}, (answers(4),), "a value that the kernel takes for 0"),
        (FOUR, {"all/rp_filter": 0}, (), "there is no such interface"),
        (FOUR, {}, (), "nothing can be read"),
        (SIX, {"all/rp_filter": 1, "bond0.7/arp_ignore": 0}, (), "it is another family's"),
    ],
)
def test_hindrances(
    tmp_path: Path, link: VirtualLink, settings: dict[str, int], told: tuple[str, ...], why: str
) -> None:
    for name, value in settings.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    assert hindrances(link, tmp_path) == told, why
