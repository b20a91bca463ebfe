"""Why the kernel refused something about links and addresses, as a sentence that says what to do."""

from __future__ import annotations

import errno

from lvsctl.kernel.refusals import NOT_PERMITTED, other
from lvsctl.model import MAX_LABEL, Refusal, Vip


def no_interface(name: str) -> Refusal:
    """ENODEV."""
    return Refusal(errno.ENODEV, f"there is no interface {name}: create it, or correct the name")


def vip_refusal(vip: Vip, number: int) -> Refusal:
    """`number`: as in errno.h."""
    return no_interface(vip.interface) if number == errno.ENODEV else Refusal(number, _sentence(vip, number))


def not_ours(name: str) -> Refusal:
    """EEXIST: an interface that somebody else made has the name of a macvlan."""
    return Refusal(
        errno.EEXIST, f"interface {name} is no virtual router's macvlan, and is left alone: choose another name"
    )


def macvlan_refusal(name: str, parent: str, number: int) -> Refusal:
    """`number`: as in errno.h."""
    match number:
        case errno.EPERM:
            return Refusal(number, NOT_PERMITTED)
        case errno.EOPNOTSUPP:
            return Refusal(number, "this kernel has no macvlan: try modprobe macvlan")
        case errno.EADDRINUSE:
            return Refusal(
                number, f"no macvlan {name}: {parent} has one with its MAC: give every virtual router a number"
            )
        case errno.EINVAL | errno.EBUSY | errno.ERANGE:
            sentence = f"no macvlan {name} on {parent}: that takes an Ethernet interface, and a name of 1 to 15 bytes"
            return Refusal(number, sentence)
    return Refusal(number, other(number))


def _sentence(vip: Vip, number: int) -> str:
    match number:
        case errno.EPERM:
            return NOT_PERMITTED
        case errno.EACCES:
            return f"{vip}: IPv6 is off there: set net.ipv6.conf.{vip.interface}.disable_ipv6 = 0"
        case errno.EOPNOTSUPP | errno.EAFNOSUPPORT:
            return f"{vip}: this kernel has no IPv6"
        case errno.ERANGE | errno.EINVAL if vip.label:
            return f"{vip}: give a unicast address, and a label of at most {MAX_LABEL} bytes, not {vip.label!r}"
        case errno.EINVAL | errno.EADDRNOTAVAIL:
            return f"{vip}: give a unicast address, and for IPv6 an interface with an MTU of 1280 or more"
    return other(number)
