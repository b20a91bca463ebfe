"""Debian's keepalived understands our adverts, and we its: on a real cable, in every form."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.model import ChecksumForm, Instance, Secret
from lvsctl.pair.packet import Advert, Codec
from tests.pair.making import OURS6, THEIRS, THEIRS6, V2, V3, V6, me
from tests.pair.neighbour import Neighbour, neighbour
from tests.pair.stage import BUSY, INTERVAL
from tests.pair.wire import Wire, cable

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]

LINK_LOCAL = ip_address("fe80::2")

FORMS = {
    "version 2": me(V2),
    "version 2 with a password, unicast": me(V2, password=Secret("s3cret"), peers=(THEIRS,)),
    "version 3": me(V3, interval=INTERVAL),
    "version 3, unicast": me(V3, interval=INTERVAL, peers=(THEIRS,)),
    "version 3, IPv6": me(V6, interval=INTERVAL, source=LINK_LOCAL),
    "version 3, IPv6, unicast": me(V6, interval=INTERVAL, source=OURS6, peers=(THEIRS6,)),
}


@contextmanager
def beside(folder: Path, ours: Instance) -> Iterator[tuple[Neighbour, Wire]]:
    """An active keepalived, and our end of the cable."""
    with cable(), neighbour(folder, ours) as theirs:
        wire = Wire(ours)
        try:
            theirs.until("MASTER", within=8 * ours.interval)
            yield theirs, wire
        finally:
            wire.close()


def forget(wire: Wire) -> None:
    """What came before this."""
    while wire.heard(0.01) is not None:
        pass


def insists(theirs: Neighbour, wire: Wire, *, priority: int) -> bool:
    """Whether it goes on as if nobody had spoken, although we advertise this priority."""
    forget(wire)
    for _ in range(3):
        wire.send(priority)
        if wire.heard(BUSY) is None:
            return False
    return theirs.state() == "MASTER"


def gives_up(theirs: Neighbour, wire: Wire, *, priority: int) -> bool:
    """Whether it does when we advertise this priority."""
    end = time.monotonic() + BUSY
    while theirs.state() != "BACKUP" and time.monotonic() < end:
        wire.send(priority)
        wire.heard(0.1)
    return theirs.state() == "BACKUP"


@pytest.mark.parametrize("form", FORMS)
def test_we_understand_each_other(form: str, tmp_path: Path) -> None:
    ours = FORMS[form]
    with beside(tmp_path, ours) as (theirs, wire):
        first = wire.heard(BUSY)
        assert first is not None, (tmp_path / "keepalived.log").read_text()
        found = Codec(ours).decode(first)
        assert isinstance(found, Advert), found
        assert (found.priority, found.interval, found.oddities) == (150, ours.interval, ())
        assert insists(theirs, wire, priority=149), "it is stronger"
        assert gives_up(theirs, wire, priority=151), "it is not stronger any more"
        forget(wire)
        wire.send(151)
        wire.send(0)
        assert wire.heard(3 * ours.interval) is not None, "we have released: it waits for nothing else"


def test_it_does_not_take_the_checksum_of_rfc_9568(tmp_path: Path) -> None:
    """Which is why it is not what we send by default."""
    with beside(tmp_path, me(V3, interval=INTERVAL, checksum=ChecksumForm.RFC9568)) as (theirs, wire):
        assert insists(theirs, wire, priority=254)
