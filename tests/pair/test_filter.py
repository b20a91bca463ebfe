"""What the kernel hands over: all that the codec takes, and of the rest nothing where the expected adverts wait."""

from __future__ import annotations

import ctypes
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from lvsctl.model import ChecksumForm, Family, Instance, Secret
from lvsctl.pair.datagram import Datagram
from lvsctl.pair.filter import INSTRUCTION_SIZE, MOST_INSTRUCTIONS, Wanted, program
from lvsctl.pair.packet import Advert, Codec, Refused
from tests.pair.bpf import run
from tests.pair.golden import GOLDEN
from tests.pair.making import OURS, OURS6, THEIRS, THEIRS6, V2, V3, V6, from_hex, me
from tests.pair.packets import packet, six
from tests.pair.test_flood import forged

SO_ATTACH_FILTER = 26
SEALED = me(V3, peers=(THEIRS,), keys=(Secret("key"),))
UNICAST6 = me(V6, source=OURS6, peers=(THEIRS6 + 7, THEIRS6), least_hops=64)
PASSWORD = me(V2, password=Secret("s3cret"))
FORMS = {
    "version 2": V2,
    "password": PASSWORD,
    "version 3": V3,
    "version 3, the other checksum": me(V3, checksum=ChecksumForm.RFC9568),
    "unicast": me(V3, peers=(THEIRS + 7, THEIRS)),
    "sealed": SEALED,
    "IPv6": V6,
    "IPv6, unicast": UNICAST6,
}


def handed(ours: Instance, wanted: Wanted, datagram: Datagram) -> bool:
    """By the program, run by hand."""
    whole = program([ours], wanted)
    if ours.family is Family.INET:
        return run(whole, packet(datagram)) > 0
    return run(whole, datagram.payload, six(datagram)) > 0


def neighbour(ours: Instance, **changes: object) -> Instance:
    """Whose adverts `ours` takes."""
    source = ours.peers[-1] if ours.peers else ours.source + 1
    return replace(ours, source=source, peers=(ours.source,) if ours.peers else (), **changes)  # type: ignore[arg-type]


def random_datagram(chance: random.Random, ours: Instance) -> Datagram:
    """An advert, as it should be or not quite."""
    if chance.random() < 0.5:
        return forged(chance, ours)
    [good] = Codec(neighbour(ours)).encode(chance.randrange(256), 7)
    payload = bytearray(good.payload)
    match chance.randrange(4):
        case 0:
            return good
        case 1:
            payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
            return replace(good, payload=bytes(payload))
        case 2:
            return replace(good, hops=chance.choice((1, 63, 64, 254)))
        case _:
            field = chance.choice(("source", "destination"))
            return replace(good, **{field: bytes(chance.choice((OURS.packed, THEIRS.packed, bytes(4))))})


@pytest.mark.parametrize("form", FORMS)
def test_what_the_codec_takes_is_handed_over_once_and_what_it_refuses_is_no_expected_advert(form: str) -> None:
    ours, chance, taken = FORMS[form], random.Random(form), 0
    codec, refused = Codec(ours), set()
    for _ in range(1500):
        datagram = random_datagram(chance, ours)
        if len(datagram.source) != len(datagram.destination) or len(datagram.source) != len(ours.source.packed):
            continue
        found = codec.decode(datagram)
        expected, rest = handed(ours, Wanted.EXPECTED, datagram), handed(ours, Wanted.REST, datagram)
        assert not (expected and rest)
        if isinstance(found, Advert):
            taken += 1
            assert expected or rest
            assert expected or found.oddities
        elif expected:
            refused.add(found)
        elif len(datagram.payload) > 1 and datagram.payload[1] == ours.vrid:
            assert rest, found
    assert taken > 20
    assert refused <= {Refused.INTERVAL, Refused.AUTH_FAILURE if ours.keys else Refused.INTERVAL}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_keepalived_is_expected(golden) -> None:
    for payload in (golden.advert, golden.farewell):
        datagram = from_hex(golden.header, payload)
        assert handed(golden.receiver, Wanted.EXPECTED, datagram)
        assert not handed(golden.receiver, Wanted.REST, datagram)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda good: replace(good, payload=good.payload[:1]), "too short to say of which virtual router it is"),
        (lambda good: replace(good, payload=b"\x31\x34" + good.payload[2:]), "another virtual router"),
    ],
)
def test_what_is_not_addressed_to_us_is_dropped(change: Callable[[Datagram], Datagram], why: str) -> None:
    [good] = Codec(neighbour(V3)).encode(100)
    assert not any(handed(V3, wanted, change(good)) for wanted in Wanted), why


