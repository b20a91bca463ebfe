"""`python -m tests.bench.cli`: what the command line costs, as multiples of starting the interpreter.

`status` asks a stand-in for the daemon: a process that answers every request on a unix socket at once with the same
document, of real shape and size (100 services of 10 servers). So the figure is the client's own cost - start, ask,
read, lay out - without the time that a daemon takes to read the kernel. Medians of runs taken in turn.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cli.document import entry, key, real, server, service, status

ROUNDS = 25
LVSCTL = str(Path(sys.executable).with_name("lvsctl"))


def document() -> bytes:
    """A status of 100 services with 10 servers each."""
    services, table = [], []
    for number in range(100):
        at = key(f"198.51.100.{number}")
        hosts = [f"10.0.{number}.{host}" for host in range(10)]
        pools = [
            {"name": "service", "active": True, "servers": [server(host) for host in hosts[:8]]},
            {"name": "spillover", "active": True, "servers": [server(host, weight=1) for host in hosts[8:]]},
        ]
        services.append(service(f"service-{number}", key=at, pools=pools))
        table.append(entry(at, *(real(host, forward="route", weight=5) for host in hosts), scheduler="fo"))
    body = json.dumps(status(*services, table=table)).encode()
    head = f"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def serve(listener: socket.socket, answer: bytes) -> None:
    """The stand-in for the daemon."""
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    answer = document()
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/lvsctl.sock"
        listener.bind(path)
        listener.listen()
        daemon = multiprocessing.get_context("fork").Process(target=serve, args=(listener, answer), daemon=True)
        daemon.start()
        commands = {
            "python3 -c pass": [sys.executable, "-c", "pass"],
            "python3 -c 'import click'": [sys.executable, "-c", "import click"],
            "lvsctl --help": [LVSCTL, "--help"],
            "lvsctl status": [LVSCTL, "--socket", path, "status"],
            "lvsctl status -o json": [LVSCTL, "--socket", path, "status", "-o", "json"],
            "lvsctl status -o ipvsadm": [LVSCTL, "--socket", path, "status", "-o", "ipvsadm"],
        }
        took: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                took[name].append(seconds(command))
        daemon.terminate()
        daemon.join()
    one = statistics.median(took["python3 -c pass"])
    bounds = {"lvsctl --help": 6, "lvsctl status": 10}
    print(f"status document: {len(answer) / 1e6:.2f} MB; multiples of `python3 -c pass` ({one * 1000:.1f} ms here)")
    for name, times in took.items():
        bound = f"  (at most {bounds[name]})" if name in bounds else ""
        print(f"  {name:<26} {statistics.median(times) / one:5.2f}{bound}")


if __name__ == "__main__":
    main()
