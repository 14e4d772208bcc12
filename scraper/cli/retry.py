"""`scraper retry`: what failed is asked for again.

With `-n --json` one object:

    job, runs       which job, and the runs whose latest endings count, oldest first
    total, classes  how many failures would be taken, and of each class
    left            how many cannot be asked for by themselves: {"row", "login", "rule": count}
    take            [{kind: page | item | file, url, class, message}]
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper import units
from scraper.cli.examples import examples
from scraper.cli.logs import log_options
from scraper.cli.run import wait_option

if TYPE_CHECKING:
    from scraper.run.errands.retry import Retry
    from scraper.state.db import Database

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(short_help="ask again for what failed, and nothing else", epilog=examples("retry"))
@click.argument("job")
@click.option("--class", "classes", multiple=True, metavar="C,...", help="timeout, http, http:404, http:5xx, ...; all.")
@click.option("--since", metavar="WHEN", help="Of all runs since 2d (ago), a date, or a run; default: the newest.")
@click.option("--url", metavar="GLOB", help="Only URLs such as this: https://example.org/*.jpg")
@click.option("-d", "--dest", type=_FOLDER, metavar="DIR", help="The folder the run wrote to.")
@click.option("--state", type=_FOLDER, metavar="DIR", help="Where the ledger lives, if not below it.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="Downloads in flight.")
@click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key of a job, as YAML.")
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job.")
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would be taken; fetch nothing.")
@wait_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary (with -n: what would be taken) as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Every page and file.")
@log_options
def retry(job: str, **options: Any) -> int:
    """Asks again for every page, item and file of JOB whose latest ending is a failure: in the newest run that has
    ended and what mended it since, or in all runs --since.

    It is a run of its own: nothing becomes gone by it. What pages now give that is new is fetched too.
    """
    from scraper.cli import asked
    from scraper.cli.layers import load_job
    from scraper.cli.run import overrides, pairs
    from scraper.run.errands.retry import Retry
    from scraper.state.db import Database

    patterns = patterns_of(options["classes"])
    loaded = load_job(job, variables=pairs(options["variables"], "--var"), overrides=overrides(options))
    ledger = asked.asked_of(loaded, options["dest"], options["state"]).ledger
    with Database.reading(ledger) as db:
        since = _since(db, loaded.job.name, options["since"], datetime.now(UTC))
        said = [sorted(patterns), options["url"], options["since"]]
        errand = Retry(patterns, options["url"] or "*", since, said)
        errand.job(loaded.job)
        errand.choose(db, loaded.job.name)
        if options["dry_run"]:
            _tell_plan(db, loaded.job.name, errand, as_json=options["as_json"])
            return 0
        if not options["wait"] and _is_nothing(db, loaded.job.name, errand, options):
            return 0
    return _run(loaded, errand, options)


def _run(loaded: Any, errand: Retry, options: dict[str, Any]) -> int:
    from scraper.cli.run import execute
    from scraper.run.kit import Options
    from scraper.run.runner import run

    def perform(shown: Any, control: Any) -> Any:
        shown.say(_words(errand))
        settings = Options(dest=options["dest"], state=options["state"], errand=errand, wait=options["wait"])
        return run(loaded, settings, shown, control)

    return execute(loaded, {**options, "limit": None, "fresh": False}, perform=perform)


# -- what is meant -----------------------------------------------------------------------------------------


def patterns_of(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that `--class` names, as globs of classes.

    Raises:
        click.UsageError: one is no class.
    """
    names = [name.strip().lower() for text in texts for name in text.split(",") if name.strip()]
    return tuple(dict.fromkeys(map(_pattern, names))) or ("*",)


def _pattern(name: str) -> str:
    kind, colon, status = name.partition(":")
    if name == "all":
        return "*"
    if kind == "http" and (not colon or _is_status(status)):
        return "http:" + (status.replace("x", "[0-9]") if colon else "*")
    if name in _classes():
        return name
    import difflib

    near = difflib.get_close_matches(name, [*_classes(), "http", "all"], 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    known = ", ".join([*_classes(), "http", "http:404", "http:5xx", "all"])
    raise click.UsageError(f"--class {name}: there is no such class{hint} (known are {known})")


def _is_status(text: str) -> bool:
    return len(text) == 3 and text[0] in "12345" and all(each in "0123456789x" for each in text[1:])


def _classes() -> list[str]:
    from scraper.errors import CLASSES

    return [*CLASSES, "name"]


def _since(db: Database, job: str, text: str | None, now: datetime) -> datetime | str | None:
    """The moment or the run that `--since` names.

    Raises:
        click.UsageError: it names none.
    """
    from scraper.state import retries

    if text is None:
        return None
    runs = retries.run_names(db, job)
    if text in runs:
        return text
    try:
        return now - timedelta(seconds=units.duration(text))
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        newest = f"; the newest runs are {', '.join(runs[:3])}" if runs else ""
        raise click.UsageError(f"--since {text}: write 2d or 3h, a date such as 2026-11-20, or a run{newest}") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


# -- what is told ------------------------------------------------------------------------------------------


def _is_nothing(db: Database, job: str, errand: Retry, options: dict[str, Any]) -> bool:
    """Whether no run is to be begun; says so.

    A retry that was cut off is continued, if only to write its records; where an ordinary run is open, that is told.
    """
    from scraper.state import retries

    if errand.taken.total or retries.has_open(db, job, errand.kind) or retries.open_ordinary(db) is not None:
        return False
    if options["as_json"]:
        _tell_plan(db, job, errand, as_json=True)
    if not options["quiet"]:
        click.echo(_words(errand), err=True)
    return True


def _words(errand: Retry) -> str:
    from scraper.state.retries import LEFT

    taken = errand.taken
    kinds = (("page", len(taken.pages)), ("item", taken.items), ("file", len(taken.files)))
    counts = [f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in kinds if count]
    classes = ", ".join(f"{name} {count}" for name, count in sorted(taken.classes.items()))
    told = f"to retry: {', '.join(counts)} ({classes})" if counts else f"nothing to retry in {_scope_words(errand)}"
    left = [f"{count} {LEFT[why]}" for why, count in sorted(taken.left.items())]
    return told + (f"; left: {', '.join(left)}" if left else "")


def _scope_words(errand: Retry) -> str:
    runs = errand.scope.names
    if not runs:
        return "any run"
    return f"run {runs[-1]}" if len(runs) == 1 else f"runs {runs[0]} to {runs[-1]}"


def _tell_plan(db: Database, job: str, errand: Retry, *, as_json: bool) -> None:
    from scraper.run.events import printable
    from scraper.state import retries

    told = retries.told(db, errand.taken, errand.choice)
    if not as_json:
        for one in told:
            click.echo(printable(f"{one.kind:<5} {one.name:<10} {one.url}"))
        click.echo(_words(errand), err=True)
        return
    from scraper.cli.run import unseen_escaped

    taken = errand.taken
    head = {
        "job": job, "runs": errand.scope.names, "total": taken.total, "classes": dict(sorted(taken.classes.items())),
        "left": dict(sorted(taken.left.items())),
    }  # fmt: skip
    click.echo(unseen_escaped(f'{json.dumps(head, ensure_ascii=False)[:-1]}, "take": ['), nl=False)
    for piece in _pieces(told):
        click.echo(unseen_escaped(piece), nl=False)
    click.echo("]}")


def _pieces(told: Iterator[Any]) -> Iterator[str]:
    for at, one in enumerate(told):
        row = {"kind": one.kind, "url": one.url, "class": one.name, "message": one.why}
        yield f"{', ' if at else ''}{json.dumps(row, ensure_ascii=False)}"
