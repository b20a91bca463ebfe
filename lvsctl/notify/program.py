"""A program of the operator's own: the notification on stdin as JSON, its exit status says whether it was taken.

0: taken; anything else, or no end within the deadline: it is started again later. No shell runs it. Its environment is
PATH, LANG=C.UTF-8, LVSCTL_RECEIVER, LVSCTL_NOTIFICATION (the id, the same however often it is tried), LVSCTL_STATUS,
LVSCTL_REASON and LVSCTL_SUBJECT; what it prints is thrown away. This process' ambient capabilities are not inherited.
When it ends, and at the deadline, its whole process group is killed.
"""

from __future__ import annotations

import json

from lvsctl.model import Notification, Program
from lvsctl.notify.outcome import Later, Outcome, Taken
from lvsctl.notify.process import PATH, End, Run, ending
from lvsctl.notify.webhook import body, whole
from lvsctl.notify.words import cut, title


def render(notification: Notification) -> bytes:
    """What it reads: Alertmanager's webhook body, version 4, with the notification's id, on one line."""
    return json.dumps({"id": notification.id} | body(whole(notification))).encode() + b"\n"


def environment(notification: Notification) -> dict[str, str]:
    """All that it finds in its environment."""
    facts = {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "LVSCTL_RECEIVER": notification.receiver,
        "LVSCTL_NOTIFICATION": notification.id,
        "LVSCTL_STATUS": str(notification.status),
        "LVSCTL_REASON": str(notification.reason),
        "LVSCTL_SUBJECT": cut(title(notification), 500),
    }
    return {name: value.replace("\0", " ") for name, value in facts.items()}


async def send(notification: Notification, program: Program) -> Outcome:
    """Run it once; when this is cancelled, it is killed."""
    run = Run(program.argv, environment(notification), given=render(notification))
    end: End | OSError
    try:
        end = await run.ended
    except OSError as error:
        end = error
    finally:
        run.kill()
    why = ending(program.argv, end)
    return Taken() if why is None else Later(why)
