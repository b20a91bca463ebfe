"""What the field calls things that have another name here: the words of ipvsadm, of keepalived, of plain English."""

from __future__ import annotations

from collections.abc import Collection

_NAMES = {
    "ca": ("ca_file",),
    "delay": ("interval",),
    "delay_loop": ("interval",),
    "dr": ("route",),
    "fwmark": ("mark",),
    "gatewaying": ("route",),
    "host": ("address",),
    "ip": ("address",),
    "ipip": ("tunnel",),
    "lb_algo": ("scheduler",),
    "lb_kind": ("forward",),
    "lvs_method": ("forward",),
    "lvs_sched": ("scheduler",),
    "masq": ("masquerade",),
    "nat": ("masquerade",),
    "netmask": ("persistence_netmask",),
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
    "tun": ("tunnel",),
    "vip": ("address",),
}


def called_here(word: str, known: Collection[str]) -> str | None:
    """The one of the known words that means what `word` means elsewhere; word: in lower case, with `_`."""
    return next((name for name in _NAMES.get(word, ()) if name in known), None)
