"""`scraper status`: how the jobs of a folder stand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from scraper.cli.examples import examples
from scraper.errors import Exit


@click.command(short_help="how the jobs of a folder stand", epilog=examples("status"))
@click.argument("places", nargs=-1, metavar="[DIR|JOB]...", type=click.Path(path_type=Path))
@click.option(
    "-d", "--dest", "dests", multiple=True, metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="The folder a run wrote to, beside them.",
)  # fmt: skip
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Of one job: where its ledger lives, if not below its folder.",
)  # fmt: skip
@click.option("--var", "variables", multiple=True, metavar="K=V", help="Of one job: a variable of it.")
@click.option("--check", is_flag=True, help="Exit 4 where a job is broken, overdue, or its last run failed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(
    places: tuple[Path, ...], dests: tuple[Path, ...], state: Path | None, variables: tuple[str, ...], check: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Tells of each job when it ran last, how that ended, when it runs next, what is new and failed, and its size.

    Without a name: the jobs in jobs/, if there is such a folder, else here. With --json: an array.
    """
    from scraper.cli.layers import load_job
    from scraper.cli.run import pairs
    from scraper.run.answers.status import FOLDER, standings

    chosen = list(places) or ([] if dests else [Path(FOLDER) if Path(FOLDER).is_dir() else Path()])
    missing = [str(place) for place in chosen if not place.exists()]
    if missing:
        raise click.UsageError(f"there is no {', '.join(missing)}")
    if (state is not None or variables) and (len(places) + len(dests) != 1 or _is_folder_of_jobs(places, state)):
        raise click.UsageError("--state and --var are of one job; name it alone")
    given, now = pairs(variables, "--var"), datetime.now(UTC)
    jobs = standings(chosen, list(dests), now, lambda path: load_job(str(path), variables=given), state)
    if as_json:
        from scraper.cli.run import unseen_escaped

        click.echo(unseen_escaped(json.dumps([each.as_dict() for each in jobs], ensure_ascii=False)))
    elif not jobs:
        click.echo(f"no job is in {', '.join(map(str, chosen))}; scraper init writes one", err=True)
    else:
        from scraper.cli.runs import columns, say_table
        from scraper.run.answers.status_table import status_notes, status_table

        say_table(status_table(jobs, now, columns()))
        for note in status_notes(jobs):
            click.echo(note)
    return Exit.FAILURES if check and not all(each.is_well for each in jobs) else Exit.DONE


def _is_folder_of_jobs(places: tuple[Path, ...], state: Path | None) -> bool:
    """Whether what is named is a folder that no run wrote to."""
    return any(place.is_dir() and not ((state or place / ".scraper") / "ledger.db").is_file() for place in places)
