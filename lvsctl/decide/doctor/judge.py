"""All that is to be said of a host: facts -> findings, in the order in which they are shown."""

from __future__ import annotations

from lvsctl.decide.doctor.facts import Facts, Finding
from lvsctl.decide.doctor.kernel import judge_kernel
from lvsctl.decide.doctor.network import judge_network
from lvsctl.decide.doctor.pair_host import judge_pair_host
from lvsctl.decide.doctor.program import judge_program
from lvsctl.decide.doctor.rivals import judge_rivals
from lvsctl.decide.doctor.schedulers import judge_schedulers


def judge(facts: Facts) -> tuple[Finding, ...]:
    """By area, in the order of `Area`."""
    judges = (judge_kernel, judge_schedulers, judge_network, judge_pair_host, judge_rivals, judge_program)
    return tuple(finding for judgement in judges for finding in judgement(facts))
