"""What is to be said of IPVS itself: whether it is there, and whether its connection table is large enough."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.decide.doctor.facts import Area, Facts, Finding, Kernel, Level
from lvsctl.model import Generation, Info, Spec

CROWDED = 8  # connections to a bucket, each of which is looked at for every packet; the kernel's own limit aims at 4
MAX_BITS = 20  # more than any kernel needs, and the most that 6.12 and later take
AS_ROOT = "sudo lvsctl doctor"
AT_BOOT = "echo ip_vs > /etc/modules-load.d/lvsctl.conf"
EDITED = {
    Generation.OLD: "from the next connection on (as in 6.1.176 and before)",
    Generation.NEW: "at once (as in 6.1.187, 6.12.107 and later)",
}


def judge_kernel(facts: Facts) -> Iterator[Finding]:
    """ip_vs and its connection table."""
    kernel = facts.kernel
    if kernel.info is None:
        yield _absent(kernel)
        return
    yield Finding(Level.OK, Area.KERNEL, "ip_vs", f"ip_vs {kernel.info.version} on Linux {kernel.release}")
    if kernel.generation is not None:
        text = f"a threshold that is edited counts {EDITED[kernel.generation]}"
        yield Finding(Level.OK, Area.KERNEL, "thresholds", text)
    yield _connection_table(kernel, kernel.info, facts.configuration.spec)


def _absent(kernel: Kernel) -> Finding:
    def error(text: str, mend: str = "") -> Finding:
        return Finding(Level.ERROR, Area.KERNEL, "ip_vs", text, mend)

    if kernel.present and not kernel.permitted:
        return error("IPVS not checked: that takes CAP_NET_ADMIN in this network namespace", AS_ROOT)
    if kernel.present:
        return error(kernel.refusal, "dmesg | tail")
    if kernel.loadable is False:
        return error(f"no ip_vs: Linux {kernel.release} comes without that module: boot another")
    mend = f"modprobe ip_vs && {AT_BOOT}" + ("   # in a container: on its host" if kernel.loadable is None else "")
    return error(f"no ip_vs in Linux {kernel.release}: it is not loaded", mend)


def _connection_table(kernel: Kernel, info: Info, spec: Spec | None) -> Finding:
    def said(level: Level, text: str, mend: str = "") -> Finding:
        return Finding(level, Area.KERNEL, "connection-table", text, mend)

    size = f"connection table of {info.table_size:,} buckets"
    if kernel.resizes:
        return said(Level.OK, f"{size}; this kernel sizes it by itself")
    thresholds = _thresholds(spec)
    expected = max(thresholds, kernel.entries)
    bits = min((expected - 1).bit_length(), MAX_BITS)
    if expected <= CROWDED * info.table_size or 1 << bits <= info.table_size:
        return said(Level.OK, size)
    whose = f"thresholds of {thresholds:,}" if thresholds >= kernel.entries else f"{kernel.entries:,}"
    return said(Level.WARNING, f"{size} for {whose} connections: every packet costs more", _enlarge(kernel, bits))


def _thresholds(spec: Spec | None) -> int:
    """Connections that may be there when every server that has an upper threshold is full."""
    if spec is None:
        return 0
    pools = (pool for service in spec.services.values() for pool in service.pools)
    return sum(server.attrs.upper for pool in pools for server in pool.servers)


def _enlarge(kernel: Kernel, bits: int) -> str:
    when = "   # holds from the next boot on"
    if kernel.built_in:
        line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ip_vs.conn_tab_bits={bits}"'
        return f"echo '{line}' >> /etc/default/grub && update-grub{when}"
    return f"echo 'options ip_vs conn_tab_bits={bits}' >> /etc/modprobe.d/ip_vs.conf{when}"
