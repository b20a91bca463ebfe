"""The names and labels of other programs, as their dashboards know them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from lvsctl.checks.runner import Stats
from lvsctl.daemon.metrics.compat import compat
from lvsctl.daemon.metrics.family import write
from lvsctl.daemon.metrics.scene import Scene
from lvsctl.decide.ladder import Ladder
from lvsctl.model import (
    AddressKey,
    Compat,
    Entry,
    Family,
    Forward,
    MarkKey,
    MetricsSpec,
    Protocol,
    RealAttrs,
    RealCounters,
    RealKey,
    ServiceAttrs,
    ServiceCounters,
    Spec,
    Traffic,
)
from tests.daemon.metrics.told import read, series

WEB = AddressKey(ip_address("192.0.2.1"), 80, Protocol.TCP)
DNS = AddressKey(ip_address("2001:db8::1"), 53, Protocol.UDP)
ALSO_WEB = AddressKey(ip_address("192.0.2.2"), 80, Protocol.TCP)
MARK = MarkKey(Family.INET, 20)
FOUR, SIX = RealKey(ip_address("10.0.0.1"), 8080), RealKey(ip_address("2001:db8::5"), 53)
WEIGHT_3 = RealAttrs(Forward.ROUTE, 3)


TOTAL = Traffic(60, 50, 40, 30, 20)


def scene(*wanted: Compat, ready: bool = True, kernel_answers: bool = True, total: Traffic | None = TOTAL) -> Scene:
    reals = {WEB: FOUR, ALSO_WEB: FOUR, DNS: SIX, MARK: FOUR}
    counted = RealCounters(active=4, inactive=5, persistent=6, traffic=Traffic(7, 8, 9, 10, 11))
    traffic = Traffic(1, 2, 3, 4, 5)
    return Scene(
        spec=Spec({}, {}, {}, metrics=MetricsSpec((), frozenset(wanted))),
        health={},
        ladder=Ladder(),
        states={},
        table={key: Entry(ServiceAttrs("rr"), {real: WEIGHT_3}) for key, real in reals.items()},
        counters={key: ServiceCounters(traffic, {real: counted}) for key, real in reals.items()},
        total=total,
        spill={},
        spilled={},
        overrides=(),
        orders={},
        clock_offset=0.0,
        ready=ready,
        ended=1.0,
        kernel_answers=kernel_answers,
        foreign=0,
        written=0,
        withheld=0,
        kept=frozenset(),
        problems=0,
        checks=Stats(0, 0, 0, {}),
        receivers=(),
        pair=None,
    )


def told(*wanted: Compat, **keys: Any) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return read("".join(write(compat(scene(*wanted, **keys)), openmetrics=False)))


def test_nothing_unless_it_is_asked_for() -> None:
    assert told() == {}


def test_node_exporter_tells_the_totals_of_the_kernel_and_every_server() -> None:
    found = told(Compat.NODE_EXPORTER)
    totals = {
        "connections": 60,
        "incoming_packets": 50,
        "outgoing_packets": 40,
        "incoming_bytes": 30,
        "outgoing_bytes": 20,
    }
    assert {name: found[series(f"node_ipvs_{name}_total")] for name in totals} == totals
    by_address = {"local_address": "192.0.2.1", "local_port": "80", "proto": "TCP", "local_mark": ""}
    ipv6 = {"local_address": "2001:db8::1", "local_port": "53", "proto": "UDP", "local_mark": ""}
    by_mark = {"local_address": "", "local_port": "0", "proto": "FWM", "local_mark": "00000014"}
    four = {"remote_address": "10.0.0.1", "remote_port": "8080"}
    for labels in (by_address | four, by_mark | four, ipv6 | {"remote_address": "2001:db8::5", "remote_port": "53"}):
        assert found[series("node_ipvs_backend_connections_active", **labels)] == 4
        assert found[series("node_ipvs_backend_connections_inactive", **labels)] == 5
        assert found[series("node_ipvs_backend_weight", **labels)] == 3
    assert len(found) == 5 + 3 * 4


def test_where_the_kernel_does_not_tell_them_there_are_no_totals() -> None:
    found = told(Compat.NODE_EXPORTER, total=None)
    assert len(found) == 3 * 4
    assert not any(name.endswith("_total") for name, _ in found)


def test_gen2brain_tells_a_server_once_and_leaves_firewall_marks_out() -> None:
    found = told(Compat.GEN2BRAIN)
    numbers = {"conn": 0, "in_packets": 1, "out_packets": 2, "in_bytes": 3, "out_bytes": 4}
    for name, more in numbers.items():
        for addr, proto in (("192.0.2.1:80", "6"), ("192.0.2.2:80", "6"), ("2001:db8::1:53", "17")):
            assert found[series(f"keepalived_lvs_vip_{name}", addr=addr, proto=proto)] == 1 + more
        assert found[series(f"keepalived_lvs_rs_{name}", addr="10.0.0.1:8080", proto="6")] == 2 * (7 + more)
        assert found[series(f"keepalived_lvs_rs_{name}", addr="2001:db8::5:53", proto="17")] == 7 + more
    assert len(found) == 1 + 5 * 3 + 5 * 2


@pytest.mark.parametrize(
    ("ready", "kernel_answers", "up"),
    [
        pytest.param(True, True, 1, id="rounds are done"),
        pytest.param(False, True, 0, id="the first one is not done yet"),
        pytest.param(True, False, 0, id="the kernel cannot be asked"),
    ],
)
@pytest.mark.parametrize("one", [Compat.KEEPALIVED_EXPORTER, Compat.GEN2BRAIN])
def test_what_up_means(one: Compat, ready: bool, kernel_answers: bool, up: int) -> None:
    assert told(one, ready=ready, kernel_answers=kernel_answers)[series("keepalived_up")] == up


def test_both_of_keepalived_s_exporters_together() -> None:
    assert told(Compat.KEEPALIVED_EXPORTER) == {series("keepalived_up"): 1}
    assert told(Compat.KEEPALIVED_EXPORTER, Compat.GEN2BRAIN) == told(Compat.GEN2BRAIN)
