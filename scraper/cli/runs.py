"""`scraper runs`: the runs of a job, and what they came to."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli import asked
from scraper.cli.examples import examples

if TYPE_CHECKING:
    from scraper.run.answers.runs import RunTold
    from scraper.run.answers.table import Cell

COLOURS = {"good": "green", "fair": "yellow", "bad": "red"}


@click.command(short_help="the runs of a job, and what they came to", epilog=examples("runs"))
@click.argument("job", required=False)
@click.option(
    "--limit", "most", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Only the newest N."
)
@asked.ledger_options
def runs(
    job: str | None, most: int, dest: Path | None, state: Path | None, variables: tuple[str, ...], as_json: bool
) -> None:
    """Tells the runs of JOB (or of a folder, -d), the newest first: when, how long, how it ended, what it came to.

    Items and files are told by what is new; ? is what no summary tells any more. With --json: an array, each run
    with its counts as in its summary.json, its exit code and what that means.
    """
    from scraper.run.answers.runs import runs_told
    from scraper.state import tally
    from scraper.state.db import Database
    from scraper.state.held import is_held

    found = asked.find(job, dest, state, variables)
    name = None if found.loaded is None else found.loaded.job.name
    held = is_held(found.dest)
    with Database.reading(found.ledger) as db:
        told = runs_told(db, found.ledger.parent, name, most, is_held=held)
        count = tally.count(db, name)
    _tell_json(told) if as_json else _tell(told, count)


def _tell_json(told: Sequence[RunTold]) -> None:
    from scraper.cli.run import unseen_escaped

    click.echo(unseen_escaped(json.dumps([each.as_dict() for each in told], ensure_ascii=False)))


def _tell(told: Sequence[RunTold], count: int) -> None:
    from scraper.run.answers.runs_table import runs_table
    from scraper.run.events import printable

    if not told:
        click.echo("there was no run yet", err=True)
        return
    say_table(runs_table(told, columns()))
    for each in told:
        if each.row.open:
            click.echo(f"{printable(each.row.run)}: {each.told[1]}")
    if count > len(told):
        click.echo(f"{count - len(told):,} more before; --limit {count} tells them all", err=True)


def columns() -> int | None:
    """The columns of the terminal that stdout is; None: it is none, and nothing is cut."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def say_table(lines: Sequence[Sequence[Cell]]) -> None:
    """Prints a table, its head bold; in colours where stdout is a terminal that has them (click, NO_COLOR)."""
    for at, line in enumerate(lines):
        shown = [click.style(cell.text, fg=COLOURS[cell.tone]) if cell.tone else cell.text for cell in line]
        text = "".join(shown).rstrip()
        click.echo(text if at else click.style(text, bold=True))
