"""Sync daemons on the wire: the real kernel's bytes, round trips, and what older kernels leave out."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.errors import KernelError
from lvsctl.kernel import decode, encode, wire
from lvsctl.model import SyncDaemon, SyncRole

MASTER = SyncDaemon(SyncRole.MASTER, "lo")

# Between lvsctl and Linux 6.1 (user-mode-linux), IPVS being family 28 (0x1c).
STARTED = bytes.fromhex(
    "500000001c0005000200000000000000090100003c0003800800010001000000070002006c6f000008000300000000000600040000000000"
    "08000500e000005106000700902200000500080001000000"
)
LISTED = bytes.fromhex(
    "500000001c00020003000000b7020000090100003c0003000800010001000000070002006c6f0000080003000000000006000400c0050000"
    "0600070090220000050008000100000008000500e0000051"
)
STOPPED = bytes.fromhex("200000001c00050004000000000000000a0100000c0003800800010001000000")

DAEMONS = st.builds(
    SyncDaemon,
    st.sampled_from(SyncRole),
    st.from_regex(r"[a-z0-9.:_-]{1,15}", fullmatch=True),
    st.integers(0, 255),
    st.integers(0, 65535),
    st.integers(0, 255).map(lambda host: ip_address("239.1.2.0") + host)
    | st.integers(0, 255).map(lambda host: IPv6Address("ff05::81:0") + host),
    st.integers(0, 65535),
    st.integers(0, 255),
)


def attributes(datagram: bytes) -> bytes:
    (message,) = wire.messages(datagram)
    return message.body[wire.GENERIC.size :]


def test_what_is_written_is_what_linux_took() -> None:
    assert encode.sync_daemon(MASTER) == attributes(STARTED)
    assert encode.sync_role(SyncRole.MASTER) == attributes(STOPPED)


def test_what_linux_lists_is_read() -> None:
    assert decode.sync_daemon(attributes(LISTED)) == SyncDaemon(SyncRole.MASTER, "lo", 0, 1472)


@given(DAEMONS)
def test_what_is_written_is_read_again(daemon: SyncDaemon) -> None:
    assert decode.sync_daemon(encode.sync_daemon(daemon)) == daemon


@pytest.mark.parametrize(
    "daemon",
    [
        SyncDaemon(SyncRole.MASTER, "lo", 256),
        SyncDaemon(SyncRole.MASTER, "lo", -1),
        SyncDaemon(SyncRole.MASTER, "lo", max_length=65536),
        SyncDaemon(SyncRole.MASTER, "lo", port=65536),
        SyncDaemon(SyncRole.MASTER, "lo", ttl=256),
    ],
)
def test_a_number_out_of_range_has_no_bytes(daemon: SyncDaemon) -> None:
    with pytest.raises(encode.NO_BYTES):
        encode.sync_daemon(daemon)


def old(state: int = 2) -> bytes:
    """As it was listed before Linux 4.3."""
    return wire.attribute(3, wire.u32(1, state) + wire.text(2, "eth0") + wire.u32(3, 7))


def test_older_kernels_leave_out_what_could_not_be_chosen() -> None:
    assert decode.sync_daemon(old()) == SyncDaemon(SyncRole.BACKUP, "eth0", 7)


def test_one_in_a_role_that_nobody_knows_is_none() -> None:
    assert decode.sync_daemon(old(state=3)) is None


@given(st.binary(max_size=40))
def test_what_no_kernel_would_send_is_a_kernel_error(body: bytes) -> None:
    with pytest.raises(KernelError):
        decode.sync_daemon(body)
