"""Announcements: keepalived's bytes, frames that add up, and a real peer that takes them."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.errors import KernelError
from lvsctl.kernel.announce import ArpForm, announcement, internet_checksum
from lvsctl.kernel.announcer import BREATH, Announcer
from lvsctl.kernel.macvlan import Macvlans, virtual_mac
from lvsctl.kernel.rtnetlink import Rtnetlink
from lvsctl.model import Effect, Family, Refusal
from tests.e2e.netns import inside, ip
from tests.kernel.cable import NEAR_MAC, Cable

MAC = NEAR_MAC
VIP = IPv4Address("192.0.2.100")
VIP6 = IPv6Address("2001:db8::100")
VIRTUAL_MAC = virtual_mac(Family.INET, 51)
MACS = st.binary(min_size=6, max_size=6)

ELSEWHERE = "lladdr 02:00:00:00:00:63 dev eth0 nud reachable"  # where the peer thinks that an address is

KEEPALIVED = {
    "192.0.2.100": "ffffffffffff02000000000a0806000108000604000102000000000ac0000264ffffffffffffc0000264",
    "fe80::64": (
        "33330000000102000000000a86dd6000000000203afffe800000000000000000000000000064ff0200000000000000000000"
        "00000001880056cc20000000fe800000000000000000000000000064020102000000000a"
    ),
    "2001:db8::100": (
        "33330000000102000000000a86dd6000000000203aff20010db8000000000000000000000100ff0200000000000000000000"
        "000000018800f7232000000020010db8000000000000000000000100020102000000000a"
    ),
}
"""What keepalived 2.2.7 sent from 02:00:00:00:00:0a when it became master."""


@pytest.mark.parametrize("address", KEEPALIVED)
def test_what_is_sent_is_what_keepalived_sends(address: str) -> None:
    assert announcement(ip_address(address), MAC).hex() == KEEPALIVED[address]


def test_the_reply_form_is_addressed_to_its_sender() -> None:
    frame = announcement(VIP, MAC, form=ArpForm.REPLY).hex()
    assert frame == "ffffffffffff02000000000a0806000108000604000202000000000ac000026402000000000ac0000264"


@given(st.ip_addresses(v=6), MACS, st.booleans())
def test_a_neighbour_advertisement_adds_up(address: IPv6Address, mac: bytes, router: bool) -> None:
    frame = announcement(address, mac, router=router)
    assert len(frame) == 14 + 40 + 32
    packet = frame[14:]
    length, following, limit = struct.unpack("!4xHBB", packet[:8])
    assert (packet[0] >> 4, length, following, limit) == (6, 32, 58, 255)
    assert packet[8:24] == packet[48:64] == address.packed  # its source is its target
    assert (packet[40], packet[44] >> 7, packet[44] >> 5 & 1) == (136, router, 1)
    assert packet[64:] == b"\x02\x01" + mac
    assert internet_checksum(packet[8:40] + struct.pack("!II", 32, 58) + packet[40:]) == 0


@given(st.ip_addresses(v=4), MACS, st.sampled_from(ArpForm))
def test_a_gratuitous_arp_names_its_sender_alone(address: IPv4Address, mac: bytes, form: ArpForm) -> None:
    frame = announcement(address, mac, form=form)
    assert frame[6:12] == frame[22:28] == mac
    assert frame[28:32] == frame[38:42] == address.packed


def test_a_mac_has_six_bytes() -> None:
    with pytest.raises(ValueError, match="a MAC has 6 bytes, not 0"):
        announcement(VIP, b"")


# --- the sender ---------------------------------------------------------------------------------------------------


@pytest.fixture
def wire() -> Iterator[tuple[Announcer, socket.socket]]:
    """An announcer, and what it sends to, which has room for a few frames."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    far.setblocking(False)
    announcer = Announcer("eth0", near)
    yield announcer, far
    announcer.close()
    far.close()


async def test_a_full_queue_holds_up_nobody_else(wire: tuple[Announcer, socket.socket]) -> None:
    announcer, far = wire
    frames = [announcement(VIP + number, MAC) for number in range(200)]
    sending = asyncio.create_task(announcer.send(frames))
    for frame in frames:
        assert await asyncio.get_running_loop().sock_recv(far, 2048) == frame
    assert await sending is None


