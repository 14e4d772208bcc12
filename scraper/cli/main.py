"""The `scraper` command: which command is meant, and how its errors become exit codes.

Commands are imported when they are called, so that `scraper get` starts at once.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scraper import __version__, errors
from scraper.cli import layers

COMMANDS = {
    "run": ("run a job", "scraper.cli.run:run"),
    "get": ("fetch URLs, without a job file", "scraper.cli.run:get"),
    "validate": ("check job files, tell every mistake", "scraper.cli.files:validate"),
    "init": ("write a commented job file to begin with", "scraper.cli.files:init"),
    "schema": ("print the JSON Schema of job files", "scraper.cli.files:schema"),
    "plan": ("what a run would do; writes nothing", "scraper.cli.plan:plan"),
    "record": ("record a job's tape, for offline tests", "scraper.cli.record:record"),
    "test": ("replay jobs from their tapes, offline", "scraper.cli.test:test"),
    "status": ("how the jobs of a folder stand", "scraper.cli.status:status"),
    "runs": ("the runs of a job, and what they came to", "scraper.cli.runs:runs"),
    "why": ("the whole story of a URL or file", "scraper.cli.why:why"),
    "retry": ("ask again for what failed, and nothing else", "scraper.cli.retry:retry"),
    "verify": ("hash every file again; mend what is damaged", "scraper.cli.verify:verify"),
    "export": ("items, files, pages or failures from the ledger", "scraper.cli.export:export"),
    "forget": ("have the ledger forget URLs, files, items", "scraper.cli.forget:forget"),
    "adopt": ("take files that are there as files of a job", "scraper.cli.adopt:adopt"),
    "prune": ("files gone at the source; deletes with --yes", "scraper.cli.prune:prune"),
    "report": ("the report of a run, or of many", "scraper.cli.report:report"),
    "schedule": ("when jobs are due; run them on time", "scraper.cli.schedule:schedule"),
    "probe": ("what a URL answers, step by step, and why it fails", "scraper.cli.probe:probe"),
    "serve": ("serve a folder, or the fixture site", "scraper.cli.serve:serve"),
    "demo": ("run the sample jobs against the bundled server", "scraper.cli.serve:demo"),
    "config": ("each setting, and where it came from", "scraper.cli.config:config"),
    "completion": ("print what a shell needs to complete", "scraper.cli.completion:completion"),
}

COMPLETE = "_SCRAPER_COMPLETE"
"""The variable by which a shell asks what may follow (cli/completion.py)."""

USES = {
    "Fetch": ("run", "get"),
    "Write a job": ("init", "validate", "plan", "probe", "schema"),
    "Ask, and mend": ("status", "runs", "why", "report", "export", "retry", "verify", "forget", "adopt", "prune"),
    "Run by the clock": ("schedule",),
    "Test, serve": ("record", "test", "serve", "demo"),
    "Set up": ("config", "completion"),
}
"""The commands by what they are used for; those of no use yet stand at the end of the help."""


class Commands(click.Group):
    """The commands of the table; a job file in the first place means `run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those of the table, by use."""
        found = [name for names in USES.values() for name in names if name in COMMANDS]
        return [*found, *(name for name in COMMANDS if name not in found)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][1].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        if COMPLETE in os.environ:
            from scraper.cli.completion import completed

            return completed(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The commands by the table, and job files."""
        from click.shell_completion import CompletionItem

        from scraper.cli.completion import job_files

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        known = [CompletionItem(name, help=COMMANDS[name][0]) for name in COMMANDS if name.startswith(incomplete)]
        return known or job_files(ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """`scraper JOB.yaml` is `scraper run JOB.yaml`; a slip gets a "did you mean"."""
        first = args[0]
        if first not in COMMANDS and (first.endswith((".yaml", ".yml")) or os.path.isfile(first)):
            return "run", self.get_command(ctx, "run"), args
        if first not in COMMANDS and not first.startswith("-"):
            if ctx.resilient_parsing:  # a shell asks what may follow
                return None, None, args
            import difflib

            near = difflib.get_close_matches(first, COMMANDS, 1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise click.UsageError(f'no such command: "{first}"{hint}', ctx)
        return super().resolve_command(ctx, args)

    def make_context(self, *given: Any, **more: Any) -> click.Context:
        """Reads the command line; `--help` is printed on the way."""
        with _told_stdout():
            return super().make_context(*given, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        with _told_stdout():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the tables: nothing is imported to print the help."""
        told = {use: [name for name in names if name in COMMANDS] for use, names in USES.items()}
        grouped = {name for names in told.values() for name in names}
        told["Others"] = [name for name in COMMANDS if name not in grouped]
        wide = max(map(len, COMMANDS))
        for use, names in told.items():
            if names:
                with formatter.section(use):
                    formatter.write_dl([(f"{name:<{wide}}", COMMANDS[name][0]) for name in names])


EPILOG = """\b
Examples:
  scraper init books.yaml && scraper run books.yaml
  scraper get https://example.org/a.jpg https://example.org/b.jpg -d pictures
  scraper get -i urls.txt --json
"""


@click.command(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="scraper %(version)s")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE",
    help="Settings; else $XDG_CONFIG_HOME/scraper/config.yaml.",
)  # fmt: skip
@click.pass_context
def root(ctx: click.Context, config: Path | None) -> None:
    """Downloads in bulk and scrapes, from YAML job files: nothing lost, nothing twice, nothing in silence."""
    layers.settle(ctx, config, COMMANDS, command)


def command(name: str) -> click.Command | None:
    """A command of the table by its name."""
    return Commands().get_command(click.Context(root), name)


def cli(args: list[str] | None = None) -> int:
    """Runs a command line.

    Returns:
        The exit code of DESIGN section 2.
    """
    colour = False if os.environ.get("NO_COLOR") else None
    try:
        code: Any = root.main(
            args, "scraper", standalone_mode=False, color=colour, auto_envvar_prefix="SCRAPER", complete_var=COMPLETE
        )
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


@contextmanager
def _told_stdout() -> Iterator[None]:
    """What happens where our output goes; click would take a reader that is gone for exit 1, which means a bug."""
    try:
        yield
    except BrokenPipeError:
        _write_nowhere()  # whoever reads our output has gone; what stands on disk is in order
        raise click.exceptions.Exit(errors.Exit.SIGINT) from None
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _write_nowhere()
        raise errors.DiskError(f"what takes our output is full: {error.strerror}") from error


def _write_nowhere() -> None:
    """Nothing that is left in stdout's buffer is tried again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(error: errors.ScraperError) -> int:
    """Prints an error for people; gives its exit code."""
    text = str(error)
    click.echo(text if isinstance(error, errors.JobError) else f"scraper: {text}", err=True)
    return error.exit_code
