"""Adverts as bytes: those of keepalived, those made by hand from the RFCs' layout, and those that are refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.model import ChecksumForm, Family, Instance, Secret, VrrpVersion
from lvsctl.pair.datagram import Datagram, from_ipv4
from lvsctl.pair.packet import Advert, Codec, Oddity, Refused
from tests.pair.golden import GOLDEN, Golden
from tests.pair.making import OURS, THEIRS, THEIRS6, V2, V3, V6, from_hex, me

KEY, OTHER_KEY = Secret("a key of the pair"), Secret("the key before it")


def codec(base: Instance = V3, **changes: Any) -> Codec:
    return Codec(me(base, **changes))


def heard(base: Instance = V3, *, priority: int = 150, number: int = 1, **changes: Any) -> Datagram:
    """What the other router sends us: configured as we are, with its own address."""
    their = {V2: THEIRS, V3: THEIRS, V6: ip_address("fe80::1")}[base]
    ours = (base.source,) if "peers" in changes else ()
    [datagram] = codec(base, **{**changes, "source": their, "peers": ours}).encode(priority, number)
    return datagram


def checksum(message: bytes) -> int:
    """RFC 1071 as its text has it: add 16-bit words, fold the carries in, take the complement."""
    total: int = sum(word for (word,) in struct.iter_unpack("!H", message))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_keepaliveds_adverts_are_understood(golden: Golden) -> None:
    decoder = Codec(golden.receiver)
    first = decoder.decode(from_hex(golden.header, golden.advert))
    assert isinstance(first, Advert), first
    assert (first.priority, first.interval, first.oddities) == (150, golden.receiver.interval, ())
    assert set(first.addresses) == {address.ip for address in golden.receiver.addresses}
    last = decoder.decode(from_hex(golden.header, golden.farewell))
    assert last == replace(first, priority=0)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_what_is_sent_is_byte_for_byte_what_keepalived_sends(golden: Golden) -> None:
    seen = from_hex(golden.header, golden.advert)
    sender = replace(
        golden.receiver,
        source=ip_address(seen.source),
        peers=(golden.receiver.source,) if golden.receiver.peers else (),
    )
    for priority, payload in ((150, golden.advert), (0, golden.farewell)):
        [sent] = Codec(sender).encode(priority)
        assert sent.payload.hex() == payload
        assert (sent.source, sent.destination, sent.hops) == (seen.source, seen.destination, 255)


@pytest.mark.parametrize(
    ("sentence", "instance", "pseudo", "payload"),
    [
        (
            "version 3 for keepalived has a pseudo header before the message: addresses, 0, protocol, length",
            me(V3, addresses=V3.addresses[:1], interval=40.95),
            "c0000202 e0000012 0070 000c",
            "31 33 64 01 0fff {} c0000264",
        ),
        (
            "version 3 as RFC 9568 has it over IPv4 sums up the message alone",
            me(V3, addresses=V3.addresses[:1], checksum=ChecksumForm.RFC9568),
            "",
            "31 33 64 01 0064 {} c0000264",
        ),
        (
            "version 2 sums up the message with its authentication data, whatever is said of version 3",
            me(V2, addresses=V2.addresses[:1], interval=255, password=Secret("longer than 8")),
            "",
            "21 33 64 01 01ff {} c0000264 6c6f6e6765722074",
        ),
        (
            "IPv6 has the pseudo header in both forms: addresses, length, zeros, next header",
            me(V6, addresses=V6.addresses[:1], checksum=ChecksumForm.RFC9568),
            "fe80 000000000000 0000000000000002 ff02 0000000000000000000000000012 00000018 00000070",
            "31 33 64 01 0064 {} fe80 000000000000 0000000000000100",
        ),
    ],
)
def test_bytes_made_by_hand(sentence: str, instance: Instance, pseudo: str, payload: str) -> None:
    total = checksum(bytes.fromhex(pseudo) + bytes.fromhex(payload.format("0000")))
    [sent] = Codec(instance).encode(100)
    assert sent.payload == bytes.fromhex(payload.format(f"{total:04x}")), sentence


def test_a_sum_without_remainder_has_the_checksum_0() -> None:
    """It is equal to 0xffff in one's complement, but who computes it anew and compares has 0."""
    [sent] = codec(V2, addresses=(ip_interface("0.0.0.0"),)).encode(100)
    rest = int.from_bytes(sent.payload[6:8])
    [sent] = codec(V2, addresses=(ip_interface(rest),)).encode(100)
    assert sent.payload[6:8] == b"\0\0"
    assert checksum(sent.payload) == 0


