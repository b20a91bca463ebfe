"""The youngest connections: found in the kernel's list, and put into messages as the kernel's own."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from lvsctl.kernel.sync_message import ESTABLISHED, SYN_RECV, Copied, messages
from lvsctl.kernel.youngest import youngest
from lvsctl.model import AddressKey, Entry, Family, Forward, MarkKey, Protocol, RealAttrs, RealKey, ServiceAttrs

VIP, VIP6 = ip_address("192.0.2.20"), ip_address("2001:db8::20")
WEB = AddressKey(VIP, 80, Protocol.TCP)
WEB6 = AddressKey(VIP6, 80, Protocol.TCP)
REAL, REAL6, MARKED = (RealKey(ip_address(one), 80) for one in ("192.0.2.21", "2001:db8::21", "192.0.2.22"))


def entry(server: RealKey, forward: Forward) -> Entry:
    return Entry(ServiceAttrs("rr"), {server: RealAttrs(forward, 1)})


TABLE = {
    WEB: entry(REAL, Forward.ROUTE),
    WEB6: entry(REAL6, Forward.TUNNEL),
    MarkKey(Family.INET, 7): entry(MARKED, Forward.MASQUERADE),
    MarkKey(Family.INET, 8): entry(RealKey(ip_address("192.0.2.23"), 0), Forward.ROUTE),
    AddressKey(ip_address("192.0.2.30"), 0, Protocol.TCP): entry(RealKey(REAL.address, 0), Forward.ROUTE),
}
FOUR = "C0000264 1388 C0000214 0050 C0000215 0050"
SIX = (
    "2001:0db8:0000:0000:0000:0000:0000:0064 1388 2001:0db8:0000:0000:0000:0000:0000:0020 0050 "
    "2001:0db8:0000:0000:0000:0000:0000:0021 0050"
)
CLIENT = ip_address("192.0.2.100")
OPEN = Copied(CLIENT, 5000, VIP, 80, REAL.address, 80, Forward.ROUTE, ESTABLISHED, 900)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param(f"TCP {FOUR} ESTABLISHED     899", OPEN, id="one that had a packet a second ago"),
        pytest.param(f"TCP {FOUR} ESTABLISHED     896", OPEN, id="four seconds ago"),
        pytest.param(f"TCP {FOUR} ESTABLISHED     895", None, id="the kernel has sent what is older"),
        pytest.param(
            f"TCP {FOUR} SYN_RECV         59",
            Copied(CLIENT, 5000, VIP, 80, REAL.address, 80, Forward.ROUTE, SYN_RECV, 60),
            id="one whose handshake goes on",
        ),
        pytest.param(f"TCP {FOUR} TIME_WAIT       119", None, id="one that is over"),
        pytest.param(f"UDP {FOUR} UDP             299", None, id="no TCP"),
        pytest.param("TCP C0000264 1388 C0000263 0050 C0000215 0050 ESTABLISHED     899", None, id="nobody's service"),
        pytest.param(
            "TCP C0000264 1388 C0000214 0050 C0000299 0050 ESTABLISHED     899", None, id="a server that is gone"
        ),
        pytest.param(
            "TCP C0000264 1388 C0000263 01BB C0000216 0050 ESTABLISHED     899",
            Copied(CLIENT, 5000, ip_address("192.0.2.99"), 443, MARKED.address, 80, Forward.MASQUERADE, 1, 900, 7),
            id="a service by firewall mark is known by its server",
        ),
        pytest.param(
            "TCP C0000264 1388 C0000263 01BB C0000217 01BB ESTABLISHED     899",
            Copied(
                CLIENT, 5000, ip_address("192.0.2.99"), 443, ip_address("192.0.2.23"), 443, Forward.ROUTE, 1, 900, 8
            ),
            id="by firewall mark, and to whatever port the client asked for",
        ),
        pytest.param(
            "TCP C0000264 1388 C000021E 01BB C0000215 01BB ESTABLISHED     899",
            Copied(CLIENT, 5000, ip_address("192.0.2.30"), 443, REAL.address, 443, Forward.ROUTE, 1, 900),
            id="a service of every port",
        ),
        pytest.param(
            f"TCP {SIX} ESTABLISHED     899",
            Copied(ip_address("2001:db8::64"), 5000, VIP6, 80, REAL6.address, 80, Forward.TUNNEL, ESTABLISHED, 900),
            id="IPv6",
        ),
        pytest.param("", None, id="no line"),
    ],
)
def test_who_is_young(line: str, found: Copied | None) -> None:
    assert list(youngest([line], TABLE, 900)) == ([] if found is None else [found])


def test_a_message_as_the_kernel_reads_it() -> None:
    [message] = messages(3, [OPEN])
    assert message[:8] == struct.pack("!BBHBbH", 0, 3, 8 + 36, 1, 1, 0)
    of_entry = struct.pack("!BBHIHHHHII", 0, 6, 36, 3, 1, 5000, 80, 80, 0, 900)
    assert message[8:] == of_entry + CLIENT.packed + VIP.packed + REAL.address.packed


def test_six_and_a_handshake_that_goes_on() -> None:
    six = Copied(VIP6, 1, VIP6, 80, REAL6.address, 80, Forward.TUNNEL, SYN_RECV, 60, 7)
    [message] = messages(0, [six])
    assert len(message) == 8 + 72
    assert struct.unpack("!BBHIHHHHII", message[8:32]) == (1, 6, 72, 0x102, 3, 1, 80, 80, 7, 60)


@pytest.mark.parametrize(
    ("largest", "entries"), [(0, 40), (1472, 40), (8 + 2 * 36, 2), (60, 1), (9000, 249), (20000, 255)]
)
def test_as_many_in_a_message_as_there_is_room_for(largest: int, entries: int) -> None:
    found = list(messages(1, [OPEN] * (2 * entries + 1), largest=largest))
    assert [message[4] for message in found] == [entries, entries, 1]
    assert all(len(message) == struct.unpack("!H", message[2:4])[0] for message in found)


def test_of_nobody_there_is_no_message() -> None:
    assert list(messages(1, [])) == []
