"""Why the kernel refused an operation, as a sentence that says what to do: errno and operation -> Refusal."""

from __future__ import annotations

import errno
import os

from lvsctl.kernel.judging import mixes_families
from lvsctl.model import (
    MAX_WEIGHT,
    AddServer,
    AddService,
    DeleteServer,
    DeleteService,
    EditServer,
    EditService,
    Forward,
    Op,
    RealAttrs,
    RealKey,
    Refusal,
    ServiceAttrs,
    ServiceKey,
)

NOT_PERMITTED = "not permitted: give lvsctl CAP_NET_ADMIN in this network namespace"
MIXED = "; its family must be the service's where connections are synchronised (ipvsadm -L --daemon)"
NEXT_ROUND = "somebody else changed the table, the next round puts it right"


def refusal(op: Op, number: int) -> Refusal:
    """`number`: as in errno.h."""
    return Refusal(number, _sentence(op, number))


def service_refusal(service: ServiceKey | None, number: int) -> Refusal:
    """The same for an operation that has no attributes, such as zeroing; None: it was for all services."""
    if number == errno.ESRCH and service is not None:
        return Refusal(number, _no_service(service))
    return Refusal(number, NOT_PERMITTED if number == errno.EPERM else other(number))


def timeouts_refusal(number: int) -> Refusal:
    """The same for setting the timeouts."""
    if number in (errno.EINVAL, errno.ERANGE):
        return Refusal(number, "a timeout is out of range: give whole seconds, 0 to leave one as it is")
    return Refusal(number, NOT_PERMITTED if number == errno.EPERM else other(number))


def _sentence(op: Op, number: int) -> str:
    if number == errno.EPERM:
        return NOT_PERMITTED
    if number == errno.ESRCH:
        return _no_service(op.service)
    match op:
        case AddService(service, attrs) | EditService(service, attrs):
            return _about_service(service, attrs, number)
        case AddServer(service, server, server_attrs) | EditServer(service, server, server_attrs):
            return _about_server(service, server, server_attrs, number)
        case DeleteServer(service, server) if number == errno.ENOENT:
            return _no_server(service, server)
        case DeleteService() | DeleteServer():
            return other(number)


def _about_service(service: ServiceKey, attrs: ServiceAttrs, number: int) -> str:
    match number:
        case errno.EEXIST:
            return f"service {service} is in the table already: {NEXT_ROUND}"
        case errno.ENOENT if attrs.persistence_engine:
            engine = attrs.persistence_engine
            return (
                f"the kernel has no scheduler {attrs.scheduler!r} or no persistence engine {engine!r}: "
                f"try modprobe ip_vs_{attrs.scheduler} and modprobe ip_vs_pe_{engine}"
            )
        case errno.ENOENT:
            return f"the kernel has no scheduler {attrs.scheduler!r}: try modprobe ip_vs_{attrs.scheduler}"
        case errno.EINVAL | errno.ERANGE:
            return f"service {service} is invalid: check its scheduler name, persistence timeout and netmask"
        case errno.EAFNOSUPPORT:
            return f"service {service}: this kernel's IPVS has no IPv6"
    return other(number)


def _about_server(service: ServiceKey, server: RealKey, attrs: RealAttrs, number: int) -> str:
    match number:
        case errno.EEXIST:
            return f"server {server} is in service {service} already: {NEXT_ROUND}"
        case errno.ENOENT:
            return _no_server(service, server)
        case errno.ERANGE:
            return (
                f"server {server}: weight {attrs.weight}, thresholds upper {attrs.upper} lower {attrs.lower}: "
                f"give a weight from 0 to {MAX_WEIGHT} and a lower threshold not above the upper"
            )
        case errno.EINVAL:
            mixed = attrs.forward is Forward.TUNNEL and mixes_families(service, server)
            return (
                f"server {server} is invalid: give a unicast address, a tunnel where its family is not the service's, "
                f"and a port to a gue tunnel{MIXED if mixed else ''}"
            )
    return other(number)


def _no_service(service: ServiceKey) -> str:
    return f"there is no service {service}: {NEXT_ROUND}"


def _no_server(service: ServiceKey, server: RealKey) -> str:
    return f"there is no server {server} in service {service}: {NEXT_ROUND}"


def other(number: int) -> str:
    """For an errno that no sentence was made for."""
    return f"the kernel refused: {os.strerror(number)} ({errno.errorcode.get(number, number)})"