async def test_a_queue_that_stays_full_is_given_up(
    wire: tuple[Announcer, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvsctl.kernel.announcer.PATIENCE", 0.01)
    sent = await wire[0].send([announcement(VIP, MAC)] * 200)
    assert sent == Refusal(errno.ETIMEDOUT, "eth0 takes no more packets: its queue was full for 0 s")
    assert 0 < wire[0].sent < 200


async def test_a_long_burst_lets_the_loop_turn() -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    announcer = Announcer("eth0", near)
    turning = asyncio.create_task(turn())
    assert await announcer.send([announcement(VIP, MAC)] * 200) is None
    turning.cancel()
    announcer.close()
    far.close()
    assert turns >= 200 // BREATH


# --- on the real kernel -------------------------------------------------------------------------------------------


@pytest.fixture
def announcer(cable: Cable) -> Iterator[Announcer]:
    made = Announcer("eth0")
    yield made
    made.close()


@pytest.fixture
async def macvlan(cable: Cable) -> AsyncIterator[Announcer]:
    """On the interface vr.51, which has VIRTUAL_MAC."""
    cable.worn = True
    rtnetlink = Rtnetlink()
    assert await Macvlans(rtnetlink).add("vr.51", "eth0", VIRTUAL_MAC) is Effect.CHANGED
    await rtnetlink.close()
    made = Announcer("vr.51")
    yield made
    made.close()


@pytest.fixture
def ear(cable: Cable) -> Iterator[socket.socket]:
    """Hears everything that comes to `far`."""
    with inside(cable.far):
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        made.bind(("eth0", 0))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.settimeout(10)
    yield made
    made.close()


def wait_for(cable: Cable, address: str, mac: bytes) -> None:
    deadline = time.monotonic() + 10
    while cable.neighbour(address) != mac.hex(":"):
        assert time.monotonic() < deadline, f"{address} is still at {cable.neighbour(address)}"
        time.sleep(0.02)


@pytest.mark.kernel
async def test_a_peer_that_knew_the_address_knows_it_at_its_new_place(cable: Cable, announcer: Announcer) -> None:
    announcements = {
        "192.0.2.100": announcement(VIP, MAC),
        "192.0.2.101": announcement(VIP + 1, MAC, form=ArpForm.REPLY),
        "2001:db8::100": announcement(VIP6, MAC),
        "2001:db8::101": announcement(VIP6 + 1, MAC, router=True),
    }
    cable.wait_for_ipv6()
    ip(*(f"neigh replace {address} {ELSEWHERE}" for address in announcements), netns=cable.far)
    assert await announcer.send(announcements.values()) is None
    for address in announcements:
        wait_for(cable, address, MAC)
    ip("neigh flush dev eth0", netns=cable.far)


@pytest.mark.kernel
async def test_a_virtual_mac_moves_with_the_address(cable: Cable, macvlan: Announcer) -> None:
    """The peer sends to the virtual MAC, and an answer comes back."""
    ip(f"addr add {VIP}/32 dev vr.51")
    ip(f"neigh replace {VIP} {ELSEWHERE}", netns=cable.far)
    assert await macvlan.send([announcement(VIP, VIRTUAL_MAC)]) is None
    wait_for(cable, str(VIP), VIRTUAL_MAC)
    with socket.create_server((str(VIP), 80)), inside(cable.far):
        socket.create_connection((str(VIP), 80), timeout=10).close()


@pytest.mark.kernel
async def test_two_hundred_addresses_are_all_heard(announcer: Announcer, ear: socket.socket) -> None:
    frames = [announcement(VIP6 + number, MAC) for number in range(200)]
    assert await announcer.send(frames) is None
    assert announcer.sent == 200
    heard: list[bytes] = []
    while len(heard) < len(frames):
        frame = ear.recv(2048)
        if frame in frames:
            heard.append(frame)
    assert heard == frames


@pytest.mark.kernel
async def test_what_cannot_be_announced_is_said(cable: Cable, announcer: Announcer) -> None:
    cable.worn = True
    frames = [announcement(VIP, MAC)]
    ip("link set eth0 down")
    assert await announcer.send(frames) == Refusal(errno.ENETDOWN, "eth0 is down")
    ip("link del eth0")
    refusal = await announcer.send(frames)
    assert refusal == Refusal(errno.ENXIO, "there is no interface eth0, or it was made anew")
    with pytest.raises(KernelError) as caught:
        Announcer("eth0")
    assert str(caught.value) == "cannot announce addresses on eth0: there is no interface eth0, or it was made anew"
