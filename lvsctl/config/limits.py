"""Compile `guard:` - how much checks alone may take away at once, and which canaries say that the director is well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lvsctl.config.document import Place
from lvsctl.config.questions import Questions
from lvsctl.config.schema import Guard, Suspect
from lvsctl.model import CheckId, Limits, Problem, RealKey

_DEFAULT = Limits()


def limits(form: Guard, places: Mapping[str, Place], questions: Questions, problems: list[Problem]) -> Limits:
    """places: where each key of the form stands. Problems go to the list; what has one is left out."""
    suspect = form.suspect or Suspect()
    most = form.max_removed
    if most is not None and not (most.count or most.percent):
        message = "must be at least 1, or more than 0%: else a server that is down would never be taken out"
        problems.append(places["max_removed"].problem(message))
    return Limits(
        services=suspect.services or _DEFAULT.services,
        share=suspect.share or _DEFAULT.share,
        hold=suspect.hold or _DEFAULT.hold,
        canaries=tuple(dict.fromkeys(_canaries(form, places, questions, problems))),
        max_removed=most or _DEFAULT.max_removed,
    )


def _canaries(
    form: Guard, places: Mapping[str, Place], questions: Questions, problems: list[Problem]
) -> Iterator[CheckId]:
    for index, written in enumerate(form.canary or ()):
        whole = places["canary"]
        place = whole.at(index) if isinstance(whole.value, list) else whole
        for prepared in questions.prepare((written,), place):
            if prepared.address is None:
                message = "a canary is no server: write the `address` to ask into its check"
                problems.append(place.problem(message))
                continue
            check = questions.ask(prepared, RealKey(prepared.address, 0))
            if check is None:
                problems.append(place.problem("there is no port to check: write `port` into its check"))
            else:
                yield check
