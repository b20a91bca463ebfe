"""What is typed as a value, as callbacks of options: a mistake is wrong usage, worded alike wherever it is made."""

from __future__ import annotations

import click

LONGEST = 200
"""Characters of a reason, as the daemon takes them."""


def seconds(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """A duration as conf.d writes it, more than none."""
    from lvsctl.config.values import duration  # noqa: PLC0415

    if text is None:
        return None
    try:
        found = duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if not found:
        raise click.BadParameter("it must be longer than 0s")
    return found


def one_line(_: click.Context, __: click.Parameter, text: str) -> str:
    """Text that stays in its line wherever it is shown."""
    if not text.isprintable():
        raise click.BadParameter("it must be one line of text")
    if len(text) > LONGEST:
        raise click.BadParameter(f"it may have up to {LONGEST} characters, and has {len(text)}")
    return text


def weight(_: click.Context, __: click.Parameter, text: str) -> str:
    """`10` or `50%`, as it was typed."""
    from lvsctl.decide.override_subject import weight_meant  # noqa: PLC0415

    try:
        weight_meant(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return text


def since(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    """A duration back from now, or a time; as it was typed."""
    from lvsctl.config import values  # noqa: PLC0415

    if text is None:
        return None
    try:
        values.since(text, 0.0)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return text
