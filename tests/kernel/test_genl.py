"""The netlink socket and what `NetlinkIpvs` makes of a kernel that is slow, busy, interrupted, gone or mistaken."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from lvsctl.errors import KernelError
from lvsctl.kernel import channel, encode, family, wire
from lvsctl.kernel.channel import BATCH, Refused
from lvsctl.kernel.genl import BREATH, GenericSocket
from lvsctl.kernel.listing import ListReader
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.model import AddServer, AddService, Entry, Forward, Op, RealAttrs, RealKey, Refusal, ServiceAttrs
from tests.kernel.echo import answer, done, dumped_server, dumped_service, message
from tests.kernel.golden import FAMILY, SHOP
from tests.kernel.scripted import Answer, ScriptedKernel

RR = ServiceAttrs("rr")
ONE = RealKey(IPv4Address("10.0.0.1"), 80)
ROUTE = RealAttrs(Forward.ROUTE, 1)


def request(op: Op) -> bytes:
    return encode.operation(op)[1]


def service(sequence: int, flags: int = wire.MULTI) -> bytes:
    return message(dumped_service(request(AddService(SHOP, RR))), sequence=sequence, command=1, flags=flags)


def server(sequence: int) -> bytes:
    return message(dumped_server(request(AddServer(SHOP, ONE, ROUTE))), sequence=sequence)


def interrupted(sequence: int) -> bytes:
    return service(sequence, flags=wire.MULTI | wire.DUMP_INTERRUPTED)


def refused(number: int) -> Answer:
    return lambda sequence: answer(sequence, number)


TABLE = {SHOP: Entry(RR, {ONE: ROUTE})}
LISTING: list[list[Answer]] = [[service, done], [server, done]]


async def test_a_listing_may_come_later_and_in_one_datagram_or_in_several(
    kernel: Callable[..., ScriptedKernel],
) -> None:
    for answers in (LISTING, [[lambda s: service(s) + done(s)], [lambda s: server(s) + done(s)]]):
        far = kernel(*answers)
        ipvs = NetlinkIpvs(far.open)
        assert await ipvs.read() == TABLE
        await ipvs.close()


async def test_an_interrupted_listing_is_asked_again_on_a_new_socket(kernel: Callable[..., ScriptedKernel]) -> None:
    far = kernel([interrupted, done], [service, done], [refused(errno.EBUSY)], *LISTING)
    ipvs = NetlinkIpvs(far.open)
    assert await ipvs.read() == TABLE
    assert far.opened == 3
    await ipvs.close()


async def test_a_listing_that_is_always_interrupted_is_given_up(kernel: Callable[..., ScriptedKernel]) -> None:
    far = kernel(*([[interrupted]] * 5))
    with pytest.raises(KernelError, match=r"^the table changed while it was read$"):
        await NetlinkIpvs(far.open).read()
    assert far.opened == 5


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EPERM, "cannot ask IPVS: not permitted: give lvsctl CAP_NET_ADMIN in this network namespace"),
        (errno.ENOENT, "cannot ask IPVS: the kernel module ip_vs was unloaded"),
        (errno.EOPNOTSUPP, "cannot ask IPVS: Operation not supported"),
    ],
)
async def test_what_cannot_be_asked_is_a_kernel_error_and_the_next_question_has_a_new_socket(
    kernel: Callable[..., ScriptedKernel], number: int, text: str
) -> None:
    far = kernel([refused(number)], *LISTING)
    ipvs = NetlinkIpvs(far.open)
    with pytest.raises(KernelError) as caught:
        await ipvs.read()
    assert str(caught.value) == text
    assert await ipvs.read() == TABLE
    assert far.opened == 2
    await ipvs.close()


async def test_an_operation_without_permission_is_a_refusal(kernel: Callable[..., ScriptedKernel]) -> None:
    ipvs = NetlinkIpvs(kernel([refused(errno.EPERM)]).open)
    assert await ipvs.apply([AddService(SHOP, RR)]) == [
        Refusal(errno.EPERM, "not permitted: give lvsctl CAP_NET_ADMIN in this network namespace")
    ]
    await ipvs.close()


async def test_operations_go_in_batches_of_which_the_last_one_asks_for_an_answer(
    kernel: Callable[..., ScriptedKernel],
) -> None:
    far = kernel(
        [
            lambda s: answer(s + 3, errno.EEXIST),
            lambda s: answer(s + 9, errno.EINVAL),
            lambda s: answer(s + BATCH - 1, 0),
        ],
        [lambda s: answer(s, errno.ERANGE) + answer(s + 1, errno.ESRCH)],
    )
    ipvs = NetlinkIpvs(far.open)
    answers = await ipvs.apply([AddService(SHOP, RR)] * (BATCH + 2))
    assert {at: each.errno for at, each in enumerate(answers) if each} == {
        3: errno.EEXIST,
        9: errno.EINVAL,
        BATCH: errno.ERANGE,
        BATCH + 1: errno.ESRCH,
    }
    acknowledged = [at for at, each in enumerate(far.asked) if each.flags & wire.ACK]
    assert acknowledged == [BATCH - 1, BATCH + 1]
    assert len({each.sequence for each in far.asked}) == BATCH + 2
    await ipvs.close()


@pytest.mark.parametrize(
    ("garbage", "text"),
    [
        (lambda s: service(s)[:-1], "netlink message cut short: 320 bytes announced, 319 there"),
        (lambda s: service(s + 1), "netlink: an answer to another question"),
        (lambda s: wire.MESSAGE.pack(16, FAMILY + 1, 2, s, 0), "netlink: a message of type 29 where 28 was due"),
        (lambda _: b"\0" * 7, "netlink message cut short: 7 bytes where a header was due"),
    ],
)
async def test_garbage_is_a_kernel_error(kernel: Callable[..., ScriptedKernel], garbage: Answer, text: str) -> None:
    with pytest.raises(KernelError) as caught:
        await NetlinkIpvs(kernel([garbage]).open).read()
    assert str(caught.value) == text


async def test_a_reading_that_is_cancelled_leaves_nothing_behind_for_the_next(
    kernel: Callable[..., ScriptedKernel],
) -> None:
    far = kernel([service], *LISTING)
    ipvs = NetlinkIpvs(far.open)
    reading = asyncio.create_task(ipvs.read())
    while not far.asked:
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await ipvs.read() == TABLE
    assert far.opened == 2
    await ipvs.close()


async def test_two_at_once_take_turns(kernel: Callable[..., ScriptedKernel]) -> None:
    far = kernel(*LISTING, *LISTING)
    ipvs = NetlinkIpvs(far.open)
    first, second = await asyncio.gather(ipvs.read(), ipvs.read())
    assert first == second == TABLE
    assert far.opened == 1
    await ipvs.close()


async def test_a_kernel_that_does_not_answer_is_given_up(
    kernel: Callable[..., ScriptedKernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    far = kernel([], [lambda s: answer(s, errno.EEXIST)], *LISTING)
    ipvs = NetlinkIpvs(far.open)
    with monkeypatch.context() as impatient:
        impatient.setattr(channel, "PATIENCE", 0.0)
        for question in (ipvs.read(), ipvs.apply([AddService(SHOP, RR)] * 2)):  # to the second order, no answer
            with pytest.raises(KernelError) as caught:
                await question
            assert str(caught.value) == "netlink: no answer from the kernel within 0 s"
    while len(far.asked) < 3:
        await asyncio.sleep(0)
    assert await ipvs.read() == TABLE
    assert far.opened == 3
    await ipvs.close()


async def test_a_long_listing_lets_the_loop_turn(kernel: Callable[..., ScriptedKernel]) -> None:
    turns = [0]

    async def turn() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    def the_last(sequence: int) -> bytes:
        turns[0] = 0  # from here on, everything is there to be read
        return done(sequence)

    ipvs = NetlinkIpvs(kernel([service, done], [server] * 10 * BREATH + [the_last]).open)
    turning = asyncio.create_task(turn())
    assert await ipvs.read() == TABLE
    assert turns[0] >= 10
    turning.cancel()
    await ipvs.close()


async def test_closing_while_an_answer_is_waited_for(kernel: Callable[..., ScriptedKernel]) -> None:
    far = kernel([], *LISTING)
    ipvs = NetlinkIpvs(far.open)
    reading = asyncio.create_task(ipvs.read())
    while not far.asked:
        await asyncio.sleep(0)
    await ipvs.close()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await ipvs.read() == TABLE
    await ipvs.close()


# --- the host's own netlink, which needs neither IPVS nor privileges --------------------------------------------


CONTROLLER = 16  # the family that knows the others, from include/uapi/linux/genetlink.h
GET_FAMILY = 3
NAME = 2


async def test_the_controller_knows_itself() -> None:
    assert await family.resolve("nlctrl") == CONTROLLER


async def test_without_ipvs_the_error_says_what_to_do() -> None:
    with pytest.raises(KernelError, match=r"^the kernel has no IPVS: run modprobe ip_vs$"):
        await family.resolve("lvsctl-no-such")


async def test_a_real_listing() -> None:
    controller = GenericSocket(CONTROLLER)
    families = ListReader(lambda body: wire.Attributes(body).text(NAME))
    await controller.dump(GET_FAMILY, b"", families)
    assert "nlctrl" in families.found
    with pytest.raises(Refused) as refusal:
        await controller.ask(GET_FAMILY, wire.text(NAME, "lvsctl-no-such"))
    assert refusal.value.number == errno.ENOENT
    controller.close()


async def test_sequence_numbers_start_again_before_they_are_used_up() -> None:
    controller = GenericSocket(CONTROLLER)
    controller._sequence = 2**31
    await controller.ask(GET_FAMILY, wire.text(NAME, "nlctrl"))
    assert controller._sequence == 1
    controller.close()


async def test_a_closed_socket_is_a_kernel_error() -> None:
    controller = GenericSocket(CONTROLLER)
    controller.close()
    with pytest.raises(KernelError, match="netlink: Bad file descriptor"):
        await controller.ask(GET_FAMILY)


class Clogged(socket.socket):
    """Has no room for the first two datagrams, and fails at the third."""

    tried = 0

    def send(self, *_: object) -> int:
        self.tried += 1
        raise OSError(errno.ENOBUFS, "No buffer space available") if self.tried == 3 else BlockingIOError()


async def test_a_socket_that_fails_while_it_is_waited_for_is_a_kernel_error() -> None:
    connection = Clogged(socket.AF_UNIX, socket.SOCK_DGRAM)
    connection.bind("")
    clogged = GenericSocket(FAMILY, connection)
    with pytest.raises(KernelError) as caught:
        await clogged.ask(1)
    clogged.close()
    assert (str(caught.value), connection.tried) == ("netlink: No buffer space available", 3)
