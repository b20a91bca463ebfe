"""Debian's newest kernels, and the module built for each of them by dkms, once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.stock import debian, guest
from tests.stock.debian import Kernel
from tests.stock.dkms import Dkms


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Minutes long: only where asked for by name; and never passed where a package is missing."""
    asked = "stock" in config.getoption("markexpr")
    reason = guest.missing() if asked else "boots Debian's kernels in qemu: `make test-kernels` runs it"
    for item in items:
        if item.get_closest_marker("stock") is not None and reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True, slots=True)
class Site:
    """What dkms works on: its trees, the module registered, built for no kernel yet; and how a kernel gets it."""

    dkms: Dkms
    built: dict[str, bytes]

    def module(self, kernel: Kernel) -> bytes:
        """As the first kernel is served, at once; every later one gets it as Debian's hook would do it."""
        if kernel.release not in self.built:
            (self.dkms.autoinstall if self.built else self.dkms.install)(kernel)
            self.built[kernel.release] = self.dkms.installed(kernel)
        return self.built[kernel.release]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    dkms = Dkms(tmp_path_factory.mktemp("dkms"))
    dkms.add()
    return Site(dkms, {})


@pytest.fixture(params=debian.NAMES)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return debian.newest(request.param)


@pytest.fixture
def run(site: Site, kernel: Kernel) -> Callable[[str], guest.Result]:
    """Run one of the programs on the kernel; what it says is shown if the test fails."""

    def run_program(name: str) -> guest.Result:
        files = {name: guest.program(name), "local.sh": (guest.PROGRAMS / "local.sh").read_bytes()}
        machine = guest.Guest(kernel, site.module(kernel), files)
        result = guest.run(machine, f". ./local.sh\nexec ./{name}", timeout=150)
        print(f"{kernel.name} {kernel.release}", result.output, *result.log, sep="\n")
        assert result.status == 0
        return result

    return run_program
