"""Who says what role this director has, whichever of them it is: the protocol that they share."""

from __future__ import annotations

from typing import Protocol

from lvsctl.model import Role


class RoleProvider(Protocol):
    """Says what role each instance has.

    Transitions are told one by one, each when the addresses are where they belong, as far as that is the provider's
    business. Callbacks get them; they must neither block nor raise.
    """

    async def run(self) -> None:
        """Take part until `stop`, or until cancelled. Raises LvsctlError where that cannot be."""

    def stop(self) -> None:
        """Hand over where this director is active; `run` returns when that is done."""

    def role(self, instance: str) -> Role | None:
        """As it is now; None: not known yet, or it takes no part. Raises KeyError for an instance it does not have."""

    def set_priority(self, instance: str, priority: int) -> None:
        """From now on, of this instance alone: 1 to 255.

        What moves together with it (a sync group) keeps its own priorities: who would lower a whole group says so of
        each member. Who follows somebody else's word ignores it.
        """

    def release(self) -> None:
        """Hand over to the peer, and stay behind it until it falls silent.

        Raises LvsctlError where somebody else has to be told.
        """
