"""`scraper report`: the page of a run, or of many; made again where it is missing or where that is wanted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli import asked
from scraper.cli.examples import examples
from scraper.errors import UsageError

if TYPE_CHECKING:
    from scraper.cli.asked import Asked
    from scraper.state.db import Database


@click.command(short_help="the report of a run, or of many", epilog=examples("report"))
@click.argument("job", required=False)
@click.option("--run", "run", metavar="RUN", help="Of this run; default: the newest.")
@click.option("--last", type=click.IntRange(1, 1000), metavar="N", help="One page of the newest N runs.")
@click.option("--all", "every", is_flag=True, help="One page of all runs (the newest 1000).")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there.")
@click.option("--rebuild", is_flag=True, help="Make it again from the ledger.")
@click.option("--open", "is_opened", is_flag=True, help="Open it in the browser.")
@asked.ledger_options
def report(
    job: str | None, run: str | None, last: int | None, every: bool, output: Path | None, rebuild: bool,
    is_opened: bool, dest: Path | None, state: Path | None, variables: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Prints the path of the report that a run of JOB (or in a folder, -d) left: one HTML page that needs nothing else.

    A report that is missing is made from the ledger.
    """
    if run is not None and (last is not None or every):
        raise click.UsageError("--run is one run; --last and --all are many")
    found = asked.find(job, dest, state, variables)
    page, runs = _many(found, last, output) if every or last is not None else _one(found, run, output, rebuild)
    if as_json:
        from scraper.cli.run import unseen_escaped

        click.echo(unseen_escaped(json.dumps({"report": str(page), "runs": runs}, ensure_ascii=False)))
    else:
        click.echo(os.fsencode(page))
    if is_opened:
        _open(page)


def _one(found: Asked, run: str | None, output: Path | None, rebuild: bool) -> tuple[Path, list[str]]:
    """The page of a run; made where there is none, or a new one is wanted."""
    from scraper.report import make
    from scraper.run.reporting import folder_of, name_of
    from scraper.state.db import Database

    state = found.ledger.parent
    with Database.reading(found.ledger) as db:
        name = run or _newest(db, found)
        stands = make.place(state, name)
        if stands.is_file() and not rebuild and output is None:
            return stands, [name]
        goal = output or stands
        job = name_of(found.loaded, found.dest) if found.loaded is not None else folder_of(found.dest)
        with _told(goal):
            goal.parent.mkdir(parents=True, exist_ok=True)
            make.make(db, name, make.Wanted(found.dest, state, goal, job, _settings(found, state, name)))
    return goal, [name]


def _settings(found: Asked, state: Path, run: str) -> str | None:
    """Those of the job as its file has them now, where the run left no page that says them."""
    from scraper.report import make, settings

    if found.loaded is None or make.place(state, run).is_file():
        return None
    return settings.text(found.loaded, {})


def _many(found: Asked, last: int | None, output: Path | None) -> tuple[Path, list[str]]:
    from scraper.report import make, overview
    from scraper.state.db import Database

    state = found.ledger.parent
    goal = output or state / overview.NAME
    with Database.reading(found.ledger) as db, _told(goal):
        rows = overview.rows(db, state, goal, last, None if found.loaded is None else found.loaded.job.name)
        make.write(goal, overview.page(rows))
    return goal, [row.run.id for row in rows]


def _newest(db: Database, found: Asked) -> str:
    job = None if found.loaded is None else found.loaded.job.name
    run = db.value("SELECT run FROM runs WHERE ?1 IS NULL OR job = ?1 ORDER BY id DESC LIMIT 1", job)
    if run is None:
        of = "" if job is None else f" of {job}"
        raise UsageError(f"{found.ledger} knows no run{of} yet; scraper run comes first")
    return str(run)


class _told:  # noqa: N801 - reads as a function
    """A page that cannot be written is told as any wrong path is."""

    def __init__(self, goal: Path) -> None:
        self._goal = goal

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            raise UsageError(f"{self._goal} cannot be written: {error.strerror}") from error


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        raise UsageError(f"no browser was found; the report is {page}")