def test_adverts_with_another_list_of_addresses_or_ip_options_are_the_rest() -> None:
    odd = Codec(neighbour(V3, addresses=V3.addresses[:1])).encode(100)[0]
    assert isinstance(Codec(V3).decode(odd), Advert)
    assert (handed(V3, Wanted.EXPECTED, odd), handed(V3, Wanted.REST, odd)) == (False, True)
    good = Codec(neighbour(V3)).encode(100)[0]
    optional = packet(good, options=b"\x94\x04\x00\x00")  # router alert
    assert (run(program([V3], Wanted.EXPECTED), optional), run(program([V3], Wanted.REST), optional) > 0) == (0, True)


def test_each_of_many_instances_has_its_own_rules() -> None:
    many = [me(V3, vrid=vrid, peers=(THEIRS,) if vrid % 2 else ()) for vrid in range(1, 30)]
    whole = program(many, Wanted.EXPECTED)
    for ours in many:
        [good] = Codec(neighbour(ours)).encode(100)
        assert run(whole, packet(good)) > 0
        assert run(whole, packet(replace(good, hops=254))) == 0
        other = me(V3, vrid=ours.vrid, peers=() if ours.peers else (THEIRS,))
        assert run(whole, packet(Codec(neighbour(other)).encode(100)[0])) == 0


def test_a_program_that_would_be_too_long_looks_at_no_checksum() -> None:
    [good] = Codec(neighbour(V3)).encode(100)
    bad = replace(good, payload=good.payload[:6] + b"xy" + good.payload[8:])
    assert run(program([V3], Wanted.EXPECTED), packet(bad)) == 0
    for long in (me(V3, addresses=V3.addresses * 60), me(V6, addresses=V6.addresses * 40)):
        assert len(program([long], Wanted.EXPECTED)) < MOST_INSTRUCTIONS * INSTRUCTION_SIZE
    many = [me(V3, vrid=vrid) for vrid in range(1, 60)]
    assert run(program(many, Wanted.EXPECTED), packet(replace(bad, payload=b"\x31\x01" + bad.payload[2:]))) > 0


class Kernel:
    """The real thing: a socket that sees from its first byte on what is sent to it."""

    def __init__(self, whole: bytes) -> None:
        self._near, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._near.setblocking(False)
        buffer = ctypes.create_string_buffer(whole, len(whole))
        given = struct.pack("HP", len(whole) // INSTRUCTION_SIZE, ctypes.addressof(buffer))
        self._near.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, given)

    def hands_over(self, data: bytes) -> bool:
        self._far.send(data)
        try:
            return self._near.recv(65536) == data
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._near.close()
        self._far.close()


@pytest.mark.parametrize("form", [form for form in FORMS if FORMS[form].family is Family.INET])
def test_the_kernel_runs_it_as_we_do_by_hand(form: str) -> None:
    ours, chance = FORMS[form], random.Random(form)
    for wanted in Wanted:
        whole = program([ours, me(V3, vrid=99)], wanted)
        kernel, seen = Kernel(whole), set()
        for _ in range(500):
            data = packet(random_datagram(chance, ours))[: chance.choice((None, None, None, 15, 21, 30))]
            seen.add(kernel.hands_over(data))
            assert kernel.hands_over(data) is (run(whole, data) > 0), data.hex()
        kernel.close()
        assert seen == {True, False}


def test_the_longest_program_is_taken_by_the_kernel() -> None:
    peers = tuple(THEIRS + number for number in range(1, 17))
    many = [me(V3, vrid=vrid, peers=peers, addresses=V3.addresses * 14) for vrid in range(1, 30)]
    Kernel(program(many, Wanted.EXPECTED)).close()
