"""What is to be said of lvsctl itself: conf.d, what it remembers, the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from lvsctl.decide.doctor.facts import Area, Configuration, Daemon, Facts, Finding, Level
from lvsctl.decide.doctor.kernel import AS_ROOT
from lvsctl.model import Severity

RESTART = "systemctl restart lvsctl"


def judge_program(facts: Facts) -> Iterator[Finding]:
    """conf.d first: what is wrong with it decides what else can be said."""
    yield _configuration(facts.configuration)
    if facts.owned is None:
        yield _amnesia(facts)
    yield _daemon(facts.daemon, facts)


def _said(level: Level, subject: str, text: str, mend: str = "") -> Finding:
    return Finding(level, Area.LVSCTL, subject, text, mend)


def _configuration(found: Configuration) -> Finding:
    validate = f"lvsctl validate -c {quote(found.path)}"
    count = len(found.problems)
    if found.spec is None:
        more = f" and {count - 1} more" if count > 1 else ""
        first = next((problem for problem in found.problems if problem.severity is Severity.ERROR), "unknown")
        return _said(Level.ERROR, "configuration", f"conf.d cannot be used: {first}{more}", validate)
    services = len(found.spec.services)
    counted = f"{found.path}: {services} service{'' if services == 1 else 's'}"
    if count:  # they are about what the configuration means, not about this host
        counted += f", {count} warning{'' if count == 1 else 's'} from `lvsctl validate`"
    return _said(Level.OK, "configuration", counted)


def _amnesia(facts: Facts) -> Finding:
    if not facts.kernel.permitted:
        return _said(Level.WARNING, "state", f"not checked: {facts.amnesia}", AS_ROOT)
    file = facts.state_file
    return _said(Level.ERROR, "state", facts.amnesia, f"mv {quote(file)} {quote(file + '.damaged')} && {RESTART}")


def _daemon(daemon: Daemon, facts: Facts) -> Finding:
    def said(level: Level, text: str, mend: str = "") -> Finding:
        return _said(level, "daemon", text, mend)

    if daemon.denied:
        return said(Level.WARNING, f"not checked: {daemon.silence}", AS_ROOT)
    if daemon.silence:
        return said(Level.WARNING, daemon.silence, "systemctl enable --now lvsctl")
    if daemon.trouble:
        return said(Level.ERROR, f"the daemon's last round failed: {daemon.trouble}", "journalctl -u lvsctl -n 50")
    if not daemon.reload_ok:
        config = quote(facts.configuration.path)
        text = "the daemon could not take conf.d as it is now: the configuration before it goes on"
        return said(Level.ERROR, text, f"lvsctl validate -c {config} && lvsctl reload --socket {quote(daemon.socket)}")
    if daemon.version != facts.version:
        text = f"the daemon that runs is lvsctl {daemon.version or 'unknown'}, installed is {facts.version}"
        return said(Level.WARNING, text, RESTART)
    if not daemon.ready:
        text = "the daemon has not finished its first complete round"
        return said(Level.WARNING, text, f"lvsctl status --socket {quote(daemon.socket)}")
    return said(Level.OK, f"the daemon answers on {daemon.socket} (pid {daemon.pid}, lvsctl {daemon.version})")
