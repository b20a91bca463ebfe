"""`Ipvs` on the kernel of this machine, over generic netlink, in the network namespace in which it is first used."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence

from lvsctl.kernel import decode, encode, modules, probe
from lvsctl.kernel.channel import asked_again
from lvsctl.kernel.family import resolve
from lvsctl.kernel.genl import GenericSocket
from lvsctl.kernel.line import Line
from lvsctl.kernel.listing import CountingReader, ListReader, ServerMemory, ServerReader
from lvsctl.kernel.numbers import Command
from lvsctl.kernel.refusals import NOT_PERMITTED, refusal, service_refusal, timeouts_refusal
from lvsctl.kernel.sync_refusals import no_sync_refusal, sync_refusal
from lvsctl.kernel.totals import read_totals
from lvsctl.model import (
    Entry,
    Info,
    Op,
    Refusal,
    Seen,
    ServiceCounters,
    ServiceKey,
    SyncDaemon,
    SyncRole,
    Table,
    Timeouts,
)


async def open_ipvs() -> GenericSocket:
    """A socket to the IPVS of this network namespace. Raises KernelError where there is none."""
    return GenericSocket(await resolve())


class NetlinkIpvs:
    """IPVS over netlink. Opens its socket when it is first asked, and a new one after any failure.

    written: how many orders were sent to the kernel since the start: operations, zeroing, timeouts.
    """

    def __init__(self, open_socket: Callable[[], Awaitable[GenericSocket]] = open_ipvs) -> None:
        self.written = 0
        self._line = Line(open_socket, _cannot_ask)
        self._memory = ServerMemory()

    @asked_again
    async def read(self) -> Table:
        """See `Ipvs.read`. Parts that did not change since the last read are the same objects as then.

        Services and the servers of each are separate listings, and the kernel has no way to tie them together: what
        somebody changes in between may be seen half. The next round sees it whole.
        """
        async with self._line.conversation() as kernel:
            services = ListReader(decode.service)
            await kernel.dump(Command.GET_SERVICE, b"", services)
            table: dict[ServiceKey, Entry] = {}
            for service, attrs in services.found:
                servers = ServerReader(self._memory)
                await kernel.dump(Command.GET_DEST, encode.service_key(service), servers)
                table[service] = self._memory.entry(service, attrs, servers.rows)
                await asyncio.sleep(0)  # thousands of servers must not keep the loop from its probes
            self._memory.forget(but=table)
            return table

    @asked_again
    async def look(self) -> Seen:
        """See `Ipvs.look`; the table is as that of `read`, from the same listings as the counters."""
        async with self._line.conversation() as kernel:
            services = ListReader(decode.counted_service)
            await kernel.dump(Command.GET_SERVICE, b"", services)
            table: dict[ServiceKey, Entry] = {}
            counters: dict[ServiceKey, ServiceCounters] = {}
            for service, attrs, traffic in services.found:
                servers = CountingReader(self._memory)
                await kernel.dump(Command.GET_DEST, encode.service_key(service), servers)
                table[service] = self._memory.entry(service, attrs, servers.rows)
                counters[service] = ServiceCounters(traffic, dict(reversed(servers.counts)))
                await asyncio.sleep(0)
            self._memory.forget(but=table)
            return Seen(table, counters, read_totals())

    async def apply(self, ops: Sequence[Op]) -> Sequence[Refusal | None]:
        """See `Ipvs.apply`."""
        if not ops:
            return []
        refusals: list[Refusal | None] = [None] * len(ops)
        orders: list[tuple[int, bytes]] = []
        sent: list[int] = []
        key = encode.LastKey()
        for index, op in enumerate(ops):
            try:
                orders.append(encode.operation(op, key))
                sent.append(index)
            except encode.NO_BYTES:
                refusals[index] = refusal(op, errno.ERANGE)
        for index, number in zip(sent, await self._order(orders), strict=True):
            refusals[index] = refusal(ops[index], number) if number else None
        return refusals

    async def info(self) -> Info:
        """See `Ipvs.info`."""
        async with self._line.conversation() as kernel:
            return decode.info(await kernel.ask(Command.GET_INFO))

    async def timeouts(self) -> Timeouts:
        """See `Ipvs.timeouts`."""
        async with self._line.conversation() as kernel:
            return decode.timeouts(await kernel.ask(Command.GET_CONFIG))

    async def set_timeouts(self, timeouts: Timeouts) -> Refusal | None:
        """See `Ipvs.set_timeouts`."""
        try:
            order = encode.timeouts(timeouts)
        except encode.NO_BYTES:
            return timeouts_refusal(errno.ERANGE)
        (number,) = await self._order([(Command.SET_CONFIG, order)])
        return timeouts_refusal(number) if number else None

    @asked_again
    async def sync_daemons(self) -> Sequence[SyncDaemon]:
        """See `Ipvs.sync_daemons`."""
        async with self._line.conversation() as kernel:
            daemons = ListReader(decode.sync_daemon)
            await kernel.dump(Command.GET_DAEMON, b"", daemons)
            return daemons.found

    async def start_sync(self, daemon: SyncDaemon) -> Refusal | None:
        """See `Ipvs.start_sync`."""
        try:
            order = encode.sync_daemon(daemon)
        except encode.NO_BYTES:
            return sync_refusal(daemon, errno.ERANGE)
        (number,) = await self._order([(Command.NEW_DAEMON, order)])
        return sync_refusal(daemon, number) if number else None

    async def stop_sync(self, role: SyncRole) -> Refusal | None:
        """See `Ipvs.stop_sync`.

        One that was started a moment ago, and has not run yet, is stopped with EINTR, on which netlink says nothing at
        all, not even when it is asked to: so something else is asked for behind it, whose answer comes in any case.
        """
        async with self._line.conversation() as kernel:
            self.written += 1
            stop = (Command.DEL_DAEMON, encode.sync_role(role))
            number, _ = await kernel.order([stop, (Command.GET_CONFIG, b"")])
        return no_sync_refusal(role, number) if number else None

    async def zero(self, service: ServiceKey | None = None) -> Refusal | None:
        """See `Ipvs.zero`."""
        order = b"" if service is None else encode.service_key(service)
        (number,) = await self._order([(Command.ZERO, order)])
        return service_refusal(service, number) if number else None

    async def has_scheduler(self, name: str) -> bool:
        """See `Ipvs.has_scheduler`."""
        async with self._line.conversation() as kernel:
            return await probe.has_scheduler(kernel, name)

    def scheduler_signs(self, names: Collection[str]) -> Hashable | None:
        """See `Ipvs.scheduler_signs`."""
        return modules.signs(names)

    async def close(self) -> None:
        """See `Ipvs.close`."""
        await self._line.close()

    async def _order(self, orders: Sequence[tuple[int, bytes]]) -> list[int]:
        async with self._line.conversation() as kernel:
            self.written += len(orders)
            return await kernel.order(orders)


def _cannot_ask(number: int) -> str:
    match number:
        case errno.EPERM | errno.EACCES:
            return f"cannot ask IPVS: {NOT_PERMITTED}"
        case errno.ENOENT:
            return "cannot ask IPVS: the kernel module ip_vs was unloaded"
    return f"cannot ask IPVS: {os.strerror(number)}"
