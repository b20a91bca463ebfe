"""The families of the daemon itself, as far as they are not counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lvsctl.daemon.metrics.family import Family, counter, gauge, labels
from lvsctl.daemon.metrics.scene import Scene
from lvsctl.model import Action


def of_program(scene: Scene) -> Iterator[Family]:
    """How the daemon stands."""
    rows: tuple[tuple[str, str, float], ...] = (
        ("ready", "Whether the first complete round is done.", int(scene.ready)),
        ("last_round_timestamp_seconds", "When the newest complete round ended; 0 before the first.", scene.ended),
        ("kernel_answers", "Whether the kernel could be asked in the newest round.", int(scene.kernel_answers)),
        ("foreign_services", "Services in the kernel that are not ours.", scene.foreign),
        ("guard_withheld_steps", "Steps that the guards withhold now.", scene.withheld),
        ("config_problems", "Problems of the newest attempt to read conf.d, warnings included.", scene.problems),
        ("checks", "Questions that are asked again and again.", scene.checks.questions),
        ("checks_in_flight", "Probes that are under way.", scene.checks.in_flight),
        (
            "checks_waiting",
            "Probes that are due, and wait for a free file descriptor.",
            scene.checks.waiting,
        ),
    )
    for name, text, value in rows:
        yield gauge(f"lvsctl_{name}", text, [("", value)])
    actions = Counter(override.action for override in scene.overrides)
    orders = [(labels(action=action), actions[action]) for action in Action]
    yield gauge("lvsctl_overrides", "Orders of operators that hold now.", orders)
    yield counter("lvsctl_kernel_orders_total", "Orders to change something given to IPVS.", [("", scene.written)])
