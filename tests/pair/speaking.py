"""The process that speaks VRRP, on a cable in it and with what it remembers of a kernel: it needs no rights."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import replace
from ipaddress import ip_interface

import lvsctl.pair.ports
from lvsctl.daemon.speaking import speak
from tests.pair.linked import Link
from tests.pair.making import OURS
from tests.pair.remembered import ETH0, RememberedGround


async def main() -> None:
    ground = RememberedGround(replace(ETH0, addresses=(ip_interface(f"{OURS}/24"),)))
    await speak(socket.socket(fileno=sys.stdin.fileno()), ground)
    with open(sys.argv[1], "a") as log:
        print(os.getpid(), "has ended", *ground.log, sep="\n", file=log)


if __name__ == "__main__":
    lvsctl.pair.ports.Port = Link().port
    asyncio.run(main())
