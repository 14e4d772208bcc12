"""`python -m scraper` and the `scraper` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits with its code."""
    from scraper.cli.main import cli

    sys.exit(cli())


if __name__ == "__main__":
    main()
