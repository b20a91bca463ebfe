"""Debian's keepalived understands our adverts, and we its: on a real cable, in every form."""

from __future__ import annotations

import shutil
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvsctl.model import ChecksumForm, Instance, Secret
from lvsctl.pair.packet import Advert, Codec
from tests.pair.making import OURS6, THEIRS, THEIRS6, V2, V3, V6, me
from tests.pair.wire import Wire, cable, keepalived

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
]

LINK_LOCAL = ip_address("fe80::2")

FORMS = {
    "version 2": me(V2),
    "version 2 with a password, unicast": me(V2, password=Secret("s3cret"), peers=(THEIRS,)),
    "version 3": me(V3, interval=0.1),
    "version 3, unicast": me(V3, interval=0.1, peers=(THEIRS,)),
    "version 3, IPv6": me(V6, interval=0.1, source=LINK_LOCAL),
    "version 3, IPv6, unicast": me(V6, interval=0.1, source=OURS6, peers=(THEIRS6,)),
}


def silent(wire: Wire, ours: Instance, *, priority: int) -> bool:
    """Whether it gives up when we advertise this priority: nothing is heard of it after the second advert."""
    for _ in range(2):
        wire.send(priority)
        spoke = wire.heard(1.5 * ours.interval)
    return spoke is None


@pytest.mark.parametrize("form", FORMS)
def test_we_understand_each_other(form: str, tmp_path: Path) -> None:
    ours = FORMS[form]
    wait = 8 * ours.interval + 8
    with cable(), keepalived(tmp_path, ours):
        wire = Wire(ours)
        try:
            first = wire.heard(wait)
            assert first is not None, (tmp_path / "keepalived.log").read_text()
            found = Codec(ours).decode(first)
            assert isinstance(found, Advert), found
            assert (found.priority, found.interval, found.oddities) == (150, ours.interval, ())
            assert not silent(wire, ours, priority=149), "it is stronger"
            assert silent(wire, ours, priority=151), "it is not stronger any more"
            wire.send(0)
            assert wire.heard(2 * ours.interval + 1) is not None, "we have released"
        finally:
            wire.close()


def test_it_does_not_take_the_checksum_of_rfc_9568(tmp_path: Path) -> None:
    """Which is why it is not what we send by default."""
    ours = me(V3, interval=0.1, checksum=ChecksumForm.RFC9568)
    with cable(), keepalived(tmp_path, ours):
        wire = Wire(ours)
        try:
            assert wire.heard(10) is not None
            assert not silent(wire, ours, priority=254)
        finally:
            wire.close()
