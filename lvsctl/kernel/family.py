"""The number under which this kernel knows the generic netlink family IPVS: asked once a socket, through pyroute2."""

from __future__ import annotations

import errno

from lvsctl.errors import KernelError
from lvsctl.kernel.numbers import FAMILY_NAME


async def resolve(name: str = FAMILY_NAME) -> int:
    """Raises KernelError where there is no IPVS. The kernel loads ip_vs itself if it can."""
    from pyroute2.netlink import genlmsg  # noqa: PLC0415 - takes 150 ms to import: not for who never asks the kernel
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415
    from pyroute2.netlink.generic import AsyncGenericNetlinkSocket  # noqa: PLC0415

    controller = AsyncGenericNetlinkSocket()
    controller.module_err_level = "debug"  # what is wrong is said below
    try:
        await controller.bind(name, genlmsg)
        return int(controller.prid)
    except NetlinkError as error:
        if error.code == errno.ENOENT:
            raise KernelError("the kernel has no IPVS: run modprobe ip_vs") from error
        raise KernelError(f"cannot ask for the netlink family {name}: {error}") from error
    except OSError as error:
        raise KernelError(f"cannot open a netlink socket: {error.strerror}") from error
    finally:
        controller.close()
