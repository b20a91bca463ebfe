"""What a silence may name, and what is said of names that nothing has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvsctl.decide.alerting.known import mistake, strangers
from lvsctl.decide.alerting.matching import matcher
from lvsctl.model import Alerting
from tests.decide.making import server, service, spec

SITE = replace(spec(service([server(1), server(2)], name="shop")), alerting=Alerting(labels=(("site", "north"),)))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("service=shop", None),
        ("service=shpo", None),
        ("site=north", None),
        ("director=lb1", None),
        ("ServerDown", None),
        ("alertname!=Flapping", None),
        ("alertname=~Server.*|Host.*", None),
        ("severity=~warning|info", None),
        ("pool=", None),
        ("sevice=shop", "there is no label `sevice`: did you mean `service`?"),
        ("Service=shop", "there is no label `Service`: did you mean `service`?"),
        (
            "vip=shop",
            "there is no label `vip`: known are alertname, check, director, hook, host, instance, of, pool, receiver, "
            "scheduler, server, service, severity, site, subject, sync, target",
        ),
        ("ServerDwon", "there is no alert `ServerDwon`: did you mean `ServerDown`?"),
        ("serverdown", "there is no alert `serverdown`: did you mean `ServerDown`?"),
        ("shop", "there is no alert `shop`: did you mean `service=shop`?"),
        (
            "alertname=~Disk.*",
            "there is no alert `Disk.*`: known are BothActive, CapacityHigh, CheckNotAsked, DeliveryFailed, "
            "DirectorFault, DirectorSuspected, Flapping, HookFailed, HostDown, KernelSilent, OperationRefused, "
            "OpinionsDiffer, Overridden, PairTrouble, PeerLost, PoolExhausted, ReloadRefused, RoleTaken, "
            "SchedulerMissing, ServerDown, ServiceDown, ServiceRefused, SpillActive, StepsWithheld, SyncFailed, "
            "TableDrift",
        ),
        ("severity=page", "there is no severity `page`: known are critical, warning, info"),
        ("severity!=critcal", "there is no severity `critcal`: did you mean `critical`?"),
    ],
)
def test_what_can_never_mean_anything(words: str, why: str | None) -> None:
    assert mistake([matcher("host=10.0.0.1"), matcher(words)], SITE) == why


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("service=shop", []),
        ("server=10.0.0.1:80", []),
        ("host=10.0.0.1", []),
        ("pool=a", []),
        ("pool=", []),
        ("director=elsewhere", []),
        ("service!=shpo", []),
        ("service=~shpo", []),
        ("service=shpo", ["there is no service `shpo` in conf.d now: did you mean `shop`?"]),
        ("pool=xyz", ["there is no pool `xyz` in conf.d now"]),
        (
            "server=10.0.0.1",
            [
                "there is no server `10.0.0.1` in conf.d now: servers have their port there; "
                "did you mean `host=10.0.0.1`?"
            ],
        ),
    ],
)
def test_which_names_nothing_has_now(words: str, said: list[str]) -> None:
    assert strangers([matcher("ServerDown"), matcher(words)], SITE) == said
