"""What a speaker needs of the kernel, beside its own sockets: whoever starts it hands this over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lvsctl.model import Address, Interfaces, LinkAnswer, Refusal, Vip, VirtualLink


class Ground(Protocol):
    """Interfaces and addresses. Every method may raise KernelError; none may block the loop."""

    def watch(self, names: Collection[str]) -> AbstractAsyncContextManager[AsyncIterator[Interfaces]]:
        """First as they are, then again after changes. Who got a KernelError from the iterator may go on."""

    async def add(self, vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        """One answer each; what is there already is Effect.NONE."""

    async def remove(self, vips: Sequence[Vip]) -> Sequence[LinkAnswer]:
        """One answer each; what is not there is Effect.NONE."""

    async def added(self) -> Sequence[Vip]:
        """All that were put on by `add`, in whatever life; none where the kernel cannot tell."""

    async def make(self, links: Sequence[VirtualLink]) -> Sequence[LinkAnswer]:
        """Have them there, up. One answer each; what is there already is Effect.NONE."""

    async def unmake(self, links: Sequence[VirtualLink]) -> Sequence[LinkAnswer]:
        """Have them gone, with their addresses. One answer each; what is not there is Effect.NONE."""

    async def made(self) -> Sequence[VirtualLink]:
        """All that are there now, in whatever life and by whomever they were made."""

    def hindrances(self, link: VirtualLink) -> Sequence[str]:
        """What of this host's settings keeps it from being of use, in words that say what to do."""

    async def announce(self, interface: str, addresses: Sequence[Address]) -> Refusal | None:
        """One frame for each, in this order, or those before the first that was refused."""
