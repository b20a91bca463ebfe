"""rtnetlink: the real kernel's bytes, bytes that no kernel would send, and a kernel that is busy, or gone."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.errors import KernelError
from lvsctl.kernel import links, wire
from lvsctl.kernel.addresses import Addresses
from lvsctl.kernel.links import Ifa, Ifla, Rtm
from lvsctl.kernel.macvlan import Macvlans
from lvsctl.kernel.rtnetlink import Rtnetlink
from lvsctl.kernel.watch import Watch
from lvsctl.kernel.wire import Message
from lvsctl.model import Effect, Interface, Refusal, Vip
from tests.kernel.echo import answer, done
from tests.kernel.scripted import Answer, ScriptedKernel

VIP4 = Vip(IPv4Address("192.0.2.100"), "eth0", "eth0:vip")
VIP6 = Vip(IPv6Address("2001:db8::100"), "eth0")
MAC = bytes.fromhex("02000000000a")
RUNNING = links.IFF_UP | links.IFF_RUNNING | links.IFF_LOWER_UP

# Between lvsctl and Linux 6.1 (user-mode-linux), eth0 being link 2.
ADDED = [
    bytes.fromhex(
        "40000000140001060200000000000000022000000200000008000200c000026408000100c00002640d000300657468303a76697000000000"
        "05000b0070000000"
    ),
    bytes.fromhex(
        "5c0000001400050603000000000000000a800200020000001400020020010db80000000000000000000001001400010020010db800000000"
        "00000000000001001400060000000000ffffffff000000000000000005000b0070000000"
    ),
]
"""NEW_ADDRESS of VIP4 and VIP6, of which the last asks for an answer."""

REMOVED = [
    bytes.fromhex("28000000150001000700000000000000022000000200000008000200c000026408000100c0000264"),
    bytes.fromhex(
        "400000001500050008000000000000000a800000020000001400020020010db80000000000000000000001001400010020010db8000000"
        "000000000000000100"
    ),
]

LISTED = bytes.fromhex(
    "500000001400220005000000b8020000021880000200000008000100c000020a08000200c000020a09000300657468300000000008000800"
    "8000000014000600ffffffffffffffffdd010000dd010000540000001400220005000000b8020000022080000200000008000100c0000264"
    "08000200c00002640d000300657468303a76697000000000080008008000000014000600ffffffffffffffffdd010000dd01000048000000"
    "1400220005000000b80200000a80a200020000001400010020010db80000000000000000000001001400060000000000ffffffffdd010000"
    "dd01000008000800a2000000500000001400220005000000b80200000a4080fd0200000014000100fe80000000000000000000fffe00000a"
    "14000600ffffffffffffffffdb010000db010000080008008000000005000b0003000000"
)
"""What GET_ADDRESS lists then."""


def test_what_is_written_is_what_linux_took() -> None:
    for vip, added, removed in zip((VIP4, VIP6), ADDED, REMOVED, strict=True):
        (message,) = wire.messages(added)
        assert (message.type, message.body) == (Rtm.NEW_ADDRESS, links.new_address(vip, 2))
        (message,) = wire.messages(removed)
        assert (message.type, message.body) == (Rtm.DELETE_ADDRESS, links.old_address(vip, 2))


def test_what_linux_lists_is_read() -> None:
    listed = list(wire.messages(LISTED))
    assert [links.index_of(message) for message in listed] == [2] * 4
    assert [links.address(message) for message in listed] == [
        IPv4Interface("192.0.2.10/24"),
        IPv4Interface("192.0.2.100/32"),
        IPv6Interface("2001:db8::100/128"),
        IPv6Interface("fe80::ff:fe00:a/64"),
    ]


def new_address(flags: int = 0, *, family: int = 10, wide: bool = True) -> Message:
    """flags: also where they have 32 bits."""
    body = links.ADDRESS.pack(family, 64, flags & 0xFF, 0, 2) + wire.attribute(Ifa.ADDRESS, VIP6.address.packed)
    return Message(Rtm.NEW_ADDRESS, 0, 1, body + (wire.u32(Ifa.FLAGS, flags) if wide else b""))


@pytest.mark.parametrize(
    ("message", "address"),
    [
        (new_address(), IPv6Interface("2001:db8::100/64")),
        (new_address(links.NODAD), IPv6Interface("2001:db8::100/64")),
        (new_address(0x04 | links.TENTATIVE | links.DAD_FAILED), None),
        (new_address(links.TENTATIVE), None),
        (new_address(links.TENTATIVE, wide=False), None),
        (new_address(links.DAD_FAILED, wide=False), None),
        (new_address(family=7), None),
    ],
)
def test_an_address_that_cannot_be_used_is_none(message: Message, address: IPv6Interface | None) -> None:
    assert links.address(message) == address


def new_link(flags: int = RUNNING, name: str = "eth0", extra: bytes = b"", index: int = 2) -> bytes:
    return links.LINK.pack(0, 1, index, flags, 0) + wire.text(Ifla.NAME, name) + wire.attribute(Ifla.MAC, MAC) + extra


def families(*confs: bytes) -> bytes:
    return wire.nested(Ifla.FAMILIES, b"".join(wire.nested(links.INET6, conf) for conf in confs))


@pytest.mark.parametrize(
    ("body", "interface"),
    [
        (new_link(), Interface("eth0", 2, MAC, up=True, carrier=True)),
        (new_link(links.IFF_UP), Interface("eth0", 2, MAC, up=True, carrier=False)),
        (new_link(links.IFF_UP | links.IFF_LOWER_UP), Interface("eth0", 2, MAC, up=True, carrier=False)),
        (new_link(RUNNING & ~links.IFF_UP), Interface("eth0", 2, MAC, up=False, carrier=False)),
        (new_link(extra=families()), Interface("eth0", 2, MAC, up=True, carrier=True)),
        (new_link(extra=families(b"")), Interface("eth0", 2, MAC, up=True, carrier=True)),
        (
            new_link(extra=families(wire.attribute(links.INET6_CONF, b"\1\0\0\0\0\0\0\0"))),
            Interface("eth0", 2, MAC, up=True, carrier=True, forwards_v6=True),
        ),
        (
            new_link(extra=families(wire.attribute(links.INET6_CONF, b"\0\0\0\0\1\0\0\0"))),
            Interface("eth0", 2, MAC, up=True, carrier=True),
        ),
    ],
)
def test_a_link_is_up_has_a_carrier_and_forwards(body: bytes, interface: Interface) -> None:
    assert links.interface(Message(Rtm.NEW_LINK, 0, 1, body)) == interface


@given(st.binary(max_size=64), st.sampled_from([Rtm.NEW_LINK, Rtm.DELETE_LINK, Rtm.NEW_ADDRESS]))
def test_what_no_kernel_would_send_is_a_kernel_error_or_nothing(body: bytes, kind: Rtm) -> None:
    message = Message(kind, 0, 1, body)
    for read in (links.index_of, links.address, links.interface, links.name_of_link):
        try:
            read(message)
        except KernelError:
            continue


# --- a kernel that answers by a script ----------------------------------------------------------------------------


def message(kind: int, body: bytes, *, flags: int = 0) -> Answer:
    return lambda sequence: wire.MESSAGE.pack(wire.MESSAGE.size + len(body), kind, flags, sequence, 1) + body


def listed(sequence: int, *, flags: int = 0) -> bytes:
    return b"".join(
        message(Rtm.NEW_ADDRESS, part.body, flags=flags | wire.MULTI)(sequence) for part in wire.messages(LISTED)
    )


LINK = message(Rtm.NEW_LINK, new_link())
NO_LINK: Answer = lambda sequence: answer(sequence, errno.ENODEV)  # noqa: E731
ETH0 = Interface(
    "eth0",
    2,
    MAC,
    up=True,
    carrier=True,
    addresses=(
        IPv4Interface("192.0.2.10/24"),
        IPv4Interface("192.0.2.100/32"),
        IPv6Interface("2001:db8::100/128"),
        IPv6Interface("fe80::ff:fe00:a/64"),
    ),
)
Kernels = Callable[..., ScriptedKernel]


async def test_a_listing_that_was_interrupted_is_asked_for_again(kernel: Kernels) -> None:
    far = kernel([LINK], [lambda s: listed(s, flags=wire.DUMP_INTERRUPTED), done], [LINK], [listed, done])
    addresses = Addresses(Rtnetlink(far.open_route))
    assert await addresses.look("eth0") == ETH0
    assert far.opened == 2
    await addresses.close()


async def test_addresses_of_other_links_are_none_of_this_one(kernel: Kernels) -> None:
    """Before Linux 4.20 those of all are listed."""
    far = kernel([message(Rtm.NEW_LINK, new_link(index=3))], [listed, done])
    addresses = Addresses(Rtnetlink(far.open_route))
    look = await addresses.look("eth0")
    assert look is not None and look.addresses == ()
    await addresses.close()


async def test_an_interface_is_asked_for_once_for_all_its_addresses(kernel: Kernels) -> None:
    far = kernel([LINK], [lambda s: answer(s, errno.EEXIST) + answer(s + 1, 0)])
    addresses = Addresses(Rtnetlink(far.open_route))
    assert list(await addresses.add([VIP4, VIP6])) == [Effect.NONE, Effect.CHANGED]
    assert [asked.type for asked in far.asked] == [Rtm.GET_LINK, Rtm.NEW_ADDRESS, Rtm.NEW_ADDRESS]
    assert [asked.flags for asked in far.asked[1:]] == [0x601, 0x605]
    await addresses.close()


async def test_nothing_is_ordered_of_an_interface_that_is_not_there(kernel: Kernels) -> None:
    far = kernel([NO_LINK], [NO_LINK])
    addresses = Addresses(Rtnetlink(far.open_route))
    nowhere = Refusal(errno.ENODEV, "there is no interface eth0: create it, or correct the name")
    assert list(await addresses.add([VIP4, VIP6])) == [nowhere] * 2
    assert list(await addresses.remove([VIP4, VIP6])) == [Effect.NONE] * 2
    assert far.opened == 1
    await addresses.close()


@pytest.mark.parametrize(
    ("answered", "error"),
    [
        (lambda s: answer(s, errno.EPERM), "not permitted: give lvsctl CAP_NET_ADMIN in this network namespace"),
        (lambda s: answer(s, errno.EINVAL), "Invalid argument"),
    ],
)
async def test_what_cannot_be_asked_is_a_kernel_error_and_the_next_question_has_a_new_socket(
    kernel: Kernels, answered: Answer, error: str
) -> None:
    far = kernel([answered], [LINK], [done])
    addresses = Addresses(Rtnetlink(far.open_route))
    with pytest.raises(KernelError) as caught:
        await addresses.look("eth0")
    assert str(caught.value) == f"cannot ask for links and addresses: {error}"
    assert await addresses.look("eth0") is not None
    assert far.opened == 2
    await addresses.close()


@pytest.mark.parametrize(
    ("answered", "error"),
    [
        (lambda s: LINK(s + 1), "netlink: an answer to another question"),
        (lambda s: answer(s, 0), "netlink: a confirmation where an answer was due"),
        (lambda s: LINK(s)[:20], "netlink message cut short: 56 bytes announced, 20 there"),
    ],
)
async def test_a_mistaken_answer_is_a_kernel_error(kernel: Kernels, answered: Answer, error: str) -> None:
    far = kernel([answered])
    addresses = Addresses(Rtnetlink(far.open_route))
    with pytest.raises(KernelError) as caught:
        await addresses.look("eth0")
    assert str(caught.value) == error


MACVLAN = message(Rtm.NEW_LINK, new_link(name="vr.51", index=3))


def made(answers: dict[int, int]) -> Answer:
    """The four orders that make a macvlan: number -> errno of those that are answered."""
    return lambda sequence: b"".join(answer(sequence + number, errno_) for number, errno_ in answers.items())


async def test_a_host_without_ipv6_needs_no_ipv6_set(kernel: Kernels) -> None:
    far = kernel([LINK], [NO_LINK], [made({2: errno.EAFNOSUPPORT, 3: 0})])
    rtnetlink = Rtnetlink(far.open_route)
    assert await Macvlans(rtnetlink).add("vr.51", "eth0", MAC) is Effect.CHANGED
    await rtnetlink.close()


@pytest.mark.parametrize("answers", [{1: errno.EPERM, 3: 0}, {2: errno.EPERM, 3: 0}, {3: errno.EPERM}])
async def test_nothing_is_left_of_a_macvlan_that_is_not_as_it_should_be(
    kernel: Kernels, answers: dict[int, int]
) -> None:
    far = kernel([LINK], [NO_LINK], [made(answers)], [MACVLAN], [lambda s: answer(s, 0)])
    rtnetlink = Rtnetlink(far.open_route)
    not_permitted = Refusal(errno.EPERM, "not permitted: give lvsctl CAP_NET_ADMIN in this network namespace")
    assert await Macvlans(rtnetlink).add("vr.51", "eth0", MAC) == not_permitted
    assert (far.asked[-1].type, links.index_of(far.asked[-1])) == (Rtm.DELETE_LINK, 3)
    await rtnetlink.close()


async def test_one_that_was_not_made_is_not_deleted(kernel: Kernels) -> None:
    """Somebody else was faster, and what has the name is his."""
    far = kernel([LINK], [NO_LINK], [made({0: errno.EEXIST, 3: 0})])
    rtnetlink = Rtnetlink(far.open_route)
    refusal = await Macvlans(rtnetlink).add("vr.51", "eth0", MAC)
    assert isinstance(refusal, Refusal) and refusal.errno == errno.EEXIST
    await rtnetlink.close()


# --- what wakes a watch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "wakes"),
    [
        (Message(Rtm.NEW_LINK, 0, 0, new_link()), True),  # it was told of
        (Message(Rtm.DELETE_LINK, 0, 0, new_link()), True),
        (Message(Rtm.NEW_LINK, 0, 0, new_link(name="eth7")), True),  # and has another name now
        (Message(Rtm.NEW_LINK, 0, 0, new_link(index=7, name="eth9")), True),  # new
        (Message(Rtm.NEW_LINK, 0, 0, new_link(index=7, name="eth7")), False),
        (Message(Rtm.NEW_ADDRESS, 0, 0, links.new_address(VIP4, 2)), True),
        (Message(Rtm.DELETE_ADDRESS, 0, 0, links.old_address(VIP6, 2)), True),
        (Message(Rtm.NEW_ADDRESS, 0, 0, links.new_address(VIP4, 7)), False),
    ],
)
def test_a_watch_wakes_for_its_own_interfaces_alone(told: Message, wakes: bool) -> None:
    near, far = socket.socketpair()
    with near, far:
        assert Watch(["eth0", "eth9"], near)._concerns(told, {2}) is wakes
