"""What an earlier life has left of addresses and links is taken off: one that was killed could not do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lvsctl.model import Instance, LinkAnswer
from lvsctl.pair.ground import Ground
from lvsctl.pair.place import is_ours, place, virtual_links


async def cleared(instance: Instance, ground: Ground) -> Sequence[LinkAnswer]:
    """What came of taking off all that there may be of this instance. Raises KernelError."""
    answers: list[LinkAnswer] = []
    for virtual_mac in (False, True):
        there = place(replace(instance, virtual_mac=virtual_mac))
        answers += await ground.remove(there.vips)
        answers += await ground.unmake(there.links) if there.links else ()
    return answers


async def swept(instances: Sequence[Instance], ground: Ground) -> Sequence[LinkAnswer]:
    """What came of taking away links of virtual routers that are none of these any more. Raises KernelError."""
    wanted = {link.name for link in virtual_links(instances)}
    left = [link for link in await ground.made() if is_ours(link) and link.name not in wanted]
    return await ground.unmake(left) if left else ()


async def emptied(ground: Ground) -> Sequence[LinkAnswer]:
    """What came of taking away all that is known to be ours, whoever had it. Raises KernelError."""
    left = await ground.added()
    return [*(await ground.remove(left) if left else ()), *await swept((), ground)]