def test_by_unicast_every_peer_gets_its_own_checksum() -> None:
    peers = (THEIRS, ip_address("192.0.2.3"))
    sent = codec(peers=peers).encode(100)
    assert [datagram.destination for datagram in sent] == [peer.packed for peer in peers]
    assert sent[0].payload != sent[1].payload
    for datagram in sent:
        assert isinstance(codec(source=ip_address(datagram.destination), peers=(OURS,)).decode(datagram), Advert)


@pytest.mark.parametrize("sends", ChecksumForm)
@pytest.mark.parametrize("expects", ChecksumForm)
def test_both_checksums_of_version_3_are_taken(sends: ChecksumForm, expects: ChecksumForm) -> None:
    assert isinstance(codec(checksum=expects).decode(heard(checksum=sends)), Advert)


def flipped(at: int, by: int = 1) -> Callable[[Datagram], Datagram]:
    """One byte is another; the checksum is not mended."""

    def flip(datagram: Datagram) -> Datagram:
        payload = bytearray(datagram.payload)
        payload[at] ^= by
        return replace(datagram, payload=bytes(payload))

    return flip


def mended(at: int, value: int) -> Callable[[Datagram], Datagram]:
    """One byte is another, and the checksum is right (the plain one)."""

    def mend(datagram: Datagram) -> Datagram:
        payload = bytearray(datagram.payload)
        payload[at], payload[6:8] = value, b"\0\0"
        payload[6:8] = checksum(bytes(payload)).to_bytes(2, "big")
        return replace(datagram, payload=bytes(payload))

    return mend


def changed(**changes: Any) -> Callable[[Datagram], Datagram]:
    return lambda datagram: replace(datagram, **changes)


def cut(by: int) -> Callable[[Datagram], Datagram]:
    return lambda datagram: replace(datagram, payload=datagram.payload[:by])


def longer(by: bytes) -> Callable[[Datagram], Datagram]:
    return lambda datagram: replace(datagram, payload=datagram.payload + by)


@pytest.mark.parametrize(
    ("sentence", "base", "change", "reason"),
    [
        ("nothing at all", V3, cut(0), Refused.LENGTH),
        ("half a header", V3, cut(7), Refused.LENGTH),
        ("fewer addresses than counted", V3, cut(-4), Refused.LENGTH),
        ("more than counted", V3, longer(bytes(4)), Refused.LENGTH),
        ("version 2 without its authentication data", V2, cut(-8), Refused.LENGTH),
        ("version 2 where 3 is spoken", V3, flipped(0, 0x10), Refused.VERSION),
        ("version 3 where 2 is spoken", V2, flipped(0, 0x10), Refused.VERSION),
        ("a type that does not exist", V3, flipped(0, 2), Refused.TYPE),
        ("another virtual router", V3, flipped(1), Refused.VRID),
        ("a router has forwarded it", V3, changed(hops=254), Refused.HOPS),
        ("our own, looped back", V3, changed(source=OURS.packed), Refused.OWN),
        ("by unicast where multicast is spoken", V3, changed(destination=OURS.packed), Refused.DESTINATION),
        ("from an address of another family", V2, changed(source=THEIRS6.packed), Refused.SOURCE),
        ("another bit in the priority", V3, flipped(2), Refused.CHECKSUM),
        ("another bit in the priority, version 2", V2, flipped(2), Refused.CHECKSUM),
        ("another bit in the priority, IPv6", V6, flipped(2), Refused.CHECKSUM),
        ("IPv6 without the pseudo header", V6, mended(2, 150), Refused.CHECKSUM),
        ("version 2 with the pseudo header", V2, changed(payload=bytes.fromhex("2133960100015b72c0000264") + bytes(8)),
         Refused.CHECKSUM),
        ("no interval would have us take over at once", V3, mended(5, 0), Refused.INTERVAL),
        ("no interval, version 2", V2, mended(5, 0), Refused.INTERVAL),
        ("a password where none is configured", V2, mended(4, 1), Refused.AUTH_MISMATCH),
        ("RFC 2338's authentication header", V2, mended(4, 2), Refused.AUTH_TYPE),
    ],
)  # fmt: skip
def test_refused(sentence: str, base: Instance, change: Callable[[Datagram], Datagram], reason: Refused) -> None:
    assert codec(base).decode(change(heard(base))) is reason, sentence


