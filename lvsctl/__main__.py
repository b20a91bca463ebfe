"""The program: `python -m lvsctl`, and what the installed script calls."""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit status; ^C is one line even while it is still loaded."""
    try:
        from lvsctl.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        raise SystemExit("\nlvsctl: interrupted") from None


if __name__ == "__main__":
    main()
