"""The families of the receivers of alerts: what was handed over to each, and what waits."""

from __future__ import annotations

from collections.abc import Iterator

from lvsctl.daemon.metrics.family import Family, Sample, counter, gauge, labels
from lvsctl.daemon.metrics.scene import Scene


def of_receivers(scene: Scene) -> Iterator[Family]:
    """As the deliverers say."""
    waiting: list[Sample] = []
    failed: list[Sample] = []
    ended: list[Sample] = []
    for one in scene.receivers:
        of, numbers = labels(receiver=one.receiver), one.numbers
        waiting.append((of, one.waiting))
        failed.append((of, numbers.failed))
        results = {
            "delivered": numbers.delivered,
            "folded": numbers.folded,
            "refused": numbers.refused,
            "lost": numbers.lost,
        }
        ended += [(f'{of},result="{result}"', number) for result, number in results.items()]
    failing = [(labels(receiver=one.receiver), int(one.failing_since is not None)) for one in scene.receivers]
    yield gauge("lvsctl_receiver_failing", "Whether a receiver does not take alerts.", failing)
    yield gauge("lvsctl_notifications_waiting", "Notifications in the queue of a receiver.", waiting)
    text = "What became of notifications: folded ones were told with a newer one of their group, lost ones dropped."
    yield counter("lvsctl_notifications_total", text, ended)
    yield counter("lvsctl_delivery_failures_total", "Attempts to hand over that failed, and were tried again.", failed)
