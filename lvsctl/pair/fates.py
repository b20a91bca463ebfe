"""What becomes of each instance when the configuration is another one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Final

from lvsctl.model import Instance


class Fate(StrEnum):
    """GONE hands over and leaves; NEW starts; ANEW does both. ON goes on in its role, with what is new of it."""

    SAME = "same"
    ON = "on"
    ANEW = "anew"
    GONE = "gone"
    NEW = "new"


IDENTITY: Final = attrgetter("interface", "vrid", "family", "version", "group", "virtual_mac")
"""Without these it is another virtual router, or is spoken of in another way: nobody could tell who goes on."""


def fates(before: Sequence[Instance], after: Sequence[Instance]) -> Mapping[str, Fate]:
    """By name, of all that were or will be.

    A sync group is one: where a member begins anew, joins or leaves, all that stay begin anew, as they have one role.
    """
    old, new = _by_name(before), _by_name(after)
    own = {name: _own(old.get(name), new.get(name)) for name in old | new}
    torn = {me.group for me in (*before, *after) if me.group and own[me.name] not in (Fate.SAME, Fate.ON)}
    return {
        name: Fate.ANEW if fate in (Fate.SAME, Fate.ON) and new[name].group in torn else fate
        for name, fate in own.items()
    }


def _own(old: Instance | None, new: Instance | None) -> Fate:
    if old is None or new is None:
        return Fate.NEW if old is None else Fate.GONE
    if old == new:
        return Fate.SAME
    return Fate.ON if IDENTITY(old) == IDENTITY(new) else Fate.ANEW


def _by_name(instances: Iterable[Instance]) -> dict[str, Instance]:
    return {me.name: me for me in instances}
