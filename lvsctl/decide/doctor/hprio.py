"""What is to be said of the module ip_vs_hprio: how it comes into this kernel, and into the next one booted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lvsctl.decide.doctor.facts import Area, Build, DkmsSilent, Facts, Finding, Hprio, Level, Modules

NAME: Final = "hprio"
PACKAGE: Final = "ip-vs-hprio"  # as DKMS knows it: deploy/ip-vs-hprio/dkms.conf
SOURCE: Final = "deploy/ip-vs-hprio"  # in lvsctl's source


def judge(facts: Facts) -> Iterator[Finding]:
    """DKMS, the version that is loaded, and the other kernels that are installed."""
    found, release = facts.hprio, facts.kernel.release
    if NAME not in facts.kernel.missing:
        yield _kept(facts, found, release)
    for modules in found.kernels:
        if modules.release != release and not modules.hprio:
            text = f"hprio is missing in Linux {modules.release}, which is installed too: a boot into it loses hprio"
            yield _said(Level.WARNING, f"kernel {modules.release}", text, _build(found, modules.release))


def install(facts: Facts) -> str:
    """The command that brings hprio into the running kernel."""
    release = facts.kernel.release
    modules = _of(facts.hprio, release)
    if modules is None or not modules.hprio:
        return _build(facts.hprio, release)
    if facts.hprio.signed_only:
        return "mokutil --import /var/lib/dkms/mok.pub   # Secure Boot: enrol the key at the next boot"
    return "modprobe ip_vs_hprio"


def _kept(facts: Facts, found: Hprio, release: str) -> Finding:
    """Whether the module that is in use is there after the next boot, and after the next kernel upgrade."""
    modules, ours = _of(found, release), _installed(found, release)
    if modules is not None and not modules.hprio:
        text = f"hprio is in the kernel, and modprobe finds no file of it for Linux {release}: the next boot loses it"
        return _said(Level.WARNING, "dkms", text, _build(found, release))
    if isinstance(found.builds, DkmsSilent):
        text = f"not checked whether DKMS looks after hprio: {found.builds.reason}"
        return _said(Level.WARNING, "dkms", text, f"dkms status -m {PACKAGE}")
    if not ours:
        text = "hprio is not looked after by DKMS: after the next kernel upgrade it is missing"
        return _said(Level.WARNING, "dkms", text, _build(found, release))
    if found.loaded and found.loaded not in ours:
        text = f"hprio {found.loaded} is loaded, {ours[-1]} is installed: it comes into use at the next boot"
        return _said(Level.WARNING, "dkms", text, "systemctl reboot   # at a quiet time")
    return _said(Level.OK, "dkms", f"{PACKAGE} {ours[-1]} is installed by DKMS for Linux {release}")


def _said(level: Level, subject: str, text: str, mend: str = "") -> Finding:
    return Finding(level, Area.SCHEDULERS, subject, text, mend)


def _of(found: Hprio, release: str) -> Modules | None:
    return next((modules for modules in found.kernels if modules.release == release), None)


def _builds(found: Hprio) -> tuple[Build, ...]:
    return found.builds if isinstance(found.builds, tuple) else ()


def _installed(found: Hprio, release: str) -> list[str]:
    """The versions."""
    return [build.version for build in _builds(found) if (build.kernel, build.state) == (release, "installed")]


def _build(found: Hprio, release: str) -> str:
    """Have DKMS build the module for `release`, with all that it needs for that."""
    modules = _of(found, release)
    packages = ["dkms"] if found.builds is None else []
    packages += [] if modules is not None and modules.headers else [f"linux-headers-{release}"]
    commands = [f"apt-get install {' '.join(packages)}"] if packages else []
    versions = {build.version for build in _builds(found)}
    if versions:
        newest = max(versions, key=_order)
        again = "--force " if newest in _installed(found, release) else ""  # dkms believes that it is there
        return " && ".join([*commands, f"dkms install {again}{PACKAGE}/{newest} -k {release}"])
    commands += [f"dkms add {SOURCE}", f"dkms autoinstall -k {release}"]
    return " && ".join(commands) + "   # in lvsctl's source"


def _order(version: str) -> list[int]:
    """1.10 is newer than 1.9."""
    return [int(part) if part.isdecimal() else 0 for part in version.split(".")]
