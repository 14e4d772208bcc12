"""The `scraper` command: which command is meant, and how its errors become exit codes.

Commands are imported when they are called, so that `scraper get` starts at once.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import Any

import click

from scraper import __version__, errors

COMMANDS = {
    "run": ("run a job", "scraper.cli.run:run"),
    "get": ("fetch URLs, without a job file", "scraper.cli.run:get"),
    "validate": ("check job files, tell every mistake", "scraper.cli.files:validate"),
    "init": ("write a commented job file to begin with", "scraper.cli.files:init"),
    "schema": ("print the JSON Schema of job files", "scraper.cli.files:schema"),
    "plan": ("what a run would do; writes nothing", "scraper.cli.plan:plan"),
    "record": ("record a job's tape, for offline tests", "scraper.cli.record:record"),
    "test": ("replay jobs from their tapes, offline", "scraper.cli.test:test"),
    "export": ("items, files, pages or failures from the ledger", "scraper.cli.export:export"),
    "probe": ("what a URL answers, step by step, and why it fails", "scraper.cli.probe:probe"),
    "serve": ("serve a folder, or the fixture site", "scraper.cli.serve:serve"),
    "demo": ("run the sample jobs against the bundled server", "scraper.cli.serve:demo"),
}


class Commands(click.Group):
    """The commands of the table; a job file in the first place means `run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][1].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """`scraper JOB.yaml` is `scraper run JOB.yaml`; a slip gets a "did you mean"."""
        first = args[0]
        if first not in COMMANDS and (first.endswith((".yaml", ".yml")) or os.path.isfile(first)):
            return "run", self.get_command(ctx, "run"), args
        if first not in COMMANDS and not first.startswith("-"):
            import difflib

            near = difflib.get_close_matches(first, COMMANDS, 1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise click.UsageError(f'no such command: "{first}"{hint}', ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; click would take a reader that is gone for exit 1, which means a bug."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _write_nowhere()  # whoever reads our output has gone; what stands on disk is in order
            return errors.Exit.SIGINT
        except OSError as error:
            if error.errno != errno.ENOSPC or error.filename is not None:
                raise
            _write_nowhere()
            raise errors.DiskError(f"what takes our output is full: {error.strerror}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table: nothing is imported to print the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (about, _) in COMMANDS.items()])


EPILOG = """\b
Examples:
  scraper init books.yaml && scraper run books.yaml
  scraper get https://example.org/a.jpg https://example.org/b.jpg -d pictures
  scraper get -i urls.txt --json
"""


@click.command(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="scraper %(version)s")
def root() -> None:
    """Downloads in bulk and scrapes, from YAML job files: nothing lost, nothing twice, nothing in silence."""


def cli(args: list[str] | None = None) -> int:
    """Runs a command line.

    Returns:
        The exit code of DESIGN section 2.
    """
    colour = False if os.environ.get("NO_COLOR") else None
    try:
        code: Any = root.main(args, standalone_mode=False, color=colour, auto_envvar_prefix="SCRAPER")
        return int(code or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return errors.Exit.SIGINT
    except errors.ScraperError as error:
        return tell(error)


def _write_nowhere() -> None:
    """Nothing that is left in stdout's buffer is tried again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(error: errors.ScraperError) -> int:
    """Prints an error for people; gives its exit code."""
    text = str(error)
    click.echo(text if isinstance(error, errors.JobError) else f"scraper: {text}", err=True)
    return error.exit_code