PAIR: dict[str, Any] = {"peers": (THEIRS,)}


@pytest.mark.parametrize(
    ("sentence", "ours", "change", "reason"),
    [
        ("from a stranger", PAIR, changed(source=ip_address("192.0.2.9").packed), Refused.SOURCE),
        ("from our peer, but to everybody", PAIR, changed(destination=ip_address("224.0.0.18").packed),
         Refused.DESTINATION),
        ("through a router", PAIR, changed(hops=254), Refused.HOPS),
        ("through more routers than allowed", {**PAIR, "least_hops": 250}, changed(hops=249), Refused.HOPS),
    ],
)  # fmt: skip
def test_refused_by_unicast(
    sentence: str, ours: dict[str, Any], change: Callable[[Datagram], Datagram], reason: Refused
) -> None:
    assert codec(**ours).decode(change(heard(peers=(OURS,)))) is reason, sentence


def test_only_unicast_may_be_routed() -> None:
    routed = replace(heard(peers=(OURS,)), hops=250)
    assert isinstance(codec(peers=(THEIRS,), least_hops=250).decode(routed), Advert)
    assert codec(least_hops=250).decode(replace(heard(), hops=250)) is Refused.HOPS


@pytest.mark.parametrize(
    ("sentence", "theirs", "reason"),
    [
        ("the same password", Secret("s3cret"), None),
        ("another", Secret("secret"), Refused.AUTH_FAILURE),
        ("none", None, Refused.AUTH_MISMATCH),
        ("the first eight bytes count", Secret("s3cret\0\0and so on"), None),
    ],
)
def test_password_of_version_2(sentence: str, theirs: Secret | None, reason: Refused | None) -> None:
    found = codec(V2, password=Secret("s3cret")).decode(heard(V2, password=theirs))
    assert (found if isinstance(found, Refused) else None) is reason, sentence


@pytest.mark.parametrize(
    ("sentence", "base", "theirs", "oddities"),
    [
        ("as configured", V3, {}, ()),
        ("addresses in another order", V3, {"addresses": V3.addresses[::-1]}, ()),
        ("one address less", V3, {"addresses": V3.addresses[:1]}, (Oddity.ADDRESSES,)),
        ("none at all, which keepalived may send in version 2", V2, {"addresses": ()}, (Oddity.ADDRESSES,)),
        ("another one", V6, {"addresses": (ip_interface("fe80::1/64"),) * 2}, (Oddity.ADDRESSES,)),
        ("another interval", V3, {"interval": 0.5}, (Oddity.INTERVAL,)),
        ("another interval, version 2", V2, {"interval": 3}, (Oddity.INTERVAL,)),
        ("both", V2, {"interval": 3, "addresses": ()}, (Oddity.INTERVAL, Oddity.ADDRESSES)),
    ],
)
def test_odd_but_taken(sentence: str, base: Instance, theirs: dict[str, Any], oddities: tuple[Oddity, ...]) -> None:
    found = codec(base).decode(heard(base, **theirs))
    assert isinstance(found, Advert), sentence
    assert found.oddities == oddities, sentence
    assert found.interval == theirs.get("interval", 1.0)


