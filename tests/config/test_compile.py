"""From grammar to Spec: what is written, what is inherited, what is derived."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvsctl.config.load import Loaded
from lvsctl.config.values import listener
from lvsctl.model import (
    MAX_WEIGHT,
    AddressKey,
    CapacityWarning,
    Compat,
    Family,
    Forward,
    Listener,
    MarkKey,
    MetricsSpec,
    OnDown,
    OnExit,
    Pool,
    Protocol,
    RealAttrs,
    RealKey,
    Server,
    Service,
    ServiceAttrs,
    ServiceFlag,
    Tunnel,
    TunnelChecksum,
    TunnelType,
)
from tests.config.loading import complaints, loaded, service

SEED = """
    services:
      shop:
        address: 112.2.13.20:80        # or "[2001:db8::1]:80", or mark: 20
        protocol: tcp                  # tcp | udp | sctp
        scheduler: hprio
        forward: route                 # masquerade | route | tunnel
        persistent: 150s
        check:
          http: {path: /healthz, status: 200}
          interval: 2s
          timeout: 1s
          rise: 2
          fall: 3
        pools:                         # in order of priority
          service:
            weight: 5
            thresholds: {upper: 50, lower: 20}
            servers: [112.2.13.21, 112.2.13.22, 112.2.13.23]
          spillover:
            weight: 1
            servers: [112.2.13.13]
