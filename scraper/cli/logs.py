"""The options of a command that say where its log goes: `--log-format`, `--log-file` (cli/logfile.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--log-format", type=click.Choice(["human", "json"]), default="human", help="Of stderr and FILE."),
    click.option("--log-file", type=click.Path(path_type=Path), metavar="FILE", help="Append the log to it too."),
)


def log_options(command: F) -> F:
    """What every command takes that runs a job: `log_format` and `log_file`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
