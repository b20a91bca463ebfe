"""What becomes of a guest: its script's status, its output, its kernel's log, whatever way it ends."""

from __future__ import annotations

import pytest

from tests.stock import debian, guest
from tests.stock.debian import Kernel


@pytest.mark.stock
@pytest.mark.timeout(120)
class TestRealGuest:
    @pytest.fixture
    def machine(self) -> guest.Guest:
        return guest.Guest(debian.newest("6.12-cloud"))

    def test_the_scripts_status_and_output_are_passed_on(self, machine: guest.Guest) -> None:
        result = guest.run(machine, "uname -r; nproc; echo found=7; exit 9", timeout=60)
        assert result.status == 9
        assert result.output.splitlines() == [machine.kernel.release, "2", "found=7"]
        assert result.figures() == {"found": 7}
        assert result.log == ()

    def test_a_kernel_that_dies_is_no_success_and_its_last_words_are_kept(self, machine: guest.Guest) -> None:
        result = guest.run(machine, "echo c >/proc/sysrq-trigger", timeout=60)
        assert result.status == 125
        assert any("sysrq triggered crash" in line for line in result.log)

    def test_a_guest_that_takes_too_long_is_ended(self, machine: guest.Guest) -> None:
        assert guest.run(machine, "sleep 600", timeout=15).status == 124


@pytest.mark.parametrize("shown", ["", "Package: linux-headers-amd64\nDepends: linux-headers-7.9-amd64 (= 7.9-1)\n"])
def test_a_kernel_that_apt_does_not_know(monkeypatch: pytest.MonkeyPatch, shown: str) -> None:
    monkeypatch.setattr(debian, "_out", lambda *_: shown)
    with pytest.raises(SystemExit) as ended:
        debian.newest("6.1-generic")
    assert str(ended.value) == (
        "linux-headers-amd64: apt knows of no kernel 6.1; this needs Debian 12, and `apt-get update`"
    )


def test_headers_that_are_not_installed() -> None:
    with pytest.raises(SystemExit) as ended:
        debian.built(Kernel("6.12-cloud", "6.12.0-none", "1"))
    assert str(ended.value) == (
        "no headers of 6.12.0-none: apt-get install --no-install-recommends linux-headers-6.12-cloud-amd64"
    )