"""


def weights(compiled: Service) -> list[list[int]]:
    return [[server.attrs.weight for server in pool.servers] for pool in compiled.pools]


def attrs(compiled: Service) -> list[RealAttrs]:
    return [server.attrs for pool in compiled.pools for server in pool.servers]


def asked(found: Loaded, name: str = "web") -> list[list[str]]:
    """Kind and target of every check of every server."""
    spec = found.spec
    return [
        [f"{(q := spec.questions[spec.checks[check].question]).kind} {q.target}" for check in server.checks]
        for pool in spec.services[name].pools
        for server in pool.servers
    ]


def test_the_seeds_example_compiles_as_it_stands() -> None:
    found = loaded(SEED)
    (shop,) = found.spec.services.values()

    def server(last: int, weight: int, upper: int, lower: int) -> Server:
        key = RealKey(ip_address(f"112.2.13.{last}"), 80)
        (check,) = [check for check in found.spec.checks if f":{key}:" in check]
        return Server(key, RealAttrs(Forward.ROUTE, weight, upper, lower), (check,))

    assert shop == Service(
        name="shop",
        key=AddressKey(ip_address("112.2.13.20"), 80, Protocol.TCP),
        attrs=ServiceAttrs("hprio", persistence=150),
        pools=(
            Pool("service", (server(21, 5, 50, 20), server(22, 5, 50, 20), server(23, 5, 50, 20))),
            Pool("spillover", (server(13, 1, 0, 0),)),
        ),
        fallback="fo",
        on_down=OnDown.REMOVE,
        on_exit=OnExit.KEEP,
    )
    assert found.spec.period == 5.0
    assert len(found.spec.questions) == 4
    for question in found.spec.questions.values():
        assert (question.kind, question.target.port) == ("http", 80)
        assert (question.timeout, question.interval, question.fast_interval, question.down_interval) == (1, 2, 2, 2)
        assert (question.params.path, question.params.status) == ("/healthz", 200)  # type: ignore[attr-defined]
    assert {(check.rise, check.fall) for check in found.spec.checks.values()} == {(2, 3)}


def test_a_service_that_says_nothing_else() -> None:
    found = service("{address: '192.0.2.1:80', check: none, servers: [192.0.2.2]}")
    assert found.attrs == ServiceAttrs("wlc")
    assert found.key == AddressKey(ip_address("192.0.2.1"), 80, Protocol.TCP)
    assert found.pools == (
        Pool("servers", (Server(RealKey(ip_address("192.0.2.2"), 80), RealAttrs(Forward.ROUTE, 1), ()),)),
    )
    assert (found.fallback, found.on_down, found.on_exit) == (None, OnDown.REMOVE, OnExit.KEEP)


def test_every_attribute_of_a_service() -> None:
    found = service("""
        address: "[2001:db8::1]:5060"
        protocol: udp
        scheduler: mh
        scheduler_fallback: sh
        flags: [mh-fallback, mh-port, sched-3]
        one_packet: true
        persistent: 5m
        persistence_netmask: 64
        persistence_engine: sip
        on_down: quiesce
        on_exit: drain
        check: none
        servers: [2001:db8::2]
    """)
    flags = ServiceFlag.ONE_PACKET | ServiceFlag.SCHED_1 | ServiceFlag.SCHED_2 | ServiceFlag.SCHED_3
    assert found.key == AddressKey(ip_address("2001:db8::1"), 5060, Protocol.UDP)
    assert found.attrs == ServiceAttrs("mh", flags, 300, 64, "sip")
    assert (found.fallback, found.on_down, found.on_exit) == ("sh", OnDown.QUIESCE, OnExit.DRAIN)


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("sched-1", 0x8), ("sched-2", 0x10), ("sched-3", 0x20),
        ("sh-fallback", 0x8), ("sh-port", 0x10), ("mh-fallback", 0x8), ("mh-port", 0x10),
    ],
)  # fmt: skip
def test_flags(name: str, flag: int) -> None:
    scheduler = name[:2] if name[:2] in ("sh", "mh") else "rr"
    body = f"{{address: '192.0.2.1:80', check: none, scheduler: {scheduler}, flags: [{name}], servers: [192.0.2.2]}}"
    assert service(body).attrs.flags == flag


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{scheduler: hprio}", "fo"),
        ("{scheduler: hprio, scheduler_fallback: none}", None),
        ("{scheduler: hprio, scheduler_fallback: wlc}", "wlc"),
        ("{scheduler: wlc, scheduler_fallback: wlc}", None),
        ("{scheduler: mh}", None),
    ],
)
def test_fallbacks(body: str, expected: str | None) -> None:
    defaults = f"defaults: {body}\n"
    assert service("{address: '192.0.2.1:80', check: none, servers: [192.0.2.2]}", defaults).fallback == expected


@pytest.mark.parametrize(
    ("mask", "address", "prefix"),
    [
        ("255.255.255.0", "192.0.2.1", 24),
        ("16", "192.0.2.1", 16),
        ("64", "[2001:db8::1]", 64),
    ],
)
def test_persistence_netmasks(mask: str, address: str, prefix: int) -> None:
    body = f"""
        address: "{address}:80"
        persistent: 1m
        persistence_netmask: {mask}
        check: none
        servers: ["{address}"]
    """
    assert service(body).attrs.persistence_prefix == prefix


def test_zero_seconds_undo_a_default_persistence() -> None:
    body = "{address: '192.0.2.1:80', check: none, persistent: 0s, servers: [192.0.2.2]}"
    found = service(body, "defaults: {persistent: 5m, persistence_netmask: 24}")
    assert (found.attrs.persistence, found.attrs.persistence_prefix) == (0, 32)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ("{mark: 20, check: none, servers: [192.0.2.2]}", MarkKey(Family.INET, 20)),
        ("{mark: 20, check: none, servers: [2001:db8::2]}", MarkKey(Family.INET6, 20)),
        ("{mark: 20, check: none, family: inet6, forward: tunnel, servers: [192.0.2.2]}", MarkKey(Family.INET6, 20)),
    ],
)
def test_firewall_marks_have_the_family_of_their_servers(body: str, key: MarkKey) -> None:
    found = service(body)
    assert found.key == key
    assert found.pools[0].servers[0].key.port == 0


def test_a_mark_service_asks_the_port_of_the_check() -> None:
    found = loaded("services: {web: {mark: 20, check: {tcp: {}, port: 80}, servers: [192.0.2.2]}}")
    assert asked(found) == [["tcp 192.0.2.2:80"]]


def test_a_check_without_need_of_a_port_says_zero() -> None:
    found = loaded("services: {web: {mark: 20, check: {exec: {command: [x]}, port: 0}, servers: [192.0.2.2]}}")
    assert asked(found) == [["exec 192.0.2.2:0"]]


def test_a_check_may_ask_somebody_else() -> None:
    check = "{tcp: {}, address: 192.0.2.99, port: 99}"
    found = loaded(f"services: {{web: {{address: '192.0.2.1:80', check: {check}, servers: [192.0.2.2, 192.0.2.3]}}}}")
    assert asked(found) == [["tcp 192.0.2.99:99"], ["tcp 192.0.2.99:99"]]
    assert len(found.spec.questions) == 1


def test_servers_are_strings_or_mappings() -> None:
    found = service(
        """
        address: 192.0.2.1:80
        forward: masquerade
        check: none
        servers:
          - 192.0.2.2
          - 192.0.2.3:8080
          - {address: 192.0.2.4, port: 8080, weight: 7, thresholds: {upper: 9, lower: 3}}
          - {address: "192.0.2.5:81", forward: tunnel, port: 81}
    """.replace(", port: 81", "").replace("192.0.2.5:81", "192.0.2.5")
    )
    assert [str(server.key) for server in found.pools[0].servers] == [
        "192.0.2.2:80", "192.0.2.3:8080", "192.0.2.4:8080", "192.0.2.5:80",
    ]  # fmt: skip
    assert attrs(found) == [
        RealAttrs(Forward.MASQUERADE, 1),
        RealAttrs(Forward.MASQUERADE, 1),
        RealAttrs(Forward.MASQUERADE, 7, 9, 3),
        RealAttrs(Forward.TUNNEL, 1),
    ]


def test_the_nearest_level_wins() -> None:
    text = """
        defaults: {forward: masquerade, thresholds: {upper: 1}, check: tcp, scheduler: rr, on_exit: flush, floor: 1}
        services:
          web:
            address: 192.0.2.1:80
            thresholds: {upper: 2}
            pools:
              a:
                thresholds: {upper: 3}
                check: [tcp, http]
                servers:
                  - {address: 192.0.2.2, thresholds: {upper: 4}, check: none, forward: route}
                  - 192.0.2.3
              b: {floor: 0, servers: [192.0.2.4]}
          app: {address: '192.0.2.9:80', servers: [192.0.2.4]}
    """
    found = loaded(text)
    web, app = found.spec.services["web"], found.spec.services["app"]
    assert [(one.forward, one.upper) for one in attrs(web)] == [
        (Forward.ROUTE, 4), (Forward.MASQUERADE, 3), (Forward.MASQUERADE, 2),
    ]  # fmt: skip
    assert asked(found) == [[], ["tcp 192.0.2.3:80", "http 192.0.2.3:80"], ["tcp 192.0.2.4:80"]]
    assert [pool.floor for pool in web.pools] == [0, 0]
    assert attrs(app)[0].upper == 1
    assert (app.attrs.scheduler, app.on_exit) == ("rr", OnExit.FLUSH)
    assert found.warnings == ()


def test_tunnels_are_inherited_by_those_that_tunnel() -> None:
    found = service("""
        address: 192.0.2.1:80
        check: none
        forward: tunnel
        tunnel: {type: gue, port: 5555, checksum: remote}
        servers:
          - 192.0.2.2
          - {address: 192.0.2.3, tunnel: {type: gre, checksum: checksum}}
          - {address: 192.0.2.4, forward: route}
          - {address: 2001:db8::5, tunnel: {}}
    """)
    assert [one.tunnel for one in attrs(found)] == [
        Tunnel(TunnelType.GUE, 5555, TunnelChecksum.REMOTE),
        Tunnel(TunnelType.GRE, 0, TunnelChecksum.CHECKSUM),
        Tunnel(),
        Tunnel(TunnelType.IPIP),
    ]


def test_the_order_of_pools_is_their_priority() -> None:
    body = """
        address: 192.0.2.1:80
        check: none
        pools: {z: {servers: [192.0.2.2]}, a: {servers: [192.0.2.3]}, m: {servers: [192.0.2.4]}}
    """
    found = service(body)
    assert [pool.name for pool in found.pools] == ["z", "a", "m"]
    assert weights(found) == [[3], [2], [1]]


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        ("a: {weight: 9, servers: [192.0.2.2]}, b: {servers: [192.0.2.3]}", [[9], [1]]),
        ("a: {servers: [192.0.2.2]}, b: {weight: 9, servers: [192.0.2.3]}", [[10], [9]]),
        ("a: {servers: [192.0.2.2]}, b: {servers: [192.0.2.3, {address: 192.0.2.4, weight: 7}]}", [[8], [1, 7]]),
        ("a: {servers: [192.0.2.2, {address: 192.0.2.4, weight: 0}]}, b: {servers: [192.0.2.3]}", [[2, 0], [1]]),
        ("a: {servers: [192.0.2.2]}, b: {weight: 0, servers: [192.0.2.3]}", [[1], [0]]),
        ("a: {servers: [192.0.2.2]}, b: {weight: 0, servers: [192.0.2.3]}, c: {weight: 4, servers: [192.0.2.4]}",
         [[5], [0], [4]]),
    ],
)  # fmt: skip
def test_weights_are_derived_above_the_pools_below(pools: str, expected: list[list[int]]) -> None:
    body = f"{{address: '192.0.2.1:80', check: none, scheduler: hprio, pools: {{{pools}}}}}"
    assert weights(service(body)) == expected


_WEIGHT = st.none() | st.integers(0, 12) | st.just(MAX_WEIGHT)
_POOLS = st.lists(st.tuples(_WEIGHT, st.lists(_WEIGHT, min_size=1, max_size=3)), min_size=1, max_size=4)


@given(_POOLS)
def test_with_a_priority_scheduler_the_order_holds_or_is_refused(
    pools: list[tuple[int | None, list[int | None]]],
) -> None:
    lines = ["services:", "  web:", "    address: 192.0.2.1:80", "    scheduler: fo", "    check: none", "    pools:"]
    number = 1
    for index, (weight, servers) in enumerate(pools):
        lines.append(f"      p{index}:")
        lines += [f"        weight: {weight}"] if weight is not None else []
        lines.append("        servers:")
        for own in servers:
            number += 1
            lines.append(f"        - {{address: 192.0.2.{number}" + (f", weight: {own}}}" if own is not None else "}"))
    text = "\n".join(lines) + "\n"
    said = complaints(text)
    if said:
        assert all("pools below" in line for line in said)
        return
    found = weights(loaded(text).spec.services["web"])
    for index, upper in enumerate(found):
        below = max([0, *(weight for lower in found[index + 1 :] for weight in lower)])
        assert all(weight == 0 or below < weight <= MAX_WEIGHT for weight in upper)
    for (weight, servers), given_weights in zip(pools, found, strict=True):
        for own, chosen in zip(servers, given_weights, strict=True):
            assert own in (None, chosen)
            assert own is not None or weight in (None, chosen)


def test_without_a_priority_scheduler_weights_are_free() -> None:
    body = """
        address: 192.0.2.1:80
        check: none
        pools: {a: {weight: 1, servers: [192.0.2.2]}, b: {weight: 5, servers: [192.0.2.3]}}
    """
    assert weights(service(body)) == [[1], [5]]


@pytest.mark.parametrize(("floor", "count"), [("1", 1), ("50%", 2), ("100%", 3), ("0", 0)])
def test_floors(floor: str, count: int) -> None:
    body = f"{{address: '192.0.2.1:80', check: none, floor: {floor}, servers: [192.0.2.2, 192.0.2.3, 192.0.2.4]}}"
    assert service(body).pools[0].floor == count


def test_a_floor_for_the_whole_service_is_that_of_the_last_pool() -> None:
    body = """{address: '192.0.2.1:80', check: none, floor: 1, pools: {
        a: {servers: [192.0.2.2]}, b: {servers: [192.0.2.3]}}}"""
    assert [pool.floor for pool in service(body).pools] == [0, 1]


def test_a_floor_above_another_pool_is_warned_of() -> None:
    body = """{address: '192.0.2.1:80', check: none, pools: {
        a: {floor: 1, servers: [192.0.2.2]}, b: {servers: [192.0.2.3]}}}"""
    [warning] = loaded(f"services: {{web: {body}}}").warnings
    assert (warning.path, warning.message) == (
        "services.web.pools.a.floor",
        "servers that are down stay in this pool instead of giving way to the pool below: remove the floor",
    )


def test_a_default_floor_above_a_small_pool_means_all_of_it() -> None:
    body = "{address: '192.0.2.1:80', check: none, servers: [192.0.2.2]}"
    assert service(body, "defaults: {floor: 3}").pools[0].floor == 1


def test_persistence_softens_thresholds_and_says_so() -> None:
    assert complaints(SEED) == [
        "a.yaml:8:17: warning: services.shop.persistent: the thresholds of this service are soft: a client that "
        "persistence remembers goes to its server even if that is full, and stays on a lower pool until it is forgotten"
    ]


def test_a_service_without_a_check_is_warned_of_once() -> None:
    text = "services: {web: {address: '192.0.2.1:80', servers: [192.0.2.2, 192.0.2.3]}}"
    assert complaints(text) == [
        "a.yaml:1:12: warning: services.web: has servers without a check, which are taken to be up: add `check`, or "
        "say `check: none`"
    ]
    assert complaints(text.replace("servers", "check: none, servers")) == []


@pytest.mark.parametrize(("written", "column"), [("{tcp: {}, timeout: 3s}", 69), ("{tcp: {}, interval: 500ms}", 70)])
def test_a_check_slower_than_its_interval_is_warned_of(written: str, column: int) -> None:
    said = complaints(
        f"services: {{web: {{address: '192.0.2.1:80', check: {written}, servers: [192.0.2.2, 192.0.2.3]}}}}"
    )
    assert len(said) == 1
    assert said[0].startswith(f"a.yaml:1:{column}: warning: services.web.check.")
    assert "a server that hangs is asked less often than that; raise `interval` or lower `timeout`" in said[0]


def test_an_unknown_scheduler_is_warned_of_for_it_may_exist() -> None:
    text = "services: {web: {address: '192.0.2.1:80', scheduler: wrrr, check: none, servers: [192.0.2.2]}}"
    assert complaints(text) == [
        "a.yaml:1:54: warning: services.web.scheduler: `wrrr` is not a scheduler that lvsctl knows: did you mean `wrr`?"
    ]


def test_the_period() -> None:
    web = "services: {web: {address: '192.0.2.1:80', check: none, servers: [192.0.2.2]}}"
    assert loaded(web, "global: {period: 500ms}").spec.period == 0.5


@pytest.mark.parametrize(
    ("check", "port"), [("{http: {}}", 80), ("{exec: {command: [x]}}", 0), ("{tcp: {}, port: 8}", 8)]
)
def test_a_server_without_a_port_is_asked_at_the_usual_one(check: str, port: int) -> None:
    found = loaded(f"services: {{web: {{mark: 20, check: {check}, servers: [192.0.2.2]}}}}")
    assert [question.target.port for question in found.spec.questions.values()] == [port]


def test_slow_start_drain_timeout_names_and_the_maintenance_directory() -> None:
    found = loaded(
        """
        global: {maintenance: /}
        defaults: {slow_start: 1m, drain_timeout: 10m}
        services:
          web:
            address: 192.0.2.1:80
            check: none
            servers: [{name: web1, address: 192.0.2.2}, 192.0.2.3]
          api:
            address: 192.0.2.1:443
            check: none
            scheduler: fo
            slow_start: 0s
            drain_timeout: 0s
            servers: [192.0.2.2]
        """
    )
    web, api = found.spec.services.values()
    assert (found.spec.maintenance, found.warnings) == ("/", ())
    assert (web.slow_start, web.drain_timeout) == (60.0, 600.0)
    assert (api.slow_start, api.drain_timeout) == (0.0, None)
    assert [server.name for server in web.pools[0].servers] == ["web1", ""]


def test_a_slow_start_of_the_defaults_is_not_for_schedulers_of_priority() -> None:
    defaults = "defaults: {slow_start: 1m}"
    body = "address: 192.0.2.1:80\ncheck: none\nservers: [192.0.2.2]\n"
    assert service(body, defaults).slow_start == 60.0
    assert service(body + "scheduler: hprio", defaults).slow_start == 0.0
    plain = service(body, "")
    assert (plain.slow_start, plain.drain_timeout) == (0.0, None)


def test_a_capacity_warning_is_for_services_with_thresholds() -> None:
    defaults = "defaults: {capacity_warning: {share: 80%, for: 5m}}"
    body = "address: 192.0.2.1:80\ncheck: none\nservers: [192.0.2.2]\n"
    assert service(body, defaults).capacity_warning is None
    limited = body + "thresholds: {upper: 5}\n"
    assert service(limited, "").capacity_warning is None
    assert service(limited, defaults).capacity_warning == CapacityWarning(0.8, 300.0)
    own = limited + "capacity_warning: {share: 62.5%, for: 500ms}"
    assert service(own, defaults).capacity_warning == CapacityWarning(0.625, 0.5)


def test_a_spill_is_told_to_be_over_when_it_has_been_for_some_time() -> None:
    limited = "address: 192.0.2.1:80\ncheck: none\nthresholds: {upper: 5}\nservers: [192.0.2.2]\n"
    assert service(limited, "").spill_quiet == 10.0
    assert service(limited, "defaults: {spill_quiet: 1m}").spill_quiet == 60.0
    assert service(limited + "spill_quiet: 0s", "defaults: {spill_quiet: 1m}").spill_quiet == 0.0


def test_metrics_are_served_nowhere_unless_it_is_said_where() -> None:
    services = "services: {web: {address: 192.0.2.1:80, check: none, servers: [192.0.2.2]}}"
    assert loaded(services).spec.metrics == MetricsSpec((), frozenset())
    one = loaded(services, "metrics: {listen: 127.0.0.1:10587}").spec.metrics
    assert one == MetricsSpec((Listener(ip_address("127.0.0.1"), 10587),), frozenset())
    several = loaded(services, 'metrics: {listen: ["[::]:1", 10.0.0.1:2]}', "metrics: {compat: [gen2brain]}")
    listeners = (Listener(ip_address("::"), 1), Listener(ip_address("10.0.0.1"), 2))
    assert several.spec.metrics == MetricsSpec(listeners, frozenset({Compat.GEN2BRAIN}))


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        pytest.param("10.0.0.1:1", "10.0.0.1:1", True, id="the same"),
        pytest.param("10.0.0.1:1", "10.0.0.1:2", False, id="another port"),
        pytest.param("10.0.0.1:1", "10.0.0.2:1", False, id="another address"),
        pytest.param("0.0.0.0:1", "10.0.0.2:1", True, id="every address is that one, too"),
        pytest.param("0.0.0.0:1", "[::]:1", False, id="IPv6 leaves IPv4 its ports"),
    ],
)
def test_which_listeners_want_the_same_port(one: str, other: str, overlap: bool) -> None:
    first, second = listener(one), listener(other)
    assert first.overlaps(second) is second.overlaps(first) is overlap
