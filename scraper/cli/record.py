"""`scraper record`: a live run kept as a tape, and what its replay gives."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from scraper import errors
from scraper.cli.examples import examples


@click.command(short_help="record a job's tape, for offline tests", epilog=examples("record"))
@click.argument("job", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(1), metavar="N", help="N items, or N files where there are no items.")
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job; the tape remembers it.")
@click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key, for this run alone.")
@click.option("-q", "--quiet", is_flag=True, help="Errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Every page and file.")
def record(
    job: Path, limit: int | None, variables: tuple[str, ...], overrides: tuple[str, ...], quiet: bool, verbose: bool
) -> int:
    """Runs JOB against its live source into a temporary folder, and keeps everything that came.

    Writes tapes/NAME.warc.gz (requests and answers, secrets as marks) and tapes/NAME.expect.json (what a replay of it
    gives) beside the job file. What stood there is replaced, and what differs from it is told; where nothing came at
    all it stays, exit 4. Commit both: `scraper test JOB` replays them, offline.
    """
    from scraper.cli.run import _signals, pairs
    from scraper.cli.show import Shown
    from scraper.run.control import Control
    from scraper.testing.recording import record_job
    from scraper.units import human_bytes

    control = Control()
    shown = Shown(quiet=quiet, verbose=verbose, paths=False)
    with shown, _signals(control, shown.note):
        made = record_job(
            job, limit=limit, variables=pairs(variables, "--var"), overrides=overrides, events=shown, control=control
        )
        shown.summary(made.summary, stays=False)
    click.echo(made.tape)
    click.echo(made.golden)
    if quiet:
        return errors.Exit.DONE
    click.echo(f"wrote {made.tape} ({human_bytes(made.size)}) and {made.golden}", err=True)
    if made.summary.exit_code:
        click.echo(f"the run ended with exit code {made.summary.exit_code}; the tape holds that", err=True)
    for line in made.differences:
        click.echo(f"the replay differs from the live run: {line}", err=True)
    for line in made.empty:
        click.echo(f"empty everywhere: {line}", err=True)
    if made.changes:
        click.echo(f"not as {made.golden} had it before:", err=True)
    for line in made.changes:
        click.echo(textwrap.indent(line, "  "), err=True)
    click.echo(f"next: scraper test {job}", err=True)
    return errors.Exit.DONE
