"""What the field calls things that have another name here: the words of ipvsadm, of keepalived, of plain English."""

from __future__ import annotations

from collections.abc import Collection

_NAMES = {
    "advert_int": ("interval",),
    "auth_pass": ("password",),
    "ca": ("ca_file",),
    "delay": ("interval",),
    "delay_loop": ("interval",),
    "dr": ("route",),
    "fwmark": ("mark",),
    "garp_master_delay": ("again",),
    "garp_master_refresh": ("refresh",),
    "garp_master_refresh_repeat": ("refresh_burst",),
    "garp_master_repeat": ("burst",),
    "gatewaying": ("route",),
    "host": ("address",),
    "ip": ("address",),
    "ipip": ("tunnel",),
    "keys": ("key",),
    "lb_algo": ("scheduler",),
    "lb_kind": ("forward",),
    "lvs_method": ("forward",),
    "lvs_sched": ("scheduler",),
    "lvs_sync_daemon": ("sync",),
    "masq": ("masquerade",),
    "mcast_src_ip": ("source",),
    "min_ttl": ("least_hops",),
    "nat": ("masquerade",),
    "netmask": ("persistence_netmask",),
    "notify_backup": ("on_standby",),
    "notify_fault": ("on_fault",),
    "notify_fifo": ("fifo",),
    "notify_master": ("on_active",),
    "notify_stop": ("on_stop",),
    "ops": ("one_packet",),
    "pe": ("persistence_engine",),
    "persistence_timeout": ("persistent",),
    "regex": ("body_regex", "expect_regex"),
    "retries": ("fall",),
    "retry": ("fall",),
    "sched_flags": ("flags",),
    "scheduler_flags": ("flags",),
    "sni": ("server_name",),
    "sorry_server": ("pools",),
    "sync_group": ("groups",),
    "syncid": ("id",),
    "track_interface": ("track",),
    "tun": ("tunnel",),
    "unicast_peer": ("peers",),
    "unicast_src_ip": ("source",),
    "use_vmac": ("virtual_mac",),
    "vip": ("address", "addresses"),
    "vips": ("addresses",),
    "virtual_ipaddress": ("addresses",),
    "virtual_router_id": ("vrid",),
    "vrrp_instance": ("instances", "instance"),
    "vrrp_notify_fifo": ("fifo",),
    "vrrp_sync_group": ("groups", "group"),
    "vrrp_version": ("version",),
}

_HOOKS = "what runs is said for all instances at once, under `pair.hooks`"
_BEYOND = "lvsctl moves addresses only: let one of `pair.hooks` do this"
_FOLLOWS = "services take from the priority by `pair.penalties`, interfaces are under `track`"

_OTHERWISE = {  # word -> a key that is known where this is to be said, and what to say
    "authentication": ("vrid", "write `password`, in version 2, or `keys`, with `peers`"),
    "nopreempt": ("vrid", "write `preempt: false`"),
    "notify": ("on_active", "write `on_active`, `on_standby`, `on_fault` and `on_stop`"),
    "notify_backup": ("vrid", _HOOKS),
    "notify_fault": ("vrid", _HOOKS),
    "notify_master": ("vrid", _HOOKS),
    "notify_stop": ("vrid", _HOOKS),
    "state": ("vrid", "who has the highest `priority` is active, so remove this"),
    "track_file": ("vrid", _FOLLOWS),
    "track_process": ("vrid", _FOLLOWS),
    "track_script": ("vrid", _FOLLOWS),
    "virtual_ipaddress_excluded": ("vrid", "write these under `addresses` as well"),
    "virtual_routes": ("vrid", _BEYOND),
    "virtual_rules": ("vrid", _BEYOND),
    "vrrp_instance": ("pair", "write `instances`, under `pair`"),
    "vrrp_sync_group": ("pair", "write `groups`, under `pair`"),
}


def called_here(word: str, known: Collection[str]) -> str | None:
    """The one of the known words that means what `word` means elsewhere; word: in lower case, with `_`."""
    return next((name for name in _NAMES.get(word, ()) if name in known), None)


def said_otherwise(word: str, known: Collection[str]) -> str | None:
    """What to do instead of writing `word`, where no other word means the same; word: in lower case, with `_`."""
    beside, what = _OTHERWISE.get(word, ("", ""))
    return what if beside in known else None
