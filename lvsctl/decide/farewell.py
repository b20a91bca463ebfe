"""What the daemon does to the table when it stops."""

from __future__ import annotations

from dataclasses import replace

from lvsctl.model import DeleteService, EditServer, OnExit, Plan, Spec, Step, Table


def farewell(spec: Spec, have: Table) -> Plan:
    """The steps that `on_exit` asks for, service by service: none (keep), weight 0 (drain), deletion (flush)."""
    steps: list[Step] = []
    for service in spec.services.values():
        entry = have.get(service.key)
        if entry is None:
            continue
        match service.on_exit:
            case OnExit.KEEP:
                continue
            case OnExit.FLUSH:
                steps.append(Step(DeleteService(service.key), "", "on_exit: flush"))
            case OnExit.DRAIN:
                steps += [
                    Step(
                        EditServer(service.key, key, replace(attrs, weight=0)),
                        f"weight {attrs.weight} -> 0",
                        "on_exit: drain",
                    )
                    for key, attrs in entry.servers.items()
                    if attrs.weight > 0
                ]
    return tuple(steps)
