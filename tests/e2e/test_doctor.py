"""`lvsctl doctor`, installed, on a real kernel: what it says is so, and what it says mends it does."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from lvsctl.cli import cli, client
from lvsctl.errors import DaemonUnreachable

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("netns")]

LVSCTL = str(Path(sys.executable).with_name("lvsctl"))
EXAMPLES = Path(__file__).parents[2] / "conf.d"
VIP = "192.0.2.20"
SHOP = """\
services:
  shop:
    address: 192.0.2.20:80
    scheduler: rr
    forward: masquerade
    check: none
    servers: [192.0.2.21]
"""


class Doctor:
    """One host and its conf.d."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.config = config
        self.options = [
            *("-c", str(config), "--socket", str(folder / "lvsctl.sock"), "--state-dir", str(folder / "state")),
        ]

    def __call__(self) -> dict[str, dict[str, str]]:
        """Finding by subject, without the seconds that a program takes to start on a slow kernel."""
        told = CliRunner().invoke(cli, ["doctor", *self.options, "-o", "json"])
        return self._read(told.exit_code, told.stdout, told.stderr)

    def installed(self, *start: str) -> dict[str, dict[str, str]]:
        """The same of the program as it is installed. start: what starts it."""
        command = [*start, LVSCTL, "doctor", *self.options, "-o", "json"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        return self._read(told.returncode, told.stdout, told.stderr)

    @staticmethod
    def _read(status: int, out: str, err: str) -> dict[str, dict[str, str]]:
        assert err == ""
        document = json.loads(out)
        assert status == (1 if document["errors"] else 0)
        return {one["subject"]: one for one in document["findings"]}


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    config = tmp_path / "shop.yaml"
    config.write_text(SHOP)
    return Doctor(tmp_path, config)


def sysctl(name: str, value: str) -> None:
    Path("/proc/sys", *name.split(".")).write_text(f"{value}\n")


@contextlib.contextmanager
def process(command: list[str], comm: str) -> Iterator[subprocess.Popen[bytes]]:
    """It is there when it has its own name, which it gets when it is executed."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        deadline = time.monotonic() + 30
        while Path(f"/proc/{started.pid}/comm").read_text().strip() != comm:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        try:
            yield started
        finally:
            started.kill()


def test_the_examples_on_this_kernel(tmp_path: Path) -> None:
    found = Doctor(tmp_path, EXAMPLES).installed()
    release = Path("/proc/sys/kernel/osrelease").read_text().strip()
    assert found["ip_vs"]["text"] == f"ip_vs 1.2.1 on Linux {release}"
    size = Path("/proc/net/ip_vs").read_text().partition("size=")[2].partition(")")[0]
    assert found["connection-table"]["text"] == f"connection table of {int(size):,} buckets"
    there = subprocess.run(["ipvsadm", "-A", "-f", "1", "-s", "hprio"], capture_output=True, check=False)
    assert found["scheduler hprio"]["level"] == (
        "ok" if there.returncode == 0 else "error"
    )  # one service wants no other
    for name in ("rr", "mh", "wlc"):
        assert found[f"scheduler {name}"]["text"] == f"{name} is there"
    assert found["net.ipv6.conf.all.forwarding"]["level"] == "error"
    assert found["configuration"]["text"].startswith(f"{EXAMPLES}: 6 services")


def test_sysctls_of_this_network_namespace(doctor: Doctor) -> None:
    assert doctor()["net.ipv4.vs.expire_nodest_conn"]["level"] == "warning"
    sysctl("net.ipv4.ip_forward", "0")
    sysctl("net.ipv4.vs.expire_nodest_conn", "1")
    found = doctor()
    assert found["net.ipv4.ip_forward"]["level"] == "error"
    assert found["net.ipv4.vs.expire_nodest_conn"]["level"] == "ok"
    sysctl("net.ipv4.ip_forward", "1")
    assert doctor()["net.ipv4.ip_forward"]["text"] == "net.ipv4.ip_forward is 1"


@pytest.mark.parametrize(("fallback", "level"), [("rr", "warning"), ("none", "error")])
def test_a_scheduler_that_no_kernel_has(doctor: Doctor, fallback: str, level: str) -> None:
    doctor.config.write_text(SHOP.replace("rr", f"nosuch\n    scheduler_fallback: {fallback}", 1))
    found = doctor()["scheduler nosuch"]
    assert (found["level"], found["mend"]) == (level, "modprobe ip_vs_nosuch")


def test_a_missing_address_is_mended_by_what_is_printed(doctor: Doctor) -> None:
    subprocess.run(
        ["ip", "-batch", "-"],
        input=b"link add outside type dummy\nlink set outside up\naddress add 192.0.2.10/24 dev outside\n",
        check=True,
    )
    missing = doctor()[f"address {VIP}"]
    assert (missing["level"], missing["mend"]) == (
        "warning",
        f"ip address add {VIP}/32 dev outside   # on the active director alone",
    )
    subprocess.run(["sh", "-c", missing["mend"]], check=True)
    assert doctor()[f"address {VIP}"]["level"] == "ok"


def test_an_address_that_is_routed_to_the_host(doctor: Doctor) -> None:
    subprocess.run(["ip", "route", "add", "local", "192.0.2.0/24", "dev", "lo"], check=True)
    assert doctor()[f"address {VIP}"]["level"] == "ok"


def test_other_writers_here_and_elsewhere(doctor: Doctor, tmp_path: Path) -> None:
    program = shutil.which("sleep")
    assert program is not None
    router = str(shutil.copy(program, tmp_path / "kube-router"))
    with process(["unshare", "-n", router, "600"], "kube-router"):
        assert doctor()["writers"]["level"] == "ok"
    with process([router, "600"], "kube-router") as running:
        text = f"kube-router (pid {running.pid}) deletes services that it does not know, such as tcp {VIP}:80"
        assert doctor()["writer kube-router"]["text"] == text


def test_keepalived_with_one_of_our_services(doctor: Doctor, tmp_path: Path) -> None:
    keepalived, file = tmp_path / "keepalived", tmp_path / "k.conf"
    keepalived.write_text("#!/bin/sh\nread forever <>/proc/self/fd/0\nwhile :; do sleep 600; done\n")
    keepalived.chmod(0o755)
    file.write_text(f"virtual_server {VIP} 80 {{\n  protocol TCP\n}}\n")
    with process([str(keepalived), "-f", str(file)], "keepalived"):
        found = doctor()["writer keepalived"]
        assert (found["level"], "manages tcp 192.0.2.20:80 too" in found["text"]) == ("error", True)
        shown = subprocess.run(["sh", "-c", found["mend"]], capture_output=True, text=True, check=True)
        assert shown.stdout == f"1:virtual_server {VIP} 80 {{\n"
        file.write_text("vrrp_instance one {\n}\n")
        assert doctor()["writer keepalived"]["level"] == "ok"


def test_what_a_pair_needs_of_this_host(doctor: Doctor, tmp_path: Path) -> None:
    hook, file, keepalived = tmp_path / "hook", tmp_path / "k.conf", tmp_path / "keepalived"
    hook.write_text("#!/bin/sh\n")
    instance = f"{{interface: outside, vrid: 51, addresses: [{VIP}], track: [absent]}}"
    doctor.config.write_text(f"{SHOP}pair: {{instances: {{web: {instance}}}, hooks: {{on_stop: [{hook}]}}}}\n")
    subprocess.run(["ip", "link", "add", "outside", "type", "dummy"], check=True)
    found = doctor()
    assert found[f"address {VIP}"]["text"] == f"{VIP} comes with the active role (shop)"
    assert found["interface absent"]["text"] == "there is no interface absent (web)"
    assert found["interface outside"]["text"] == "outside is down (web)"
    assert found[f"hook {hook}"]["text"] == f"the hook {hook} is not executable"
    assert found["source web"]["text"] == "outside has no IPv4 address that stays: web will be in fault"
    subprocess.run(["sh", "-c", found["interface outside"]["mend"]], check=True)
    subprocess.run(["ip", "address", "add", "192.0.2.10/24", "dev", "outside"], check=True)
    hook.chmod(0o755)
    found = doctor()
    assert {found[name]["level"] for name in ("interface outside", f"hook {hook}")} == {"ok"}
    assert "source web" not in found
    keepalived.write_text("#!/bin/sh\nread forever <>/proc/self/fd/0\nwhile :; do sleep 600; done\n")
    keepalived.chmod(0o755)
    file.write_text("vrrp_instance one {\n  interface outside\n  virtual_router_id 51\n}\n")
    with process([str(keepalived), "-f", str(file)], "keepalived"):
        beside = doctor()["keepalived"]
    assert "is virtual router 51 on outside too: web would be active beside it" in beside["text"]
    shown = subprocess.run(["sh", "-c", beside["mend"].partition("#")[0]], capture_output=True, text=True, check=True)
    assert shown.stdout == "1:vrrp_instance one {\n3:  virtual_router_id 51\n"


def test_services_of_others(doctor: Doctor) -> None:
    subprocess.run(["ipvsadm", "-A", "-t", "192.0.2.99:80", "-s", "rr"], check=True)
    assert doctor()["foreign services"]["text"].endswith("left alone: tcp 192.0.2.99:80")


def test_without_capabilities_it_is_told_what_was_not_checked(doctor: Doctor, tmp_path: Path) -> None:
    program = shutil.which("sleep")
    assert program is not None
    with process([str(shutil.copy(program, tmp_path / "nanny")), "600"], "nanny"):
        found = doctor.installed("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    assert found["ip_vs"]["text"] == "IPVS not checked: that takes CAP_NET_ADMIN in this network namespace"
    assert found["writer nanny"]["mend"] == found["ip_vs"]["mend"] == "sudo lvsctl doctor"
    assert "net.ipv4.ip_forward" in found


def ready(socket: str) -> bool:
    try:
        return client.ask(socket, "GET", "/v1/status").body.get("ready") is True
    except DaemonUnreachable:
        return False


def test_the_daemon(doctor: Doctor) -> None:
    assert doctor()["daemon"]["mend"] == "systemctl enable --now lvsctl"
    daemon = subprocess.Popen([LVSCTL, "run", *doctor.options], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not ready(doctor.options[3]):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        found = doctor()["daemon"]
        assert (found["level"], f"(pid {daemon.pid}, lvsctl " in found["text"]) == ("ok", True)
        doctor.config.write_text("services: [\n")
        assert client.ask(doctor.options[3], "POST", "/v1/reload").status == 422
        after = doctor()
        assert (after["daemon"]["level"], after["configuration"]["level"]) == ("error", "error")
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)
