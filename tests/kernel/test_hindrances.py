"""What of a host's settings keeps a virtual MAC from being of use."""

from pathlib import Path

import pytest

from lvsctl.kernel.hindrances import hindrances
from lvsctl.model import VirtualLink

FOUR = VirtualLink("bond0.7-v4-51", "bond0.7", bytes.fromhex("00005e000133"))
SIX = VirtualLink("bond0.7-v6-51", "bond0.7", bytes.fromhex("00005e000233"))
STRICT = (
    "net.ipv4.conf.all.rp_filter = 1 drops what is sent to the virtual MAC on bond0.7-v4-51: "
    "set it to 0 (and to 1 where it is wanted, by interface), or to 2"
)
ANSWERS = (
    "bond0.7 answers ARP for the addresses on bond0.7-v4-51 too, with a MAC of its own: "
    "set net.ipv4.conf.bond0/7.arp_ignore = 1"
)
ASKS = (
    "bond0.7 sends ARP from the addresses on bond0.7-v4-51 too, with a MAC of its own: "
    "set net.ipv4.conf.bond0/7.arp_announce = 2"
)


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
        (FOUR, {"all/rp_filter": 1, "bond0.7/arp_ignore": 0}, (STRICT, ANSWERS, ASKS), "nothing is"),
        (FOUR, {"bond0.7/arp_ignore": 3, "bond0.7/arp_announce": 1}, (ANSWERS, ASKS), "values that are not enough"),
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
