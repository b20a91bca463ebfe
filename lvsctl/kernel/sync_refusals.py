"""Why the kernel refused to start or stop a sync daemon, as a sentence that says what to do."""

from __future__ import annotations

import errno

from lvsctl.kernel.refusals import NOT_PERMITTED, other
from lvsctl.model import MAX_LABEL, MAX_SYNC_ID, Refusal, SyncDaemon, SyncRole


def sync_refusal(daemon: SyncDaemon, number: int) -> Refusal:
    """Of starting it. `number`: as in errno.h."""
    return Refusal(number, _sentence(daemon, number))


def no_sync_refusal(role: SyncRole, number: int) -> Refusal:
    """Of stopping the one of this role."""
    match number:
        case errno.ESRCH:
            return Refusal(number, f"no {role} sync daemon runs")
        case errno.EPERM:
            return Refusal(number, NOT_PERMITTED)
    return Refusal(number, other(number))


def _sentence(daemon: SyncDaemon, number: int) -> str:
    match number:
        case errno.EPERM:
            return NOT_PERMITTED
        case errno.EEXIST:
            return f"a {daemon.role} sync daemon runs already: stop it first"
        case errno.ENODEV:
            return f"there is no interface {daemon.interface} for the sync daemon: create it, or correct the name"
        case errno.ENETUNREACH:
            return f"{daemon.interface} does not lead to {daemon.group}: bring it up, with an address of that family"
        case errno.ERANGE:
            return f"give the sync daemon an id from 0 to {MAX_SYNC_ID}, a length and a port to 65535, and a TTL to 255"
        case errno.EINVAL:
            return (
                f"the sync daemon on {daemon.interface} is invalid: give a name of at most {MAX_LABEL} bytes and a "
                f"multicast group, which {daemon.group} may not be, and no service a server of the other family"
            )
    return other(number)
