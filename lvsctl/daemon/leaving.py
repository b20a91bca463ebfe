"""The daemon's end: the role is handed over, the table becomes what conf.d says, and everything is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from lvsctl.daemon.systemd import notify
from lvsctl.decide.farewell import farewell
from lvsctl.errors import KernelError
from lvsctl.model import DeleteService

if TYPE_CHECKING:
    from lvsctl.daemon.daemon import Daemon

log = structlog.get_logger("lvsctl")


async def leave(daemon: Daemon) -> None:
    """In this order: until the addresses are the other director's, connections come here and need the table."""
    notify("STOPPING=1")
    if daemon.pairing.farewell:
        notify(f"EXTEND_TIMEOUT_USEC={daemon.pairing.farewell * 1e6:.0f}")
    await daemon.pairing.hand_over()
    await daemon.peer.close()
    await _leave_the_table(daemon)
    await daemon.pairing.close()
    await daemon.alerts.close()
    await daemon.listeners.close()
    await daemon.doubt.close()
    daemon.lag.stop()
    await daemon.history.close()
    await daemon.runner.close()  # last: a probe that will not end must not keep the table from what conf.d says


async def _leave_the_table(daemon: Daemon) -> None:
    try:
        steps = farewell(daemon.world.spec, await daemon.ipvs.read())
        results = await daemon.ipvs.apply([step.op for step in steps])
    except KernelError as error:
        log.error("the table is left as it is", error=str(error))
        return
    done = [step.op for step, result in zip(steps, results, strict=True) if result is None]
    # What is flushed is ours no more: whoever makes it anew owns it.
    daemon.world.owned -= {op.service for op in done if isinstance(op, DeleteService)}
    daemon.remember()
    refused = len(steps) - len(done)
    log.info("stopped", operations=len(steps), refused=refused)
