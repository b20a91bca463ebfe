"""The composition root: builds every part of `lvsctl run`, and runs them until somebody says stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import structlog

from lvsctl.checkapi import AnyKind
from lvsctl.checks.registry import installed
from lvsctl.config.load import Loaded, load
from lvsctl.daemon import log as logs
from lvsctl.daemon.api.listener import group_number, held
from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.state import State
from lvsctl.errors import LvsctlError
from lvsctl.kernel.generation import generation_of

log = structlog.get_logger("lvsctl")


def run(*, config: Path, socket: Path, socket_group: str | None, state_dir: Path, log_format: str) -> None:
    """`lvsctl run`: the daemon in the foreground, until SIGTERM or SIGINT. Raises LvsctlError if it cannot start.

    socket_group: name or number of the group whose members may use the socket; None: the usual one. The caller has
    blocked SIGHUP if it may come early: it waits until `handle_signals`.
    """
    logs.configure(log_format)
    group = group_number(socket_group) if socket_group is not None else None
    kinds = installed()
    loaded = load(config, kinds)
    state = State(state_dir)
    with (
        state.lock(),
        held(socket, group) as listener,
    ):  # before anything begins: two daemons would tell everything twice
        for name, why in kinds.broken.items():
            log.error("check kind cannot be used", kind=name, why=why)
        for problem in loaded.warnings:
            log.warning("conf.d", problem=str(problem))
        _allow_many_files()
        asyncio.run(_serve(config=config, loaded=loaded, kinds=kinds, listener=listener, state=state))


def _allow_many_files() -> None:
    """Every probe in flight takes a file descriptor: use all that the limit allows, not only the soft one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(
    *, config: Path, loaded: Loaded, kinds: Mapping[str, AnyKind], listener: socket.socket, state: State
) -> None:
    from lvsctl.daemon.api.server import answering  # noqa: PLC0415 - aiohttp and pyroute2 are slow to import:
    from lvsctl.kernel.netlink import NetlinkIpvs  # noqa: PLC0415   a refused start should not wait for them

    ipvs = NetlinkIpvs()
    try:
        kernel = os.uname()
        daemon = Daemon(
            config=config,
            loaded=loaded,
            kinds=kinds,
            ipvs=ipvs,
            state=state,
            generation=generation_of(kernel.release, kernel.version),
        )
        handle_signals(daemon)
        await daemon.prepare()
        async with answering(daemon, listener):
            await daemon.run()
    finally:
        await ipvs.close()


def handle_signals(daemon: Daemon) -> None:
    """SIGTERM and SIGINT stop, SIGHUP reloads."""
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon.loop.add_signal_handler(number, daemon.stop)
    tasks: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        with contextlib.suppress(LvsctlError):  # it has been logged
            await daemon.reload()

    def hang_up() -> None:
        task = daemon.loop.create_task(reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    daemon.loop.add_signal_handler(signal.SIGHUP, hang_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one that came during the start is heard now
