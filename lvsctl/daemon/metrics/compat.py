"""The same numbers under the names of programs that dashboards may know: node_exporter, and keepalived's exporters.

Of the latter what they tell of LVS, that they could tell at all, and with the provider `vrrp` of VRRP (compat_vrrp).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from lvsctl.daemon.metrics.compat_vrrp import gen2brain, mehdy
from lvsctl.daemon.metrics.family import Family, Sample, counter, gauge, labels
from lvsctl.daemon.metrics.scene import Scene
from lvsctl.model import AddressKey, Compat, Protocol, RealAttrs, RealCounters, RealKey, ServiceKey, Traffic

_NUMBERS = {Protocol.TCP: "6", Protocol.UDP: "17", Protocol.SCTP: "132"}
_NOTHING = RealCounters()


def compat(scene: Scene) -> Iterator[Family]:
    """The sets that conf.d asks for. Every service of the kernel is in them, ours or not, as in the originals."""
    wanted = scene.spec.metrics.compat
    if Compat.NODE_EXPORTER in wanted:
        yield from _node_exporter(scene)
    if wanted & {Compat.KEEPALIVED_EXPORTER, Compat.GEN2BRAIN}:
        up = int(scene.ready and scene.kernel_answers)
        yield gauge("keepalived_up", "Whether rounds are done: lvsctl does here what keepalived did.", [("", up)])
    if Compat.KEEPALIVED_EXPORTER in wanted:
        yield from mehdy(scene)
    if Compat.GEN2BRAIN in wanted:
        yield from _gen2brain(scene)
        yield from gen2brain(scene)


def _numbers(traffic: Traffic) -> tuple[int, int, int, int, int]:
    return (traffic.connections, traffic.packets_in, traffic.packets_out, traffic.bytes_in, traffic.bytes_out)


# --- node_exporter's collector ipvs -----------------------------------------------------------------------------

_TOTALS = (
    ("connections_total", "Connections of all services, those that are gone included."),
    ("incoming_packets_total", "Packets from clients, likewise."),
    ("outgoing_packets_total", "Packets to clients, likewise."),
    ("incoming_bytes_total", "Bytes from clients, likewise."),
    ("outgoing_bytes_total", "Bytes to clients, likewise."),
)


def _node_exporter(scene: Scene) -> Iterator[Family]:
    if scene.total is not None:  # 0 would be read as a reset
        for (name, text), total in zip(_TOTALS, _numbers(scene.total), strict=True):
            yield counter(f"node_ipvs_{name}", text, [("", total)])
    rows = [(_backend(*row[:2]), *row[2:]) for row in _servers(scene)]
    active = [(of, count.active) for of, _, count in rows]
    yield gauge("node_ipvs_backend_connections_active", "Established connections of the server.", active)
    inactive = [(of, count.inactive) for of, _, count in rows]
    yield gauge("node_ipvs_backend_connections_inactive", "Its connections in any other state.", inactive)
    yield gauge("node_ipvs_backend_weight", "Its weight.", [(of, found.weight) for of, found, _ in rows])


def _servers(scene: Scene) -> Iterator[tuple[ServiceKey, RealKey, RealAttrs, RealCounters]]:
    for service, entry in scene.table.items():
        counted = scene.counters.get(service)
        for server, attrs in entry.servers.items():
            count = counted.servers.get(server, _NOTHING) if counted is not None else _NOTHING
            yield service, server, attrs, count


def _backend(service: ServiceKey, server: RealKey) -> str:
    local = ("", "0", "FWM", f"{service.mark:08X}") if not isinstance(service, AddressKey) else _local(service)
    return labels(
        local_address=local[0],
        local_port=local[1],
        remote_address=str(server.address),
        remote_port=str(server.port),
        proto=local[2],
        local_mark=local[3],
    )


def _local(service: AddressKey) -> tuple[str, str, str, str]:
    return str(service.address), str(service.port), service.protocol.upper(), ""


# --- gen2brain's keepalived_exporter ----------------------------------------------------------------------------

_LVS = (
    ("conn", "Connections."),
    ("in_packets", "Packets from clients."),
    ("out_packets", "Packets to clients."),
    ("in_bytes", "Bytes from clients."),
    ("out_bytes", "Bytes to clients."),
)


def _gen2brain(scene: Scene) -> Iterator[Family]:
    """Services by firewall mark are left out: these labels cannot tell them apart."""
    vips: list[tuple[str, tuple[int, ...]]] = []
    reals: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for service, counted in scene.counters.items():
        if isinstance(service, AddressKey):
            proto = _NUMBERS[service.protocol]
            vips.append((labels(addr=f"{service.address}:{service.port}", proto=proto), _numbers(counted.traffic)))
            for server, count in counted.servers.items():
                of = labels(addr=f"{server.address}:{server.port}", proto=proto)
                reals[of].append(_numbers(count.traffic))
    for index, (name, text) in enumerate(_LVS):
        samples: list[Sample] = [(of, numbers[index]) for of, numbers in vips]
        yield counter(f"keepalived_lvs_vip_{name}", text, samples)
        summed: list[Sample] = [(of, sum(one[index] for one in each)) for of, each in reals.items()]
        yield counter(f"keepalived_lvs_rs_{name}", f"{text} Summed over the services that share the server.", summed)
