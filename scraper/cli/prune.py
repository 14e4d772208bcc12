"""`scraper prune`: files that are gone at the source.

With `--json` one object: `{"dest", "dry", "to", "known", "count", "bytes", "files": [{"path", "url", "bytes", "since",
"run", "why"}], "kept": [the same, and "kept": why it stays], "absent": [path], "folders": [path]}`. known: files that
the ledger knows to stand; since, run: the complete run that first did not meet it, and when that ended.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper import units
from scraper.cli.asked import ledger_options
from scraper.cli.examples import examples
from scraper.cli.run import wait_option

if TYPE_CHECKING:
    from scraper.run.prune import Judged, Pruned, Wanted


def _age(ctx: click.Context, option: click.Parameter, value: str | None) -> timedelta:
    try:
        return timedelta(seconds=0 if value is None else units.duration(value))
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(str(error), ctx, option) from None


@click.command(short_help="files gone at the source; deletes with --yes", epilog=examples("prune"))
@click.argument("job", required=False)
@ledger_options
@click.option("-y", "--yes", is_flag=True, help="Delete them; without, they are only told.")
@click.option("-n", "--dry-run", is_flag=True, help="Only tell them, also with --yes.")
@click.option("--min-age", callback=_age, metavar="TIME", help="Only what is gone for so long: 30d, 12h.")
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="With --yes: move them there instead."
)
@click.option("--all", "all_", is_flag=True, help="Also if that is more than half of all files.")
@wait_option
def prune(
    job: str | None, dest: Path | None, state: Path | None, variables: tuple[str, ...], as_json: bool, yes: bool,
    dry_run: bool, min_age: timedelta, to: Path | None, all_: bool, wait: float,
) -> int:  # fmt: skip
    """Tells which files of JOB (or of a folder, -d) no page leads to any more, and deletes them if told to.

    The newest complete run is the truth. A file that was changed since it was saved is kept.
    """
    from scraper.cli import asked
    from scraper.run import prune as pruning

    found = asked.find(job, dest, state, variables)
    its_job = None if found.loaded is None else found.loaded.job
    wanted = pruning.Wanted(found.dest, found.ledger, its_job, datetime.now(UTC), min_age, all_, to, wait)
    is_dry = dry_run or not yes
    pruned = pruning.look(wanted) if is_dry else pruning.prune(wanted)
    _tell_json(wanted, pruned, is_dry) if as_json else _tell(wanted, pruned, is_dry)
    return 0


def _tell(wanted: Wanted, pruned: Pruned, is_dry: bool) -> None:
    """The files on stdout, all else on stderr."""
    from scraper.run.events import printable

    going = pruned.going if is_dry else pruned.done
    for each in going:
        click.echo(printable(_line(each)))
    for each in pruned.files:
        if each.kept is not None:
            click.echo(printable(f"kept: {each.gone.file.path}: {each.kept}"), err=True)
    for line in _last_lines(wanted, pruned, going, is_dry):
        click.echo(printable(line), err=True)


def _line(each: Judged) -> str:
    size, day = units.human_bytes(each.gone.file.bytes), f"{each.gone.since:%Y-%m-%d}"
    return f"{each.gone.file.path}  {size}  gone since {day}: {each.gone.why}"


def _last_lines(wanted: Wanted, pruned: Pruned, going: list[Judged], is_dry: bool) -> list[str]:
    size = units.human_bytes(sum(each.gone.file.bytes for each in going))
    said = f"{len(going)} of {pruned.count} files are gone at the source ({size})"
    lines = []
    if pruned.absent:
        lines.append(f"{len(pruned.absent)} more are gone, and not on the disk any more either")
    if not is_dry:
        done = "deleted" if wanted.to is None else f"moved to {wanted.to}"
        lines.append(f"{len(going)} files {done} ({size}), and {len(pruned.folders)} empty folders removed")
        return lines
    cure = ("; --yes deletes them" + (", with --all: they are more than half" if pruned.is_too_much else "")) * bool(
        going
    )
    return [*lines, said + cure]


def _tell_json(wanted: Wanted, pruned: Pruned, is_dry: bool) -> None:
    from scraper.cli.run import unseen_escaped

    going = pruned.going if is_dry else pruned.done
    told: dict[str, Any] = {
        "dest": str(wanted.dest),
        "dry": is_dry,
        "to": None if wanted.to is None else str(wanted.to),
        "known": pruned.count,
        "count": len(going),
        "bytes": sum(each.gone.file.bytes for each in going),
        "files": [_as_dict(each) for each in going],
        "kept": [{**_as_dict(each), "kept": each.kept} for each in pruned.files if each.kept is not None],
        "absent": [each.file.path for each in pruned.absent],
        "folders": pruned.folders,
    }
    click.echo(unseen_escaped(json.dumps(told, ensure_ascii=False)))


def _as_dict(each: Judged) -> dict[str, Any]:
    file = each.gone.file
    return {
        "path": file.path, "url": file.key, "bytes": file.bytes, "since": each.gone.since.isoformat(),
        "run": each.gone.run, "why": each.gone.why,
    }  # fmt: skip