@pytest.mark.parametrize("base", [V3, V6])
@pytest.mark.parametrize("priority", [0, 150, 255])
def test_without_any_address_it_is_no_advert_in_version_3(base: Instance, priority: int) -> None:
    assert codec(base).decode(heard(base, priority=priority, addresses=())) is Refused.ADDRESSES


def test_reserved_bits_are_ignored() -> None:
    found = codec().decode(mended(4, 0xF0)(heard()))
    assert isinstance(found, Advert)
    assert found.interval == 1.0


SEALED: dict[str, Any] = {"peers": (THEIRS,), "keys": (KEY,)}


@pytest.mark.parametrize(
    ("sentence", "ours", "theirs", "found"),
    [
        ("the same key", (KEY,), (KEY,), 7),
        ("while keys are exchanged, any is taken", (KEY, OTHER_KEY), (OTHER_KEY, KEY), 7),
        ("another key", (KEY,), (OTHER_KEY,), Refused.AUTH_FAILURE),
        ("they seal, we do not", (), (KEY,), Refused.AUTH_MISMATCH),
        ("we seal, they do not", (KEY,), (), Refused.AUTH_MISMATCH),
    ],
)
@pytest.mark.parametrize("version", VrrpVersion)
def test_seals(
    sentence: str, ours: tuple[Secret, ...], theirs: tuple[Secret, ...], found: int | Refused, version: VrrpVersion
) -> None:
    base = V3 if version is VrrpVersion.V3 else V2
    got = codec(base, keys=ours, peers=(THEIRS,)).decode(heard(base, keys=theirs, peers=(OURS,), number=7))
    assert (got.number if isinstance(got, Advert) else got) == found, sentence


@pytest.mark.parametrize(
    ("sentence", "change", "reason"),
    [
        ("another priority, with a good checksum", mended(2, 254), Refused.CHECKSUM),
        ("another bit in the number", flipped(-20), Refused.AUTH_FAILURE),
        ("another bit in the code", flipped(-1), Refused.AUTH_FAILURE),
        ("half a seal", cut(-12), Refused.LENGTH),
        ("no seal", cut(-24), Refused.AUTH_MISMATCH),
        ("somebody else's", changed(source=ip_address("192.0.2.3").packed), Refused.CHECKSUM),
    ],
)
def test_broken_seals(sentence: str, change: Callable[[Datagram], Datagram], reason: Refused) -> None:
    receiver = codec(keys=(KEY,), peers=(THEIRS, ip_address("192.0.2.3")))
    assert receiver.decode(change(heard(keys=(KEY,), peers=(OURS,)))) is reason, sentence


def test_a_sealed_advert_is_taken_once() -> None:
    receiver = codec(**SEALED)
    recorded = heard(keys=(KEY,), peers=(OURS,), number=7)
    assert isinstance(receiver.decode(recorded, {}), Advert)
    assert receiver.decode(recorded, {recorded.source: 7}) is Refused.REPLAY
    assert receiver.decode(recorded, {recorded.source: 8}) is Refused.REPLAY
    assert isinstance(receiver.decode(recorded, {recorded.source: 6}), Advert)
    assert isinstance(receiver.decode(recorded, {b"somebody else": 9}), Advert)


def test_a_seal_is_the_senders_own() -> None:
    """The same bytes from another peer: the seal is over the source (the checksum does not always see it)."""
    receiver = codec(V2, keys=(KEY,), peers=(THEIRS, ip_address("192.0.2.3")))
    stolen = replace(heard(V2, keys=(KEY,), peers=(OURS,)), source=ip_address("192.0.2.3").packed)
    assert receiver.decode(stolen) is Refused.AUTH_FAILURE


# --- laws ---------------------------------------------------------------------------------------------------------

