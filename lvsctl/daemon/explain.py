"""The explanation document: why a service or a server stands as it does (shape: `lvsctl/v1`, kind Explanation)."""

from __future__ import annotations

from typing import Any

from lvsctl.daemon.daemon import Daemon
from lvsctl.daemon.state import key_json
from lvsctl.decide.explain.evidence import Evidence
from lvsctl.decide.explain.of_server import explain_server
from lvsctl.decide.explain.of_service import explain_service
from lvsctl.decide.explain.subject import find
from lvsctl.decide.overrides import orders


async def explain(daemon: Daemon, words: str) -> dict[str, Any]:
    """words: as an operator names a service or a server; reads table and counters. Raises LvsctlError."""
    find(daemon.world.spec, words)
    seen = await daemon.ipvs.look()
    daemon.world.looked(seen)
    service, server = find(daemon.world.spec, words)  # there may have been a reload meanwhile
    done = daemon.last.round
    evidence = Evidence(
        daemon.world.spec,
        daemon.world.health,
        daemon.world.ladder,
        seen.table,
        seen.counters,
        desired=done.decision.desired if done is not None else None,
        withheld=(*done.withheld, *done.decision.waiting) if done is not None else (),
        refused=done.refused if done is not None else (),
        now=daemon.loop.time(),
        orders=orders(daemon.world.spec, daemon.world.overrides),
        load=daemon.world.load_of(service, seen),
        role=daemon.pairing.role(),
        resting=daemon.pairing.resting,
    )
    found = explain_service(evidence, service) if server is None else explain_server(evidence, service, server)
    return {
        "apiVersion": "lvsctl/v1",
        "kind": "Explanation",
        "subject": found.subject,
        "service": key_json(service.key),
        "server": None if server is None else {"address": str(server.key.address), "port": server.key.port},
        "answer": found.answer,
        "chain": [{"about": link.about, "says": link.says} for link in found.chain],
    }
