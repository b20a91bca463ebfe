"""Asking for a scheduler, told by a kernel with IPv6 and by one without."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from lvsctl.errors import KernelError
from lvsctl.kernel.netlink import NetlinkIpvs
from lvsctl.kernel.numbers import Command
from tests.kernel.echo import answer
from tests.kernel.scripted import Answer, ScriptedKernel

NEW, DELETE = Command.NEW_SERVICE, Command.DEL_SERVICE


def says(*numbers: int) -> list[Answer]:
    """One answer to each order of a message; 0: no answer, but for the last, which asks for one."""
    last = len(numbers) - 1
    return [
        lambda sequence, index=index, number=number: answer(sequence + index, number)  # type: ignore[misc]
        for index, number in enumerate(numbers)
        if number or index == last
    ]


@pytest.mark.parametrize(
    ("sentence", "answers", "orders", "there"),
    [
        ("refused for its prefix length: the scheduler was found", [says(errno.EINVAL)], [NEW], True),
        ("not found", [says(errno.ENOENT)], [NEW], False),
        ("no IPv6: made, deleted", [says(errno.EAFNOSUPPORT), says(0, 0)], [NEW, NEW, DELETE], True),
        (
            "no IPv6: not made, nothing to delete",
            [says(errno.EAFNOSUPPORT), says(errno.ENOENT, errno.ESRCH)],
            [NEW, NEW, DELETE],
            False,
        ),
        (
            "no IPv6, and a killed probe has left its service",
            [says(errno.EAFNOSUPPORT), says(errno.EEXIST, 0), says(errno.ENOENT, errno.ESRCH)],
            [NEW, NEW, DELETE, NEW, DELETE],
            False,
        ),
    ],
)
async def test_what_the_kernel_says(
    kernel: Callable[..., ScriptedKernel],
    sentence: str,
    answers: list[list[Answer]],
    orders: list[Command],
    there: bool,
) -> None:
    far = kernel(*answers)
    ipvs = NetlinkIpvs(far.open)
    assert await ipvs.has_scheduler("mh") is there, sentence
    assert [message.body[0] for message in far.asked] == orders, sentence
    assert ipvs.written == 0, "the table is as it was"
    await ipvs.close()


@pytest.mark.parametrize("answers", [[says(errno.EPERM)], [says(errno.EAFNOSUPPORT), says(errno.EPERM, errno.EPERM)]])
async def test_who_may_not_ask_is_told(kernel: Callable[..., ScriptedKernel], answers: list[list[Answer]]) -> None:
    with pytest.raises(KernelError, match=r"^cannot ask IPVS: not permitted: give lvsctl CAP_NET_ADMIN"):
        await NetlinkIpvs(kernel(*answers).open).has_scheduler("mh")


@pytest.mark.parametrize("name", ["", "x" * 16])
async def test_a_name_that_no_kernel_can_keep_is_not_asked_for(
    kernel: Callable[..., ScriptedKernel], name: str
) -> None:
    far = kernel()
    ipvs = NetlinkIpvs(far.open)
    assert not await ipvs.has_scheduler(name)
    await ipvs.close()
    assert far.asked == []
