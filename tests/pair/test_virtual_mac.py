"""Addresses at the MAC of their virtual router: its name, its frames, and how it comes and goes with the role."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvsctl.model import Family, Instance, Role, VirtualLink
from lvsctl.pair.datagram import Datagram, from_ipv4
from lvsctl.pair.frame import frame
from lvsctl.pair.packet import Codec
from lvsctl.pair.place import advert_mac, is_ours, place, virtual_link
from tests.pair.host import FAST, Host, running, until
from tests.pair.linked import Link
from tests.pair.making import THEIRS, V3, V6, me

MAC4, MAC6 = bytes.fromhex("00005e000133"), bytes.fromhex("00005e000233")
OURS = me(FAST, virtual_mac=True)
LINK = VirtualLink("eth0-v4-51", "eth0", MAC4)
BOTH = "192.0.2.100 192.0.2.101"

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize(
    ("instance", "link"),
    [
        (V3, LINK),
        (V6, VirtualLink("eth0-v6-51", "eth0", MAC6)),
        (me(V3, interface="bond0.100"), VirtualLink("bond0.100-v4-51", "bond0.100", MAC4)),
        (me(V3, interface="bond0.1000"), VirtualLink("e032c2f2-v4-51", "bond0.1000", MAC4)),
    ],
)
def test_the_link_of_a_virtual_router(instance: Instance, link: VirtualLink) -> None:
    assert virtual_link(instance) == link
    assert len(link.name.encode()) <= 15
    assert is_ours(link)


@pytest.mark.parametrize(
    "theirs",
    [
        VirtualLink("vrrp.51", "eth0", MAC4),
        VirtualLink("eth0-v4-52", "eth0", MAC4),
        VirtualLink("eth0-v6-51", "eth0", MAC4),
        VirtualLink("eth0-v4-51", "eth0", bytes.fromhex("020000000033")),
    ],
)
def test_what_is_none_of_ours(theirs: VirtualLink) -> None:
    assert not is_ours(theirs)


def test_unicast_adverts_leave_from_the_interface() -> None:
    assert (advert_mac(OURS), advert_mac(me(OURS, peers=(THEIRS,))), advert_mac(FAST)) == (MAC4, None, None)


def test_frames_of_ipv4() -> None:
    [datagram] = Codec(V3).encode(100)
    made = frame(datagram, MAC4)
    assert made[:14].hex() == "01005e000012" + "00005e000133" + "0800"
    assert from_ipv4(made[14:]) == datagram
    assert sum(int.from_bytes(made[at : at + 2]) for at in range(14, 34, 2)) % 0xFFFF == 0


def test_frames_of_ipv6() -> None:
    [datagram] = Codec(V6).encode(100)
    made = frame(datagram, MAC6)
    assert made[:14].hex() == "333300000012" + "00005e000233" + "86dd"
    assert made[14] >> 4 == 6 and int.from_bytes(made[18:20]) == len(datagram.payload)
    assert Datagram(made[54:], made[22:38], made[38:54], made[21]) == datagram
    assert made[20] == 112


async def test_it_comes_and_goes_with_the_role(link: Link) -> None:
    host, ears = Host(link, OURS), link.port("eth0", 2, [me(OURS, source=THEIRS)])
    host.ground.links[LINK.name] = LINK
    host.ground.interfaces[LINK.name] = replace(host.ground.interfaces["eth0"], name=LINK.name, addresses=())
    async with running(host):
        await host.until(Role.ACTIVE)
        await until(lambda: host.ground.log[-1].startswith("told active"))
        own = [line for line in host.ground.log if not line.startswith("told standby")]
        left = [f"remove {BOTH}", "unmake eth0-v4-51", f"remove {BOTH}"]
        assert own[:3] == left, "what an earlier life has left, on either interface"
        assert own[-4:-1] == ["make eth0-v4-51", f"add {BOTH}", f"announce {' '.join([BOTH] * 5)}"]
        assert host.ground.interfaces[LINK.name].holds(OURS.addresses[0].ip)
        assert not host.ground.interfaces["eth0"].holds(OURS.addresses[0].ip)
        [port] = [port for port in link.ports if port is not ears]
        assert set(port.macs) == {MAC4}
        host.ground.drop(LINK.name)
        del host.ground.links[LINK.name]
        await until(lambda: LINK.name in host.ground.links)
    assert not host.ground.links
    assert [line for line in host.ground.log if line[:2] in ("un", "re")][-2:] == [
        f"remove {BOTH}",
        "unmake eth0-v4-51",
    ]
    assert not host.troubles
    ears.close()


async def test_what_hinders_it_is_told_before_it_matters(link: Link) -> None:
    host = Host(link, OURS)
    host.ground.hindering = ["a setting"]
    async with running(host):
        await until(lambda: bool(host.troubles))
        assert [trouble.what for trouble in host.troubles] == ["eth0-v4-51: a setting"]


async def test_links_of_instances_that_there_are_no_more_are_taken_away(link: Link) -> None:
    """Of an earlier life, or of another configuration; those of others stay."""
    host = Host(link, OURS)
    left, foreign = virtual_link(me(OURS, vrid=9)), VirtualLink("vrrp.9", "eth0", MAC6)
    for made in (left, foreign):
        host.ground.links[made.name] = made
        host.ground.interfaces[made.name] = replace(host.ground.interfaces["eth0"], name=made.name, addresses=())
    async with running(host):
        await host.until(Role.ACTIVE)
        await until(lambda: set(host.ground.links) == {LINK.name, foreign.name})
        host.speaker.take([FAST])
        await host.until(Role.ACTIVE)
        assert set(host.ground.links) == {foreign.name}


async def test_addresses_are_not_put_where_the_link_could_not_be_made(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsctl.pair.mover.RETRY", 0.01)
    host = Host(link, OURS)
    async with running(host):
        await host.until(Role.STANDBY)
        await until(lambda: any(line.startswith("unmake") for line in host.ground.log))
        host.ground.broken = True
        await host.until(Role.ACTIVE)
        await until(lambda: host.ground.log.count("make eth0-v4-51") > 2)
        assert f"add {BOTH}" not in host.ground.log
        host.ground.broken = False
        await until(lambda: host.ground.interfaces.get(LINK.name) is not None)
        await until(lambda: f"add {BOTH}" in host.ground.log)
    assert [trouble.what for trouble in host.troubles] == ["netlink: no answer from the kernel within 10 s"]


def test_place_of_each_kind() -> None:
    assert place(FAST).interface == "eth0" and not place(FAST).links
    assert {vip.interface for vip in place(OURS).vips} == {"eth0-v4-51"}
    assert place(me(OURS, family=Family.INET6)).links[0].mac == MAC6
