"""A director that only speaks VRRP, as a program: `python -m tests.pair.director PICKLED...`, a line for what happens.

PICKLED: hexadecimal, of a tuple of Instances. Lines: seconds on CLOCK_MONOTONIC, then what happened. SIGTERM stops it,
SIGUSR1 makes it release, SIGHUP makes it take the next of its arguments.
"""

from __future__ import annotations

import asyncio
import pickle
import signal
import sys
import time

from lvsctl.daemon.ground import KernelGround
from lvsctl.model import Transition, Trouble
from lvsctl.pair.numbers import microseconds
from lvsctl.pair.speaker import Speaker


def say(*words: object) -> None:
    print(f"{time.monotonic():.6f}", *words, flush=True)


def told(transition: Transition) -> None:
    say(transition.instance, transition.role or "stopped", "-", transition.why)


def wrong(trouble: Trouble) -> None:
    say("!", trouble.instance, trouble.times, trouble.what)


async def main() -> None:
    ground = KernelGround()
    configurations = (pickle.loads(bytes.fromhex(pickled)) for pickled in sys.argv[1:])
    speaker = Speaker(next(configurations), ground, told=told, wrong=wrong, number=microseconds)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, speaker.stop)
    loop.add_signal_handler(signal.SIGUSR1, speaker.release)
    loop.add_signal_handler(signal.SIGHUP, lambda: speaker.take(next(configurations)))
    say("# started")
    await speaker.run()
    for name, report in speaker.reports().items():
        counts = report.counts
        say("#", name, counts)
    await ground.close()


if __name__ == "__main__":
    asyncio.run(main())
