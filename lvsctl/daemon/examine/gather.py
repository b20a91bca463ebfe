"""Ask the kernel, read the host's files and conf.d: everything that `lvsctl doctor` judges."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from lvsctl import __version__
from lvsctl.checks.registry import installed
from lvsctl.config.load import load
from lvsctl.daemon.examine import host
from lvsctl.daemon.examine.network import networking
from lvsctl.daemon.examine.paired import Look, paired
from lvsctl.daemon.examine.rivals import rivals
from lvsctl.daemon.reconcile import missing_schedulers
from lvsctl.daemon.state import State
from lvsctl.decide.doctor.facts import Configuration, Daemon, Facts, Finding, Hprio, Kernel, Paired
from lvsctl.decide.doctor.hprio import NAME as HPRIO
from lvsctl.decide.doctor.judge import judge
from lvsctl.decide.doctor.network import RULES
from lvsctl.decide.doctor.pair import needs_of, sysctls_of
from lvsctl.errors import ConfigError, KernelError, LvsctlError
from lvsctl.kernel.generation import generation_of
from lvsctl.kernel.ipvs import Ipvs
from lvsctl.model import AddressKey, ServiceKey, Spec

ROOT = Path("/")
RESIZING = "proc/sys/net/ipv4/vs/conn_lfactor"  # the load that the table is kept at, in kernels that resize it


def examine(config: Path, *, state_dir: Path, daemon: Daemon) -> tuple[Finding, ...]:
    """What is to be said of this host. daemon: what the control socket answered. Writes nothing, raises nothing."""
    return asyncio.run(_with_kernel(config, state_dir=state_dir, daemon=daemon))


async def _with_kernel(config: Path, *, state_dir: Path, daemon: Daemon) -> tuple[Finding, ...]:
    from lvsctl.kernel.addresses import Addresses  # noqa: PLC0415 - slow to import
    from lvsctl.kernel.netlink import NetlinkIpvs  # noqa: PLC0415 - pyroute2 is slow to import

    ipvs, addresses = NetlinkIpvs(), Addresses()
    state = State(state_dir)
    try:
        return judge(await gather(config, ipvs, addresses.look, state=state, daemon=daemon, dkms=_dkms()))
    finally:
        await addresses.close()
        await ipvs.close()


def _dkms() -> str | None:
    """Its path; `su` leaves root without the folder that it is in."""
    return shutil.which("dkms", path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin")))


async def gather(
    config: Path, ipvs: Ipvs, look: Look, *, state: State, daemon: Daemon, dkms: str | None, root: Path = ROOT
) -> Facts:
    """look: at an interface. root: where /proc, /sys and /lib are looked for. dkms: path of the program."""
    configuration = _configuration(config)
    spec = configuration.spec
    keys = [] if spec is None else [service.key for service in spec.services.values()]
    owned, amnesia = _owned(state)
    return Facts(
        version=__version__,
        configuration=configuration,
        kernel=await _kernel(root, ipvs, spec),
        hprio=host.hprio(root, dkms) if _wants_hprio(spec) else Hprio(),
        networking=networking(
            root,
            [*(rule.name for rule in RULES), *_of_the_pair(spec)],
            {key.address for key in keys if isinstance(key, AddressKey)},
        ),
        rivals=rivals(root),
        daemon=daemon,
        owned=owned,
        amnesia=amnesia,
        state_file=str(state.file),
        paired=Paired() if spec is None or spec.pair is None else await paired(root, spec.pair, look, daemon.pid),
    )


def _of_the_pair(spec: Spec | None) -> Iterator[str]:
    if spec is not None and spec.pair is not None:
        yield from sysctls_of(needs_of(spec.pair))


def _configuration(path: Path) -> Configuration:
    try:
        loaded = load(path, installed())
    except ConfigError as error:
        return Configuration(str(path), None, error.problems)
    return Configuration(str(path), loaded.spec, loaded.warnings)


def _wants_hprio(spec: Spec | None) -> bool:
    """dkms takes its time."""
    return spec is not None and any(service.attrs.scheduler == HPRIO for service in spec.services.values())


def _owned(state: State) -> tuple[frozenset[ServiceKey] | None, str]:
    try:
        return state.owned(), ""
    except LvsctlError as error:
        return None, str(error)


async def _kernel(root: Path, ipvs: Ipvs, spec: Spec | None) -> Kernel:
    release, permitted = host.release(root), host.permitted(root)
    try:
        info = await ipvs.info()
        seen = await ipvs.look()
        servers = [server for service in seen.counters.values() for server in service.servers.values()]
        return Kernel(
            release,
            info,
            permitted=permitted,
            built_in=host.built_in(root),
            resizes=(root / RESIZING).exists(),
            table=seen.table,
            generation=generation_of(release, host.text_of(root / "proc/version")),
            entries=sum(server.total + server.persistent for server in servers),
            missing=frozenset() if spec is None else await missing_schedulers(spec, ipvs),
        )
    except KernelError as error:
        return Kernel(
            release,
            refusal=str(error),
            present=(root / "proc/net/ip_vs").exists(),
            permitted=permitted,
            loadable=host.loadable(root, "ip_vs"),
        )
