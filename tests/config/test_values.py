"""Durations, addresses, netmasks, shares."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.config import values
from lvsctl.config.values import Endpoint
from lvsctl.model import Share


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("2s", 2.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1.5s", 1.5),
        ("0s", 0.0),
        ("744h", 31 * 86400.0),
        ("1h30m", 5400.0),
        ("7d", 604800.0),
        ("1d12h5m6s7ms", 129906.007),
        ("1.5h0.5m", 5430.0),
        ("0h0m", 0.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert values.duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "5 s",
        "5S",
        "-5s",
        "30s1m",
        "1m1m",
        "1h 30m",
        "1h30",
        "5w",
        "1.s",
        ".5s",
        "1..5s",
        "1e3s",
        "\u0663s",
        "5s\n",
        None,
        [],
        True,
    ],
)
def test_not_durations(text: object) -> None:
    with pytest.raises(ValueError, match=r"write it like 500ms, 2s, 5m or 1h30m$"):
        values.duration(text)


@given(st.floats(0.001, values.MAX_DURATION))
def test_a_duration_is_shown_as_it_may_be_written(seconds: float) -> None:
    seconds = float(f"{seconds:.4g}")
    assert values.duration(values.in_words(seconds)) == pytest.approx(seconds, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("10.0.0.1", "10.0.0.1", None),
        ("10.0.0.1:80", "10.0.0.1", 80),
        ("2001:db8::1", "2001:db8::1", None),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[2001:db8::1]:0", "2001:db8::1", 0),
        ("[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", 80),
    ],
)
def test_endpoints(text: str, address: str, port: int | None) -> None:
    assert values.endpoint(text) == Endpoint(ip_address(address), port)


@pytest.mark.parametrize(
    "text",
    ["", ":", "10.0.0.1:", "10.0.0.1:-1", "10.0.0.1:http", "[]:80", "[::1", "::1]", "[::1]80", "[::1]:", "10.0.0.1/24",
     " 10.0.0.1", "0.0.0.0", "::", "ff02::1", "255.255.255.255", "10.0.0.1:\uff10", 167772161, 1.5, None, True, {}],
)  # fmt: skip
def test_not_endpoints(text: object) -> None:
    with pytest.raises(ValueError, match="`"):
        values.endpoint(text)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_endpoint_is_read_as_the_model_writes_it(address: object, port: int) -> None:
    from lvsctl.model import endpoint

    if address.is_unspecified or address.is_multicast or str(address) == "255.255.255.255":  # type: ignore[attr-defined]
        return
    assert values.endpoint(endpoint(address, port)) == Endpoint(address, port)  # type: ignore[arg-type]


@pytest.mark.parametrize(("mask", "length"), [("255.255.255.0", 24), ("255.255.255.255", 32), (24, 24), (128, 128)])
def test_netmasks(mask: object, length: int) -> None:
    assert values.prefix(mask) == length


@pytest.mark.parametrize("mask", ["0.0.0.0", "0.0.0.255", "255.255", "24", 0, 129, True, None])
def test_not_netmasks(mask: object) -> None:
    with pytest.raises(ValueError, match="is not a netmask"):
        values.prefix(mask)


@pytest.mark.parametrize(
    ("written", "of_three"), [(0, 0), (2, 2), ("50%", 2), ("0%", 0), ("100%", 3), ("33.3%", 1), (7, 7)]
)
def test_shares_round_up(written: object, of_three: int) -> None:
    assert values.share(written).of(3) == of_three


def test_a_share_is_a_count_or_a_percentage() -> None:
    assert (values.share(2), values.share("2%")) == (Share(count=2), Share(percent=2.0))


@pytest.mark.parametrize("written", [-1, 1.5, "2", "101%", "-1%", "half", True, None])
def test_not_shares(written: object) -> None:
    with pytest.raises(ValueError, match="is not a number of servers"):
        values.share(written)
