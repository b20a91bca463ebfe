"""What each event says: one place for the log, the history, the stream of events and the alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lvsctl import events as happened
from lvsctl.decide.ladder import lacks, way_out
from lvsctl.decide.record_pair import pair_record
from lvsctl.events import Event
from lvsctl.model import Action, Level, MatchOp, Override, Record, ServiceKey, ServiceState, Severity, Silence, Step
from lvsctl.model.moment import rfc3339

SHOWN = 10
"""Steps and problems that one record names; when a whole site fails there are thousands, round after round."""

_INFO, _WARNING, _ERROR = Level.INFO, Level.WARNING, Level.ERROR


def records(event: Event, names: Mapping[ServiceKey, str]) -> Iterator[Record]:
    """The event in words: one record, but for a round one for each step that it carried out.

    names: what conf.d calls its services; a service that is no more in it is told by its key.
    """
    match event:
        case happened.RoundDone(done=done):
            for step in done:
                facts = {"op": describe(step), "reason": step.reason}
                yield Record("applied", _INFO, "applied", _name(names, step.op.service), "", _server(step), facts)
        case happened.DriftFound(service=key, what=what):
            said = {"service": str(key), "what": what}
            yield Record("drift", _WARNING, "somebody else changed the table", _name(names, key), fields=said)
        case happened.OpRefused(step=step, refusal=refusal):
            facts = {"op": describe(step), "error": refusal.message}
            name = _name(names, step.op.service)
            yield Record("refused", _ERROR, "the kernel refused an operation", name, "", _server(step), facts)
        case _:
            yield _one(event)


def _one(event: Event) -> Record:
    return _of_health(event) or _of_load(event) or _of_operators(event) or pair_record(event) or _of_the_director(event)


def _of_health(event: Event) -> Record | None:
    match event:
        case happened.HealthChanged(question=question, up=up, outcome=outcome):
            facts = {"check": question.kind, "target": str(question.target)}
            facts |= {"code": outcome.code, "detail": outcome.detail}
            name, words = ("check_up", "a check passes") if up else ("check_down", "a check fails")
            return Record(name, _INFO, words, fields=facts)  # what it means for servers is told of them
        case happened.ServerChanged(service=service, pool=pool, server=server, up=up, kind=kind, outcome=outcome):
            name, level = ("server_up", _INFO) if up else ("server_down", _WARNING)
            told = {"check": kind, "code": outcome.code, "detail": outcome.detail, "latency": round(outcome.latency, 6)}
            return Record(name, level, f"server is {'up' if up else 'down'}", service, pool, str(server), told)
        case happened.ServiceChanged(service=service, state=state, before=before, why=why):
            level = _ERROR if state in (ServiceState.DOWN, ServiceState.REFUSED) else _INFO
            known = {"before": str(before) if before is not None else None, "why": why}
            return Record(f"service_{state}", level, f"service is {state}", service, fields=known)
        case happened.NotAsked(question=question, outcome=outcome):
            asked = {"check": question.kind, "target": str(question.target), "detail": outcome.detail}
            words = f"the check {question.kind} of {question.target} cannot be asked; its servers stay as they are"
            return Record("not_asked", _ERROR, words, fields=asked)
    return None


def _of_load(event: Event) -> Record | None:
    match event:
        case happened.SpillStarted(service=service, pool=pool, to=to):
            return Record(
                "spill_started", _WARNING, "the pool is full, connections spill", service, pool, "", {"to": to}
            )
        case happened.SpillEnded(service=service, pool=pool, to=to):
            facts = {
                "to": to,
                "duration": round(event.duration, 3),
                "connections": event.connections,
                "peak": event.peak,
            }
            return Record("spill_ended", _INFO, "connections spill no longer", service, pool, "", facts)
        case happened.PoolExhausted(service=service):
            return Record("pool_exhausted", _ERROR, "no server has room, new connections are refused", service)
        case happened.PoolRelieved(service=service, duration=duration):
            return Record(
                "pool_relieved", _INFO, "the shortage of room is over", service, fields={"duration": round(duration, 3)}
            )
        case happened.CapacityHigh(service=service, pool=pool, share=share, limit=limit):
            shares = {"share": round(share, 3), "limit": limit}
            return Record("capacity_high", _WARNING, "the pool is nearly full", service, pool, "", shares)
        case happened.CapacityFine(service=service, pool=pool, share=share, duration=duration):
            now = {"share": round(share, 3), "duration": round(duration, 3)}
            return Record("capacity_fine", _INFO, "the pool is no longer nearly full", service, pool, "", now)
    return None


def _of_operators(event: Event) -> Record | None:
    match event:
        case happened.OverrideSet(override=override):
            return _of_override("override_set", f"{_done(override)} by {override.by}", override)
        case happened.OverrideEnded(override=override, by=by):
            words = f"no longer {_done(override)}: " + (f"ended by {by}" if by else "its time is over")
            return _of_override("override_ended", words, override)
        case happened.SilenceSet(silence=silence):
            return _of_silence("silence_set", f"silenced by {silence.by}", silence)
        case happened.SilenceEnded(silence=silence, by=by):
            words = "no longer silenced: " + (f"ended by {by}" if by else "its time is over")
            return _of_silence("silence_ended", words, silence)
        case happened.Reloaded(services=services, questions=questions, warnings=warnings):
            counts = {"services": services, "questions": questions, "warnings": len(warnings)}
            return Record("reloaded", _INFO, "configuration taken", fields=counts)
        case happened.ReloadRefused(problems=problems):
            errors = [str(problem) for problem in problems if problem.severity is Severity.ERROR]
            facts = {"count": len(errors), "problems": errors[:SHOWN]}  # warnings refuse nothing
            return Record("reload_refused", _ERROR, "reload refused: the configuration in force goes on", fields=facts)
    return None


def _of_override(event: str, words: str, override: Override) -> Record:
    subject = override.subject
    facts = {
        "subject": str(subject),
        "action": str(override.action),
        "by": override.by,
        "reason": override.reason,
        "until": _until(override.until),
    }
    return Record(event, _INFO, f"{subject} is {words}", subject.service or "", fields=facts)


def _of_silence(event: str, words: str, silence: Silence) -> Record:
    matchers = [str(one) for one in silence.matchers]
    service = next((one.value for one in silence.matchers if one.label == "service" and one.op is MatchOp.IS), "")
    facts = {
        "id": silence.id,
        "matchers": matchers,
        "by": silence.by,
        "reason": silence.reason,
        "until": _until(silence.until),
    }
    return Record(event, _INFO, f"alerts with {' '.join(matchers)} are {words}", service, fields=facts)


def _until(at: float | None) -> str | None:
    return None if at is None else rfc3339(at, timespec="seconds")


def _done(override: Override) -> str:
    match override.action:
        case Action.DRAIN:
            return "drained"
        case Action.DISABLE:
            return "disabled"
        case Action.WEIGHT:
            return f"given the weight {override.weight}"


def _of_the_director(event: Event) -> Record:
    match event:
        case happened.GuardTripped(withheld=withheld, why=why):
            steps = {"why": why, "count": len(withheld), "steps": [describe(step) for step in withheld[:SHOWN]]}
            return Record("withheld", _WARNING, f"steps withheld: {why}", fields=steps)
        case happened.DirectorSuspected(why=why, seen=seen):
            words = "this director suspects itself, and takes no server out"
            return Record("director_suspected", _ERROR, words, fields={"why": why, "seen": list(seen)})
        case happened.DirectorTrusted(why=why, duration=duration):
            words = "this director no longer suspects itself"
            return Record("director_trusted", _INFO, words, fields={"why": why, "duration": round(duration, 3)})
        case happened.StoodStill(seconds=seconds):
            words = "this director stood still, and looked after nothing"
            return Record("stood_still", _WARNING, words, fields={"seconds": round(seconds, 3)})
        case happened.SchedulerMissing(wanted=wanted, used=None, services=services):
            todo = f"{way_out(wanted)}, or allow a scheduler_fallback that the kernel has"
            words = f"{lacks(wanted)}, services are refused: {todo}"
            return Record("scheduler_missing", _ERROR, words, fields=_used_by(services, wanted))
        case happened.SchedulerMissing(wanted=wanted, used=used, services=services):
            words = f"{lacks(wanted)}: {used} is used"
            return Record("scheduler_missing", _WARNING, words, fields=_used_by(services, wanted))
        case happened.SchedulerAppeared(scheduler=scheduler, used=used, services=services):
            what = "it is used" if used == scheduler else f"{used} is used until the next reload"
            words = f"the kernel has the scheduler {scheduler} now: {what}"
            return Record("scheduler_appeared", _INFO, words, fields=_used_by(services, scheduler))
        case happened.KernelSilent(error=error):
            words = "round failed; the table stays as it is, the next round tries again"
            return Record("kernel_silent", _ERROR, words, fields={"error": error})
        case happened.KernelAnswers(duration=duration):
            return Record(
                "kernel_answers", _INFO, "the kernel can be asked again", fields={"duration": round(duration, 3)}
            )
        case happened.DeliveryFailed(receiver=receiver, why=why, waiting=waiting):
            facts = {"receiver": receiver, "why": why, "waiting": waiting}
            return Record("delivery_failed", _ERROR, f"alerts cannot be delivered to {receiver}", fields=facts)
        case happened.DeliveryRecovered(receiver=receiver, duration=duration, lost=lost):
            back = {"receiver": receiver, "duration": round(duration, 3), "lost": lost}
            return Record("delivery_recovered", _INFO, f"alerts are delivered to {receiver} again", fields=back)
    raise AssertionError(f"an event without words: {event}")


def _used_by(services: Sequence[str], scheduler: str) -> dict[str, object]:
    return {"scheduler": scheduler, "services": list(services)}


def _name(names: Mapping[ServiceKey, str], key: ServiceKey) -> str:
    return names.get(key, str(key))


def _server(step: Step) -> str:
    server = getattr(step.op, "server", None)
    return str(server) if server is not None else ""


def describe(step: Step) -> str:
    """One line that names the operation: "edit-server tcp 192.0.2.1:80 10.0.0.1:80 (weight 5 -> 0)"."""
    words = [step.op.name, str(step.op.service), *([server] if (server := _server(step)) else [])]
    return " ".join(words) + (f" ({step.change})" if step.change else "")