SENDERS = st.builds(
    lambda base, vrid, addresses, centiseconds, form: replace(
        base,
        vrid=vrid,
        addresses=tuple(ip_interface(number) for number in addresses) if base is not V6 else base.addresses,
        interval=centiseconds / 100 if base is not V2 else centiseconds % 255 + 1,
        checksum=form,
    ),
    st.sampled_from([V2, V3, V6]),
    st.integers(1, 255),
    st.lists(st.integers(1, 2**32 - 1), unique=True, min_size=1, max_size=20),
    st.integers(1, 4095),
    st.sampled_from(ChecksumForm),
)


@given(SENDERS, st.integers(0, 255))
def test_what_is_encoded_is_decoded(ours: Instance, priority: int) -> None:
    their = THEIRS if ours.family is Family.INET else THEIRS6
    [sent] = Codec(replace(ours, source=their)).encode(priority)
    got = Codec(ours).decode(sent)
    assert isinstance(got, Advert)
    assert (got.source, got.priority, got.oddities) == (their, priority, ())
    assert got.interval == pytest.approx(ours.interval)
    assert set(got.addresses) == {address.ip for address in ours.addresses}
    words = sent.payload if ours.version is VrrpVersion.V2 else None
    assert words is None or checksum(words) == 0


@given(
    st.sampled_from([V2, V3, V6, me(V2, password=Secret("x")), me(V3, peers=(THEIRS,), keys=(KEY,))]),
    st.binary(max_size=120),
    st.sampled_from([THEIRS.packed, THEIRS6.packed, b""]),
    st.sampled_from([ip_address("224.0.0.18").packed, ip_address("ff02::12").packed, OURS.packed, b""]),
    st.booleans(),
)
def test_no_datagram_raises(ours: Instance, payload: bytes, source: bytes, destination: bytes, dressed: bool) -> None:
    if dressed and len(payload) > 2:  # far enough in to be worth the parser's while
        payload = bytes([ours.version << 4 | 1, ours.vrid, *payload[2:]])
    assert isinstance(Codec(ours).decode(Datagram(payload, source, destination)), (Advert, Refused))


@given(st.sampled_from(GOLDEN), st.data())
def test_no_single_wrong_bit_is_taken_for_an_advert(golden: Golden, data: st.DataObject) -> None:
    good = from_hex(golden.header, golden.advert)
    at = data.draw(st.integers(0, len(good.payload) * 8 - 1))
    assert isinstance(Codec(golden.receiver).decode(flipped(at // 8, 1 << at % 8)(good)), Refused)


@pytest.mark.parametrize(
    "golden", [golden for golden in GOLDEN if golden.header[0] == "4"], ids=lambda golden: golden.name
)
def test_ipv4_header(golden: Golden) -> None:
    packet = bytes.fromhex(golden.header + golden.advert)
    assert from_ipv4(packet) == from_hex(golden.header, golden.advert)
    assert from_ipv4(packet + b"padding") == from_hex(golden.header, golden.advert)
    options = bytes([0x46, *packet[1:3], packet[3] + 4, *packet[4:20]]) + bytes(4) + packet[20:]
    assert from_ipv4(options) == from_hex(golden.header, golden.advert)


@pytest.mark.parametrize(
    ("sentence", "at", "value"),
    [
        ("another protocol", 9, 17),
        ("another version", 0, 0x65),
        ("a header shorter than a header", 0, 0x44),
        ("a header longer than the packet", 0, 0x4F),
        ("shorter than its header", 3, 19),
        ("longer than what came", 3, 0xFF),
        ("a first fragment", 6, 0x20),
        ("a later one", 7, 1),
    ],
)
def test_no_whole_ipv4_packet(sentence: str, at: int, value: int) -> None:
    packet = bytearray(bytes.fromhex(GOLDEN[3].header + GOLDEN[3].advert))
    packet[at] = value
    assert from_ipv4(bytes(packet)) is None, sentence


@given(st.binary(max_size=80))
def test_no_packet_raises(packet: bytes) -> None:
    found = from_ipv4(packet)
    assert found is None or found.payload in packet
