"""`scraper plan`: what a run would do, told before it does it.

With `--json` one object:

    job, dest, dest_exists  which job, where files would go, and whether that is there
    continues, stopped      whether an open run would be continued; whether a signal ended the walk
    limit                   {asked, reached}: with reached, what lies behind is unknown
    pages                   {read, skipped, failed, unread}; unread: known, and behind the limit
    items                   {total, failed}
    files                   fetch: how many would be fetched; the others by ending (`skipped:exists`, ...);
                            unfinished_names: only the response tells their extension; collisions: bear `~` and digits
    rules                   [{rule, pages, items, files}]
    left_out                [{kind, ending, count, examples: [{url, message}]}]; kind: page, item, file
    sizes                   {files, sampled, known, unknown: {why: count}, mean, total, low, high, estimate: true,
                            led_to: {host: count}}, bytes; null where nobody was asked
    rate                    bytes a second (`polite.rate`), or null
    hosts                   [{host, requests, pages, files, robots, per_host, delay: [low, high], crawl_delay, answer,
                            seconds}], the longest first; seconds of waiting, of an answer, and at least in all
    seconds, bound_by       the least that the run takes, and the host (or "polite.rate") that makes it so
    exit_code               as of this command
    names                   [{path, whole, url, rule, ending, message, instead_of, borne_by}], every file, nearest
                            to the start first; ending null: would be fetched; whole: the name has its extension;
                            instead_of, borne_by: the name it wanted, and the file (its key) that has it
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper import errors
from scraper.cli.examples import examples

if TYPE_CHECKING:
    from scraper.run.control import Control
    from scraper.run.plan.estimate import Plan
    from scraper.run.plan.walk import Walked


@click.command(short_help="what a run would do; writes nothing", epilog=examples("plan"))
@click.argument("job")
@click.option("-d", "--dest", type=click.Path(file_okay=False, path_type=Path), help="Where files would go.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Where the ledger lives.")
@click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key of a job, as YAML.")
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="N items, or N files where there are no items.")
@click.option("--fresh", is_flag=True, help="As if a new run began, even where a run is open.")
@click.option(
    "--sample", type=click.IntRange(0, 1000), default=20, show_default=True, metavar="N",
    help="Files that are asked for their size by HEAD; 0: none.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object with the name of every file.")
@click.option("-q", "--quiet", is_flag=True, help="Beside the plan, errors only.")
@click.option("-v", "--verbose", is_flag=True, help="All names, hosts and reasons, not the first; log each page.")
def plan(job: str, **options: Any) -> int:
    """Walks the pages of JOB ("-" reads it from stdin) and tells what a run would fetch, from whom, how large, for how
    long. Files are named and not fetched; some are asked for their size. Nothing is written.

    Exit 4 where pages or items failed in the walk; what is only skipped is no failure.

    With --json: job, dest, dest_exists, continues, stopped, limit, pages, items, files, rules, left_out, sizes, rate,
    hosts, seconds, bound_by, exit_code, and names: every file with path, whole (if not, the response tells its
    extension), url, rule, ending (null: would be fetched), message, instead_of and borne_by (of a collision). Sizes
    are bytes, times are seconds.
    """
    from scraper.cli.layers import load_job
    from scraper.cli.run import pairs

    loaded = load_job(job, variables=pairs(options["variables"], "--var"), overrides=list(options["overrides"]))
    try:
        return _plan(loaded, options)
    except (errors.ScraperError, click.ClickException):
        raise
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            return _bug()
        raise  # of our output: main.py tells
    except Exception:
        return _bug()


def _bug() -> int:
    logging.getLogger("scraper").exception("this is a bug in scraper; please report it")
    return errors.Exit.BUG


def _plan(loaded: Any, options: dict[str, Any]) -> int:
    from scraper.cli.show import Shown
    from scraper.run.control import Control
    from scraper.run.kit import Options
    from scraper.run.plan.walk import planned

    control = Control()
    settings = Options(
        dest=options["dest"], state=options["state"], limit=options["limit"], fresh=options["fresh"], dry=True
    )
    shown = Shown(quiet=options["quiet"], verbose=options["verbose"], paths=False)
    with shown, _stopped(control, shown.note):
        for warning in loaded.warnings:
            shown.say(str(warning))
        with planned(loaded, settings, shown, control, options["sample"]) as walked:
            _tell(walked, options)
            return walked.summary.exit_code


@contextmanager
def _stopped(control: Control, note: Callable[[str], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the walk, and what was seen is told; the second ends the process as ever."""

    def stop(number: int, _: Any) -> None:
        control.stop(128 + number)
        note("stopping: the plan of what was seen so far follows")
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(walked: Walked, options: dict[str, Any]) -> None:
    from scraper.run.plan.estimate import plan_of

    if walked.facts is None:
        return
    told = plan_of(walked.facts)
    _tell_json(told, walked) if options["as_json"] else _tell_text(told, walked, whole=options["verbose"])


def _tell_text(told: Plan, walked: Walked, *, whole: bool) -> None:
    from scraper.run.plan.lines import INDENT, lines

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines(told, walked.names, whole=whole, width=width):
        click.echo(click.style(f"{line.heading:<{INDENT}}", bold=True) + line.text if line.heading else str(line))


def _tell_json(told: Plan, walked: Walked) -> None:
    """The names one after the other: there may be more of them than memory likes to hold."""
    from scraper.cli.run import unseen_escaped

    head = json.dumps({**told.as_dict(), "exit_code": walked.summary.exit_code}, ensure_ascii=False)
    click.echo(unseen_escaped(f'{head[:-1]}, "names": ['), nl=False)
    for at, name in enumerate(walked.names):
        click.echo(unseen_escaped(f"{', ' if at else ''}{json.dumps(name, ensure_ascii=False)}"), nl=False)
    click.echo("]}")
