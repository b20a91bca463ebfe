"""The lookout for schedulers: which are missing, and when it is worth asking again."""

from __future__ import annotations

import errno
from collections.abc import Callable, Hashable

from lvsctl.daemon.reconcile import Round, missing_schedulers, scheduler_names
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import Spec

RECHECK = 30.0
"""Seconds between looks for a scheduler that is, or may be, missing."""

ASK_AGAIN = 3600.0
"""Seconds until the kernel itself is asked although nothing is seen to have changed."""


class Lookout:
    """Remembers when it looked and what it saw. recheck: seconds between looks. clock: gives seconds."""

    def __init__(self, ipvs: Ipvs, *, recheck: float, clock: Callable[[], float]) -> None:
        self.recheck = recheck
        self._ipvs = ipvs
        self._clock = clock
        self._looked = 0.0
        self._asked = 0.0
        self._signs: Hashable | None = None

    async def missing(self, spec: Spec) -> frozenset[str]:
        """Ask the kernel for every scheduler that `spec` names."""
        self._looked = self._asked = self._clock()
        self._signs = self._ipvs.scheduler_signs(scheduler_names(spec))  # first: what comes meanwhile is seen next time
        return await missing_schedulers(spec, self._ipvs)

    def is_due(self, spec: Spec, missing: frozenset[str], last: Round | None) -> bool:
        """Whether it is time to look, and one that was missing may be there, or one that was there may be gone."""
        now = self._clock()
        if last is None or now - self._looked < self.recheck:
            return False
        self._looked = now
        if any(refusal.errno == errno.ENOENT for _, refusal in last.refused):
            return True
        if not missing:
            return False
        signs = self._ipvs.scheduler_signs(scheduler_names(spec))
        return signs is None or signs != self._signs or now - self._asked >= ASK_AGAIN
