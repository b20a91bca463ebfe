"""Ask the kernel whether it has, or can load, a scheduler; IPVS has no question for that."""

from __future__ import annotations

import errno
from ipaddress import IPv4Address
from typing import Final

from lvsctl.kernel import encode
from lvsctl.kernel.channel import Refused
from lvsctl.kernel.genl import GenericSocket
from lvsctl.kernel.numbers import Command
from lvsctl.model import AddressKey, AddService, DeleteService, Protocol, ServiceAttrs

MAX_NAME: Final = 15  # bytes; the kernel keeps 16 with the final NUL

NOWHERE: Final = AddressKey(IPv4Address(0), 9, Protocol.TCP)
"""No packet is ever sent to this address."""


async def has_scheduler(kernel: GenericSocket, name: str) -> bool:
    """Ask for an IPv6 service that is refused in any case (`encode.scheduler_probe`): nothing comes of it.

    A kernel without IPv6, or with `ipv6.disable=1`, refuses that before it looks for the scheduler. There a service
    that no packet can reach is made and deleted again in one message. Raises Refused where we may not ask.
    """
    if not 0 < len(name.encode()) <= MAX_NAME:
        return False
    (number,) = await kernel.order([(Command.NEW_SERVICE, encode.scheduler_probe(name))])
    if number == errno.EAFNOSUPPORT:
        number = await make_and_unmake(kernel, name)
    if number == errno.EPERM:
        raise Refused(number)
    return number != errno.ENOENT


async def make_and_unmake(kernel: GenericSocket, name: str) -> int:
    """The errno of making such a service, 0 for done; when this returns it is gone."""
    orders = [encode.operation(AddService(NOWHERE, ServiceAttrs(name))), encode.operation(DeleteService(NOWHERE))]
    made, _ = await kernel.order(orders)
    if made == errno.EEXIST:  # left by a probe that was killed half way; deleted just now
        made, _ = await kernel.order(orders)
    return made
