"""`scraper forget`: the next run takes for new what the ledger forgets.

WHAT and JOB stand in a row: the last of them is the job where it is a file whose name ends as a job's does.
With `--json` one object: `{"dest", "dry", "pages": [url], "files": [{"path", "key"}], "items": [{"rule", "key"}],
"deleted": [path], "kept": {path: why}, "records": path or null}`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.asked import ledger_options
from scraper.cli.examples import examples
from scraper.cli.run import wait_option

if TYPE_CHECKING:
    from scraper.run.forget import Forgotten, Wanted

JOBS = (".yaml", ".yml")


@click.command(short_help="have the ledger forget URLs, files and items", epilog=examples("forget"))
@click.argument("what", nargs=-1, metavar="WHAT... [JOB]")
@ledger_options
@click.option("--class", "classes", metavar="CLASS", help="What failed so last: http:404, timeout,http:5xx, all.")
@click.option("--gone", is_flag=True, help="Items that are gone.")
@click.option("--delete", is_flag=True, help="Delete the files too, if they are as they were saved.")
@click.option("--name", "free_names", is_flag=True, help="Free the names of the files too.")
@click.option("-n", "--dry-run", is_flag=True, help="Only tell what would be forgotten.")
@wait_option
def forget(
    what: tuple[str, ...], dest: Path | None, state: Path | None, variables: tuple[str, ...], as_json: bool,
    classes: str | None, gone: bool, delete: bool, free_names: bool, dry_run: bool, wait: float,
) -> int:  # fmt: skip
    """The ledger forgets WHAT: URLs, paths below the output folder, globs of these, keys of items.

    The next run reads such a page as if never seen, and fetches such a file if it is not there. Items leave the
    records. Names stay reserved.
    """
    from scraper.cli import asked
    from scraper.cli.retry import patterns_of
    from scraper.run import forget as forgetting

    texts, job = _parted(what)
    if not (texts or classes or gone):
        raise click.UsageError("say what: a URL, a path, a glob, the key of an item, --class or --gone")
    found = asked.find(job, dest, state, variables)
    wanted = forgetting.Wanted(
        found.dest, found.ledger, None if found.loaded is None else found.loaded.job, texts,
        patterns_of((classes,)) if classes else (), gone, delete, free_names, dry_run, wait,
    )  # fmt: skip
    told = forgetting.forget(wanted)
    _tell_json(wanted, told) if as_json else _tell(wanted, told)
    return 0


def _parted(what: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """What is meant, and the job."""
    is_job = bool(what) and what[-1].endswith(JOBS) and "://" not in what[-1] and Path(what[-1]).is_file()
    return (what[:-1], what[-1]) if is_job else (what, None)


def _tell(wanted: Wanted, told: Forgotten) -> None:
    """What was forgotten on stdout, all else on stderr."""
    from scraper.run.events import printable

    for kind, names in (
        ("page", told.pages),
        ("file", [key if path is None else path for path, key in told.files]),
        ("item", [f"{rule} {key}" for rule, key in told.items]),
    ):
        for name in names:
            click.echo(printable(f"{kind} {name}"))
    for path, why in told.kept.items():
        click.echo(printable(f"not deleted: {path}: {why}"), err=True)
    for line in _last_lines(wanted, told):
        click.echo(printable(line), err=True)


def _last_lines(wanted: Wanted, told: Forgotten) -> list[str]:
    from scraper.units import counted

    done = "would be forgotten" if wanted.dry else "forgotten"
    pages, files, items = len(told.pages), len(told.files), len(told.items)
    lines = [f"{counted(pages, 'page')}, {counted(files, 'file')} and {counted(items, 'item')} {done}"]
    if wanted.delete:
        lines.append(f"{counted(len(told.deleted), 'file')} {'would be deleted' if wanted.dry else 'deleted'}")
    if told.records is not None:
        lines.append(f"{told.records} is written anew")
    elif told.items and wanted.job is None and not wanted.dry:
        lines.append(
            "the records still hold these items; the next run writes them anew, as this does where JOB is named"
        )
    return lines


def _tell_json(wanted: Wanted, told: Forgotten) -> None:
    from scraper.cli.run import unseen_escaped

    found = {
        "dest": str(wanted.dest),
        "dry": wanted.dry,
        "pages": told.pages,
        "files": [{"path": path, "key": key} for path, key in told.files],
        "items": [{"rule": rule, "key": key} for rule, key in told.items],
        "deleted": told.deleted,
        "kept": told.kept,
        "records": told.records,
    }
    click.echo(unseen_escaped(json.dumps(found, ensure_ascii=False)))
