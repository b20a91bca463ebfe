"""What keepalived is told to be: its configuration, from instances as lvsctl has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lvsctl.model import Family, Instance


def configuration(instances: Sequence[Instance], *, notify: Path | None = None) -> str:
    """keepalived.conf. notify: where it tells its transitions."""
    told = [f"vrrp_notify_fifo {notify}"] if notify else []
    head = ["global_defs {", "router_id theirs", "vrrp_no_swap", *told, "}"]
    groups: dict[str, list[str]] = {}
    for instance in instances:
        groups.setdefault(instance.group, []).append(instance.name)
    grouped = [
        _block(f"vrrp_sync_group {name}", [_block("group", all_of_it)]) for name, all_of_it in groups.items() if name
    ]
    routers = [_block(f"vrrp_instance {instance.name}", [*_body(instance)]) for instance in instances]
    return "\n".join([*head, *grouped, *routers]) + "\n"


def _body(instance: Instance) -> Iterator[str]:
    yield f"interface {instance.interface}"
    yield "state BACKUP"
    yield f"virtual_router_id {instance.vrid}"
    yield f"priority {instance.priority}"
    yield f"version {instance.version}"
    yield f"advert_int {instance.interval:g}"
    if instance.family is Family.INET6:
        yield "native_ipv6"
    if not instance.preempt:
        yield "nopreempt"
    if instance.virtual_mac:
        yield "use_vmac"
    if instance.peers:
        yield f"unicast_src_ip {instance.source}"
        yield _block("unicast_peer", [str(peer) for peer in instance.peers])
    if instance.peers and instance.family is Family.INET6:
        yield "unicast_ttl 255"
    if instance.password:
        yield _block("authentication", ["auth_type PASS", f"auth_pass {instance.password.reveal()}"])
    yield _block("virtual_ipaddress", [str(address) for address in instance.addresses])


def _block(name: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{name} {{", *lines, "}"])
