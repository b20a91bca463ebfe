"""`python -m lvsctl`: the command line without the installed script."""

from lvsctl.cli import main

if __name__ == "__main__":
    main()
