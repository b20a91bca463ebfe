"""The number under which this kernel knows the generic netlink family IPVS.

pyroute2 can find it out too, and in the tests is the judge of this. But it takes 150 ms to import, ten times what the
rest of a `lvsctl plan` costs, and the question is one message that `GenericSocket` can ask as it is.
"""

from __future__ import annotations

import errno
from typing import Final

from lvsctl.errors import KernelError
from lvsctl.kernel import wire
from lvsctl.kernel.genl import GenericSocket, Refused
from lvsctl.kernel.numbers import FAMILY_NAME

CONTROLLER: Final = 16  # the family that knows the others, from include/uapi/linux/genetlink.h
GET_FAMILY: Final = 3
FAMILY_ID: Final = 1
NAME: Final = 2


async def resolve(name: str = FAMILY_NAME) -> int:
    """Raises KernelError where there is no IPVS. The kernel loads ip_vs itself if it can."""
    controller = GenericSocket(CONTROLLER)
    try:
        answer = await controller.ask(GET_FAMILY, wire.text(NAME, name))
    except Refused as error:
        if error.number == errno.ENOENT:
            raise KernelError("the kernel has no IPVS: run modprobe ip_vs") from error
        raise
    finally:
        controller.close()
    return wire.Attributes(answer).number(FAMILY_ID, 2)
