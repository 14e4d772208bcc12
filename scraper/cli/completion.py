"""`scraper completion`: what a shell needs to complete our command lines; and what it is told when it asks.

The script calls `scraper` again at each TAB (with _SCRAPER_COMPLETE set) and click answers by the commands' own
options. What click cannot know is told here, by the name of the parameter: job files, runs, and classes of failures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from scraper.cli.examples import examples

VARIABLE = "_SCRAPER_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="print what a shell needs to complete", epilog=examples("completion"))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Prints the script by which SHELL completes commands, options, job files, runs and classes of failures.

    It goes into the shell's start-up file, or where the shell looks for completions.
    """
    found = get_completion_class(shell)
    assert found is not None, shell
    click.echo(found(ctx.find_root().command, {}, "scraper", VARIABLE).source())


def completed(command: click.Command) -> click.Command:
    """The command with its parameters' completions, where a shell asks."""
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        completed(inner)
    for each in command.params:
        found = _ARGUMENTS if isinstance(each, click.Argument) else _OPTIONS
        if each.name in found:
            each.type = _Completed(each.type, found[str(each.name)])
    return command


class _Completed(click.ParamType[Any]):
    """A type that also tells what may stand there."""

    name = "completed"

    def __init__(
        self, inner: click.ParamType[Any], tell: Callable[[click.Context, str], Iterable[CompletionItem]]
    ) -> None:
        self._inner = inner
        self._tell = tell

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As the type itself."""
        return self._inner.convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """What may stand there, else what the type says."""
        return list(self._tell(ctx, incomplete)) or self._inner.shell_complete(ctx, param, incomplete)


def job_files(_: click.Context, incomplete: str) -> list[CompletionItem]:
    """YAML files where the word points; where there is none, any file."""
    folder = Path(incomplete).parent if not incomplete.endswith("/") else Path(incomplete)
    here = sorted(folder.glob("*.y*ml")) if folder.is_dir() else []
    known = [CompletionItem(str(path)) for path in here if str(path).startswith(incomplete)]
    return known or [CompletionItem(incomplete, type="file")]


def runs(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """The runs of the job or folder that is named before, the newest first."""
    from scraper import errors
    from scraper.cli import asked

    given = ctx.params
    try:
        found = asked.find(given.get("job"), given.get("dest"), given.get("state"), given.get("variables") or ())
    except (errors.ScraperError, click.ClickException):  # nothing to tell yet
        return []
    folder = found.ledger.parent / "runs"
    known = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
    return [CompletionItem(name) for name in known if name.startswith(incomplete)]


def classes(_: click.Context, incomplete: str) -> list[CompletionItem]:
    """Classes of failures; several stand with commas between."""
    from scraper.errors import CLASSES

    before, comma, word = incomplete.rpartition(",")
    known = [*(name for name in CLASSES if not name.startswith("http:")), "http:4xx", "http:5xx", "http:404"]
    return [CompletionItem(f"{before}{comma}{name}") for name in known if name.startswith(word)]


_ARGUMENTS = {"job": job_files, "jobs": job_files, "asked": job_files}
_OPTIONS = {"job": job_files, "run": runs, "run_id": runs, "classes": classes}
